/* SPDX-License-Identifier: Apache-2.0
 * The boxes that an SSD head's encodings are relative to, by the two rules that published MobileNet
 * detectors use. Rows are as mn_ssd_picture's anchors: centre y, centre x, h, w in fractions of the
 * picture, not clipped unless the rule says so. Boxes of a place are together, then x, then y, then
 * maps: the order in which the heads' outputs are laid end to end. */
#ifndef MN_POST_ANCHORS_H
#define MN_POST_ANCHORS_H

#include <stdbool.h>
#include <stdint.h>

enum { MN_ANCHOR_MAPS = 8 };

typedef struct mn_anchor_maps {
  int32_t count;                   /* 2 to MN_ANCHOR_MAPS; finest map first */
  int32_t size[MN_ANCHOR_MAPS][2]; /* height, width of each, as the network's own maps are */
  int32_t picture_h, picture_w;    /* pixels; only their ratio matters, and to TensorFlow only */
  double min_scale, max_scale;     /* box size on the first and the last map: .2 and .95 */
} mn_anchor_maps;

/* Boxes at each place of map `index`. TensorFlow: 3 on the first map, else 6. torchvision: 6. */
int32_t mn_anchors_tf_at(int32_t index);
int32_t mn_anchors_torch_at(int32_t index);
/* Rows that the rules below write; 0 when there are too few or too
 * many maps, one is empty, or the rows are more than a tensor can hold. */
int32_t mn_anchors_tf_count(const mn_anchor_maps *maps);
int32_t mn_anchors_torch_count(const mn_anchor_maps *maps);

/* TensorFlow object detection API, ssd_anchor_generator as its MobileNet configurations set it:
 * lowest layer reduced, ratios 1, 2, .5, 3, .3333, and a square of the geometric mean size. Boxes
 * are square in pixels: on a picture that is not square, size is of its shorter side. */
void mn_anchors_tf(const mn_anchor_maps *maps, float *anchors /* [count][4] */);

/* torchvision's DefaultBoxGenerator([[2, 3]] * maps), clipped to a size of 1. */
void mn_anchors_torch(const mn_anchor_maps *maps, float *anchors /* [count][4] */);

#endif
