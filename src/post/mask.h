/* SPDX-License-Identifier: Apache-2.0
 * From a network's map of classes to one byte for each pixel of the picture: bilinear upsampling
 * and the choice of class in one step, row by row, so that the enlarged logits never exist. */
#ifndef MN_POST_MASK_H
#define MN_POST_MASK_H

#include "contract/contract.h"

/* The network's output for one picture. */
typedef struct mn_mask_map {
  const void *data; /* [height][width][channels], dense; classes of I32 or I64: one channel */
  mn_type type;     /* F32, U8, I8: logits or scores; I32, I64: the class itself */
  int32_t height, width, channels;
  float scale; /* real = scale * (q - zero), for U8 and I8 */
  int32_t zero;
} mn_mask_map;

/* Where picture pixel i lies in the map, in pixels of it from its first one's centre:
 * i * scale + offset. What lies outside [first, last] the network has not seen. */
typedef struct mn_mask_axis {
  double scale, offset, first, last;
} mn_mask_axis;

typedef struct mn_mask_job {
  mn_mask_map map;
  mn_mask_axis x, y;
  mn_score score;  /* one or two channels: what makes them a probability */
  uint8_t outside; /* of pixels that the network has not seen */
  mn_mask out;
} mn_mask_job;

/* The class of every pixel: that of the largest interpolated logit, equal ones by lowest class; of
 * one channel, 1 from a probability of one half; of a map of classes, the nearest one's. Classes
 * outside 0..255 become `outside`. Allocates two rows of work memory and frees them. Error: MEMORY.
 */
mn_status mn_mask_classes(const mn_mask_job *job, mn_error *err);

/* How much every pixel belongs to the one class of a map of one channel, or to the second of two:
 * round(255 * probability). Likewise. */
mn_status mn_mask_alpha(const mn_mask_job *job, mn_error *err);

#endif
