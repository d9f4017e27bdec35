/* SPDX-License-Identifier: Apache-2.0
 * See rand_augment.h. */
#include "train/rand_augment.h"

#include <math.h>

#include "train/levels.h"
#include "train/warp.h"

/* The amount of an operation at the largest magnitude; from 0 it grows evenly. */
static double largest(mn_rand_op op, const mn_canvas *canvas) {
  switch (op) {
    case MN_RAND_SHEAR_X:
    case MN_RAND_SHEAR_Y: return 0.3;
    case MN_RAND_TRANSLATE_X: return 150.0 / 331 * canvas->width;
    case MN_RAND_TRANSLATE_Y: return 150.0 / 331 * canvas->height;
    case MN_RAND_ROTATE: return 30;
    case MN_RAND_BRIGHTNESS:
    case MN_RAND_COLOR:
    case MN_RAND_CONTRAST:
    case MN_RAND_SHARPNESS: return 0.9;
    default: return 0;
  }
}

static mn_warp warp_of(mn_rand_op op, double amount, const mn_canvas *canvas) {
  switch (op) {
    case MN_RAND_SHEAR_X: return mn_warp_shear(amount, 0);
    case MN_RAND_SHEAR_Y: return mn_warp_shear(0, amount);
    case MN_RAND_TRANSLATE_X: return mn_warp_translation(trunc(amount), 0);
    case MN_RAND_TRANSLATE_Y: return mn_warp_translation(0, trunc(amount));
    default: return mn_warp_rotation(amount, (mn_size){canvas->width, canvas->height});
  }
}

mn_status mn_rand_apply(const mn_rand_step *step, mn_canvas *canvas, const uint8_t fill[3],
                        mn_workspace *space, mn_error *err) {
  const double part = (double)step->magnitude / MN_RAND_MOST_MAGNITUDE;
  const double amount = (step->negative ? -part : part) * largest(step->op, canvas);
  switch (step->op) {
    case MN_RAND_SHEAR_X:
    case MN_RAND_SHEAR_Y:
    case MN_RAND_TRANSLATE_X:
    case MN_RAND_TRANSLATE_Y:
    case MN_RAND_ROTATE: {
      const mn_warp warp = warp_of(step->op, amount, canvas);
      return mn_warp_picture(canvas, &warp, fill, space, err);
    }
    case MN_RAND_BRIGHTNESS: mn_adjust_brightness(canvas, 1 + amount); break;
    case MN_RAND_COLOR: mn_adjust_saturation(canvas, 1 + amount); break;
    case MN_RAND_CONTRAST: mn_adjust_contrast(canvas, 1 + amount); break;
    case MN_RAND_SHARPNESS: return mn_adjust_sharpness(canvas, 1 + amount, space, err);
    case MN_RAND_POSTERIZE: mn_posterize(canvas, 8 - (int)rint(part * 4)); break;
    case MN_RAND_SOLARIZE: mn_solarize(canvas, 255 - 255 * part); break;
    case MN_RAND_AUTOCONTRAST: mn_autocontrast(canvas); break;
    case MN_RAND_EQUALIZE: mn_equalize(canvas); break;
    default: break;
  }
  return MN_OK;
}

mn_rand_step mn_rand_choose(mn_rng *rng, int magnitude) {
  mn_rand_step step = {.op = (mn_rand_op)mn_rng_below(rng, MN_RAND_OPS), .magnitude = magnitude};
  step.negative = mn_rng_below(rng, 2) == 1;
  return step;
}
