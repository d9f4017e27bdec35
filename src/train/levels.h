/* SPDX-License-Identifier: Apache-2.0
 * What changes a picture's colours, each once and by a stated amount; rand_augment.h and augment.h
 * choose amounts. Brightness, contrast, saturation, hue and sharpness are torchvision's functions
 * of 8-bit tensors, the rest Pillow's ImageOps (docs/training.md). */
#ifndef MN_TRAIN_LEVELS_H
#define MN_TRAIN_LEVELS_H

#include "train/view.h"

/* 1 changes nothing; 0 is black, all of the mean gray, gray, and smooth. */
void mn_adjust_brightness(mn_canvas *canvas, double factor);
void mn_adjust_contrast(mn_canvas *canvas, double factor);
void mn_adjust_saturation(mn_canvas *canvas, double factor);
mn_status mn_adjust_sharpness(mn_canvas *canvas, double factor, mn_workspace *space, mn_error *err);
/* By a part of the circle of hues: -1/2 to 1/2. */
void mn_adjust_hue(mn_canvas *canvas, double turn);

/* Keeps the highest `bits` of 8. */
void mn_posterize(mn_canvas *canvas, int bits);
/* Turns into its negative what is at least `threshold`. */
void mn_solarize(mn_canvas *canvas, double threshold);
/* Stretches each channel's darkest to 0 and brightest to 255. */
void mn_autocontrast(mn_canvas *canvas);
/* Makes each channel's levels equally frequent, as far as that goes. */
void mn_equalize(mn_canvas *canvas);

#endif
