/* SPDX-License-Identifier: Apache-2.0
 * Resizing 8-bit RGB pictures by the named methods, row by row, in the caller's scratch memory.
 * Nothing here allocates; mn_image_resize (public) does, around it. docs/preprocessing.md states
 * every formula and what each is equal to. */
#ifndef MN_IMAGE_RESIZE_H
#define MN_IMAGE_RESIZE_H

#include <stdbool.h>

#include "base/error.h"
#include "mobilenet/image.h"

/* Takes row `y` of the window: window_width RGB pixels, valid during the call. */
typedef void mn_resize_row_fn(void *context, int32_t y, const uint8_t *row);

/* A region with fractional edges, in pixels from the source's top left corner. */
typedef struct mn_resize_box {
  float x0, y0, x1, y1;
} mn_resize_box;

/* The box of `source` scaled to width x height, of which only the window is computed. A crop in
 * whole pixels is a source that points into a larger picture instead: the difference is that the
 * filter sees the pixels around a box, not those around a crop. */
typedef struct mn_resize_job {
  mn_image source;
  mn_resize_box box; /* Pillow's methods only; all 0: the whole source */
  mn_resize method;
  int32_t width, height;
  int32_t x, y, window_width, window_height;
  mn_resize_row_fn *row;
  void *context;
} mn_resize_job;

/* The largest job that scratch memory is for. */
typedef struct mn_resize_limits {
  mn_resize method;
  double scale_x, scale_y; /* box size / whole result size */
  int32_t window_width;
  int32_t source_width;
} mn_resize_limits;

/* Whether a method takes a box with fractional edges: Pillow's do. */
bool mn_resize_takes_box(mn_resize method);

/* Whether a job names a part of its source. */
static inline bool mn_resize_is_boxed(const mn_resize_job *job) { return job->box.x1 > 0; }

/* The limits that a job fills exactly. */
mn_resize_limits mn_resize_limits_of(const mn_resize_job *job);

/* Bytes that any job within the limits runs in; false when they do not fit a size_t. */
bool mn_resize_scratch(const mn_resize_limits *limits, size_t *bytes);

/* Calls job->row for y = 0 .. window_height - 1, in order. `scratch` is 8-byte aligned.
 * Errors: ARGUMENT (a size that is not positive, a window outside the result, a box outside the
 * source or with another method than Pillow's), LIMIT (too little scratch). */
mn_status mn_resize_run(const mn_resize_job *job, void *scratch, size_t bytes, mn_error *err);

#endif
