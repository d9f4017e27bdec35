/* SPDX-License-Identifier: Apache-2.0
 * Affine maps of a picture onto its own place, each pixel from the nearest one, as Pillow's
 * Image.transform has it. */
#ifndef MN_TRAIN_WARP_H
#define MN_TRAIN_WARP_H

#include "train/view.h"

/* Pixel (x, y) comes from (m[0] x + m[1] y + m[2], m[3] x + m[4] y + m[5]), both with their middles
 * at halves. */
typedef struct mn_warp {
  double m[6];
} mn_warp;

mn_warp mn_warp_rotation(double degrees, mn_size size); /* counter-clockwise about the middle */
mn_warp mn_warp_shear(double x, double y); /* (x, y) comes from (x + shear_x y, y + shear_y x) */
mn_warp mn_warp_translation(double x, double y); /* to the right, down */

/* Error: MEMORY. */
mn_status mn_warp_picture(mn_canvas *canvas, const mn_warp *warp, const uint8_t fill[3],
                          mn_workspace *space, mn_error *err);

#endif
