/* SPDX-License-Identifier: Apache-2.0
 * The two families behind mn_resize_run. Each lays its work memory out with one function that also
 * counts it, so that the size promised and the size used are the same sum. */
#ifndef MN_IMAGE_RESIZE_METHODS_H
#define MN_IMAGE_RESIZE_METHODS_H

#include "base/checked.h"
#include "image/resize.h"

/* Hands out pieces of a block, or only counts them when block is NULL. */
typedef struct mn_carver {
  uint8_t *block;
  size_t used;
  bool overflow;
} mn_carver;

static inline void *mn_carve(mn_carver *carver, size_t count, size_t size) {
  size_t bytes = 0, end = 0, at = carver->used;
  if (!mn_mul_size(count, size, &bytes) || !mn_add_size(bytes, at, &end) ||
      !mn_round_up(end, 8, &end)) {
    carver->overflow = true;
    return NULL;
  }
  carver->used = end;
  return carver->block ? carver->block + at : NULL;
}

/* Pillow's antialiased bilinear and bicubic. */
void mn_resize_pillow_count(const mn_resize_limits *limits, mn_carver *carver);
void mn_resize_pillow(const mn_resize_job *job, void *scratch);

/* Two-tap linear: TensorFlow 1's and OpenCV's. */
void mn_resize_linear_count(const mn_resize_limits *limits, mn_carver *carver);
void mn_resize_linear(const mn_resize_job *job, void *scratch);

#endif
