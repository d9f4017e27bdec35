/* SPDX-License-Identifier: Apache-2.0
 * Where the pixels of a picture go in an input of another shape: the geometry of the contract's
 * fits, in whole pixels. docs/preprocessing.md gives the formulas. */
#ifndef MN_IMAGE_FIT_H
#define MN_IMAGE_FIT_H

#include "contract/contract.h"
#include "image/resize.h"

typedef struct mn_fit_rule {
  mn_fit fit;
  double crop_fraction;  /* CROP_THEN_RESIZE */
  int32_t short_side;    /* RESIZE_THEN_CROP */
  int32_t height, width; /* of the input */
  bool whole_pixels;     /* CROP_THEN_RESIZE: the crop is rounded, for kernels that take no box */
} mn_fit_rule;

typedef struct mn_size {
  int32_t width, height;
} mn_size;

typedef struct mn_rect {
  int32_t x, y, width, height;
} mn_rect;

/* The part `crop` of the picture, or `box` of it when that is not all 0, is resized to `resized`,
 * of which `window` is kept and put at (x, y) of the input; what it does not cover is filled. */
typedef struct mn_placement {
  mn_rect crop;
  mn_resize_box box;
  mn_size resized;
  mn_rect window;
  int32_t x, y;
} mn_placement;

/* Error: LIMIT, when the picture resized as a whole would be wider or higher than 2^31 - 1. */
mn_status mn_fit_place(const mn_fit_rule *rule, mn_size picture, mn_placement *out, mn_error *err);

/* From a place in the input, in pixels from its corner, to the same place in the picture:
 * picture = input * scale + offset. What a fit cut off or filled lies outside. */
typedef struct mn_fit_back {
  double scale_x, offset_x, scale_y, offset_y;
} mn_fit_back;

mn_fit_back mn_fit_invert(const mn_placement *placement);

/* Upper bounds of box or crop size / resized size for every picture within `largest`. */
void mn_fit_scales(const mn_fit_rule *rule, mn_size largest, double *scale_x, double *scale_y);

#endif
