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

/* `source` scaled as a whole to width x height, of which only the window is computed. A crop before
 * the resize is a source that points into a larger picture. */
typedef struct mn_resize_job {
  mn_image source;
  mn_resize method;
  int32_t width, height;
  int32_t x, y, window_width, window_height;
  mn_resize_row_fn *row;
  void *context;
} mn_resize_job;

/* The largest job that scratch memory is for. */
typedef struct mn_resize_limits {
  mn_resize method;
  double scale_x, scale_y; /* source size / whole result size */
  int32_t window_width;
  int32_t source_width; /* after a crop */
} mn_resize_limits;

/* The limits that a job fills exactly. */
mn_resize_limits mn_resize_limits_of(const mn_resize_job *job);

/* Bytes that any job within the limits runs in; false when they do not fit a size_t. */
bool mn_resize_scratch(const mn_resize_limits *limits, size_t *bytes);

/* Calls job->row for y = 0 .. window_height - 1, in order. `scratch` is 8-byte aligned.
 * Errors: ARGUMENT (a size that is not positive, a window outside the result), LIMIT (too little
 * scratch). */
mn_status mn_resize_run(const mn_resize_job *job, void *scratch, size_t bytes, mn_error *err);

#endif
