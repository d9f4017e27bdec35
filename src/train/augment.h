/* SPDX-License-Identifier: Apache-2.0
 * From a decoded picture to a network's input in training: which augmentations, in which order. All
 * of it depends on the numbers of one stream (base/rng.h), so a picture of an epoch is the same
 * whoever makes it. */
#ifndef MN_TRAIN_AUGMENT_H
#define MN_TRAIN_AUGMENT_H

#include "contract/contract.h"
#include "train/crops.h"
#include "train/view.h"

typedef enum mn_crop_kind {
  MN_CROP_NONE,      /* as the contract fits a picture */
  MN_CROP_INCEPTION, /* `area`, `aspect` */
  MN_CROP_PADDED,    /* `padding` */
  MN_CROP_JITTER,    /* `scale` */
  MN_CROP_SSD        /* `ssd` */
} mn_crop_kind;

/* Zero: nothing but the contract. In this order: */
typedef struct mn_augment {
  mn_crop_kind crop;
  mn_range area, aspect;
  int32_t padding;
  mn_range scale;
  mn_crop_ssd_rule ssd;
  double flip;                             /* probability of a horizontal flip */
  int rand_ops;                            /* RandAugment's operations in a row */
  int rand_magnitude;                      /* 0 to 30 */
  double brightness, contrast, saturation; /* factors from 1 - b to 1 + b, in an order at random */
  double hue;                              /* turns from -h to h of the circle, at most 1/2 */
  double erase;                            /* probability of a rectangle being erased */
  mn_range erase_area, erase_aspect; /* of it; as a fraction of the input; height over width */
  uint8_t fill[3];  /* colour of what is erased, padded, or warped in from outside */
  double mixup;     /* alpha; of batches: targets.h */
  double smoothing; /* of labels: targets.h */
} mn_augment;

/* Refuses what cannot be meant. Error: ARGUMENT, naming the field. */
mn_status mn_augment_check(const mn_augment *augment, mn_error *err);

/* A picture with what belongs to it. The mask has the picture's size. */
typedef struct mn_sample {
  mn_image picture;
  const uint8_t *mask; /* [height][width], or NULL */
  mn_box *boxes;       /* [box_count], changed; in pixels of the picture, then of the input */
  int32_t box_count;
} mn_sample;

typedef struct mn_augment_target {
  mn_canvas canvas;
  mn_classes mask; /* of the same size; classes NULL: there is none */
} mn_augment_target;

enum { MN_IGNORED_CLASS = 255 }; /* of mask pixels that show no picture */

/* Fills the target. Errors: MEMORY, LIMIT. */
mn_status mn_augment_run(const mn_augment *augment, const mn_contract *contract, mn_rng *rng,
                         mn_sample *sample, mn_workspace *space, mn_augment_target *target,
                         mn_error *err);

#endif
