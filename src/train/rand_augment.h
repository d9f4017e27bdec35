/* SPDX-License-Identifier: Apache-2.0
 * RandAugment (Cubuk et al., 2020) with the operations, magnitudes and order of torchvision's: some
 * operations in a row, each one of fourteen, all with the same magnitude. */
#ifndef MN_TRAIN_RAND_AUGMENT_H
#define MN_TRAIN_RAND_AUGMENT_H

#include "base/rng.h"
#include "train/view.h"

typedef enum mn_rand_op {
  MN_RAND_IDENTITY,
  MN_RAND_SHEAR_X,
  MN_RAND_SHEAR_Y,
  MN_RAND_TRANSLATE_X,
  MN_RAND_TRANSLATE_Y,
  MN_RAND_ROTATE,
  MN_RAND_BRIGHTNESS,
  MN_RAND_COLOR,
  MN_RAND_CONTRAST,
  MN_RAND_SHARPNESS,
  MN_RAND_POSTERIZE,
  MN_RAND_SOLARIZE,
  MN_RAND_AUTOCONTRAST,
  MN_RAND_EQUALIZE,
  MN_RAND_OPS
} mn_rand_op;

enum { MN_RAND_MOST_MAGNITUDE = 30 };

/* One operation with magnitude 0 to 30, the other way round when `negative` and it has two ways.
 * Error: MEMORY. */
typedef struct mn_rand_step {
  mn_rand_op op;
  int magnitude;
  bool negative;
} mn_rand_step;
mn_status mn_rand_apply(const mn_rand_step *step, mn_canvas *canvas, const uint8_t fill[3],
                        mn_workspace *space, mn_error *err);

/* An operation and its direction at random. */
mn_rand_step mn_rand_choose(mn_rng *rng, int magnitude);

#endif
