/* SPDX-License-Identifier: Apache-2.0
 * See anchors.h. Sizes are computed in the precision of each original (float in TensorFlow, double
 * then float in torchvision), so that the boxes are theirs to the bit or to the last one. */
#include "post/anchors.h"

#include <math.h>

enum { BOXES = 6, REDUCED = 3 };

/* The scale of map `index`; 1 behind the last one. */
static double scale_of(const mn_anchor_maps *maps, int32_t index) {
  if (index >= maps->count) return 1;
  return maps->min_scale + (maps->max_scale - maps->min_scale) * index / (maps->count - 1);
}

int32_t mn_anchors_tf_at(int32_t index) { return index == 0 ? REDUCED : BOXES; }

int32_t mn_anchors_torch_at(int32_t index) {
  (void)index;
  return BOXES;
}

static int32_t count_rows(const mn_anchor_maps *maps, int32_t (*boxes_at)(int32_t)) {
  int64_t rows = 0;
  if (maps->count < 2 || maps->count > MN_ANCHOR_MAPS) return 0;
  for (int32_t i = 0; i < maps->count; i++) {
    int64_t places = (int64_t)maps->size[i][0] * maps->size[i][1];
    if (maps->size[i][0] < 1 || maps->size[i][1] < 1 || places > INT32_MAX / 64) return 0;
    rows += places * boxes_at(i);
  }
  return rows <= INT32_MAX / 4 ? (int32_t)rows : 0;
}

int32_t mn_anchors_tf_count(const mn_anchor_maps *maps) {
  return count_rows(maps, mn_anchors_tf_at);
}

int32_t mn_anchors_torch_count(const mn_anchor_maps *maps) {
  return count_rows(maps, mn_anchors_torch_at);
}

/* ---- TensorFlow ------------------------------------------------------------------------------ */

typedef struct box_size {
  float h, w;
} box_size;

/* multiple_grid_anchor_generator.create_ssd_anchors, grid_anchor_generator.tile_anchors. */
static int32_t tf_sizes(const mn_anchor_maps *maps, int32_t index, box_size *sizes) {
  const float ratios[BOXES] = {1.0f, 2.0f, 0.5f, 3.0f, 0.3333f, 1.0f};
  float shorter = (float)(maps->picture_h < maps->picture_w ? maps->picture_h : maps->picture_w);
  float base_h = shorter / (float)maps->picture_h, base_w = shorter / (float)maps->picture_w;
  double scale = scale_of(maps, index);
  int32_t boxes = mn_anchors_tf_at(index);
  for (int32_t i = 0; i < boxes; i++) {
    double size = scale;
    if (index == 0 && i == 0) size = 0.1;
    if (i == BOXES - 1) size = sqrt(scale * scale_of(maps, index + 1));
    float root = sqrtf(ratios[i]);
    sizes[i] = (box_size){(float)size / root * base_h, (float)size * root * base_w};
  }
  return boxes;
}

/* Centre and extent as they come back from the corners that TensorFlow keeps. */
static void through_corners(float centre, float extent, float *centre_out, float *extent_out) {
  float lo = centre - 0.5f * extent, hi = centre + 0.5f * extent;
  *extent_out = hi - lo;
  *centre_out = lo + *extent_out / 2;
}

void mn_anchors_tf(const mn_anchor_maps *maps, float *anchors) {
  for (int32_t m = 0; m < maps->count; m++) {
    box_size sizes[BOXES];
    int32_t boxes = tf_sizes(maps, m, sizes);
    float stride_y = 1.0f / (float)maps->size[m][0], stride_x = 1.0f / (float)maps->size[m][1];
    for (int32_t y = 0; y < maps->size[m][0]; y++) {
      for (int32_t x = 0; x < maps->size[m][1]; x++) {
        for (int32_t i = 0; i < boxes; i++, anchors += 4) {
          float cy = (float)y * stride_y + 0.5f * stride_y;
          float cx = (float)x * stride_x + 0.5f * stride_x;
          through_corners(cy, sizes[i].h, &anchors[0], &anchors[2]);
          through_corners(cx, sizes[i].w, &anchors[1], &anchors[3]);
        }
      }
    }
  }
}

/* ---- torchvision ----------------------------------------------------------------------------- */

static float clip(double size) { return size < 1 ? (float)size : 1.0f; }

/* anchor_utils.DefaultBoxGenerator._generate_wh_pairs. */
static void torch_sizes(const mn_anchor_maps *maps, int32_t index, box_size *sizes) {
  double scale = scale_of(maps, index);
  double between = sqrt(scale * scale_of(maps, index + 1));
  sizes[0] = (box_size){clip(scale), clip(scale)};
  sizes[1] = (box_size){clip(between), clip(between)};
  for (int32_t ratio = 2; ratio <= 3; ratio++) {
    float wide = clip(scale * sqrt(ratio)), narrow = clip(scale / sqrt(ratio));
    sizes[2 * ratio - 2] = (box_size){narrow, wide};
    sizes[2 * ratio - 1] = (box_size){wide, narrow};
  }
}

void mn_anchors_torch(const mn_anchor_maps *maps, float *anchors) {
  for (int32_t m = 0; m < maps->count; m++) {
    box_size sizes[BOXES];
    torch_sizes(maps, m, sizes);
    for (int32_t y = 0; y < maps->size[m][0]; y++) {
      for (int32_t x = 0; x < maps->size[m][1]; x++) {
        for (int32_t i = 0; i < BOXES; i++, anchors += 4) {
          anchors[0] = ((float)y + 0.5f) / (float)maps->size[m][0];
          anchors[1] = ((float)x + 0.5f) / (float)maps->size[m][1];
          anchors[2] = sizes[i].h;
          anchors[3] = sizes[i].w;
        }
      }
    }
  }
}
