/* SPDX-License-Identifier: Apache-2.0
 * A view of a picture: which part of it becomes an input, at which size and place (mn_placement of
 * image/fit.h). Pixels, masks and boxes of one picture go through the same view, so that they stay
 * together whatever was chosen. Nothing here is random: crops.h chooses. */
#ifndef MN_TRAIN_VIEW_H
#define MN_TRAIN_VIEW_H

#include "image/fit.h"
#include "mobilenet/io.h"

/* Pixels that may be changed, without gaps. */
typedef struct mn_canvas {
  uint8_t *pixels; /* [height][width][3] */
  int32_t width, height;
} mn_canvas;

/* Work memory that grows to what was needed; zero-initialize. One thread's. */
typedef struct mn_workspace {
  void *block;
  size_t bytes;
} mn_workspace;

/* At least `bytes`, what was in it is lost; NULL when out of memory. */
void *mn_workspace_take(mn_workspace *space, size_t bytes);
void mn_workspace_free(mn_workspace *space);

/* How pixels are made: by which method, and the colour where the view shows no picture. */
typedef struct mn_view_paint {
  mn_resize method;
  uint8_t fill[3];
} mn_view_paint;

/* Fills `out`, whose size the view was made for. Errors: ARGUMENT, LIMIT, MEMORY. */
mn_status mn_view_picture(const mn_placement *view, const mn_image *picture,
                          const mn_view_paint *paint, mn_workspace *space, mn_canvas *out,
                          mn_error *err);

/* A class for each pixel, of a mask that has its picture's size: the nearest pixel's; `fill` where
 * the view shows no picture. */
typedef struct mn_classes {
  uint8_t *classes; /* [height][width] */
  int32_t width, height;
} mn_classes;
void mn_view_mask(const mn_placement *view, const uint8_t *mask, mn_size picture, uint8_t fill,
                  mn_classes *out);

/* Boxes in pixels of the picture become boxes in pixels of the view, cut at its borders, with the
 * area that is left. Those whose centre the view does not show are left out, and those of which no
 * area is left. Returns how many there are. */
int32_t mn_view_boxes(const mn_placement *view, mn_box *boxes, int32_t count);

/* Left becomes right. */
void mn_flip_picture(mn_canvas *canvas);
void mn_flip_mask(mn_classes *mask);
void mn_flip_boxes(mn_box *boxes, int32_t count, int32_t width);

#endif
