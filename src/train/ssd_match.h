/* SPDX-License-Identifier: Apache-2.0
 * What an SSD head should say of each anchor of a picture: which box's it is, as torchvision's
 * SSDMatcher has it, and the encoding that post/ssd.h would decode to that box. */
#ifndef MN_TRAIN_SSD_MATCH_H
#define MN_TRAIN_SSD_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mobilenet/io.h"

typedef struct mn_ssd_matcher {
  const float *anchors; /* [anchor_count][4]: centre y, centre x, h, w (post/anchors.h) */
  size_t anchor_count;
  double threshold; /* intersection over union from which an anchor is a box's: 0.5 */
  bool torch_boxes; /* encodings are x, y, w, h; else y, x, h, w */
  double scale[4];  /* y, x, h, w: encodings are multiplied by it */
} mn_ssd_matcher;

/* Boxes in pixels of a picture of `width` x `height`. */
typedef struct mn_ssd_truth {
  const mn_box *boxes; /* [box_count] */
  int32_t box_count;
  double width, height;
} mn_ssd_truth;

/* An anchor is of the box that it overlaps most, if by the threshold; and the one that overlaps a
 * box most is that box's whatever else it overlaps (of the last one, when it is several boxes').
 * Crowds and boxes without area are left out. Returns how many anchors are some box's. */
size_t mn_ssd_match(const mn_ssd_matcher *matcher, const mn_ssd_truth *truth,
                    int32_t *classes, /* [anchor_count]: 0 background, else class_index + 1 */
                    float *encodings /* [anchor_count][4]; 0 of the background */);

#endif
