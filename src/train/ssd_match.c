/* SPDX-License-Identifier: Apache-2.0
 * See ssd_match.h. Overlaps are computed in double, so that the smallest index wins among what is
 * equal; torchvision's float may choose another. */
#include "train/ssd_match.h"

#include <math.h>

/* In fractions of the picture. */
typedef struct corners {
  double y0, x0, y1, x1;
} corners;

static corners corners_of_box(const mn_ssd_truth *truth, int32_t index) {
  const double *box = truth->boxes[index].box;
  return (corners){box[1] / truth->height, box[0] / truth->width, box[3] / truth->height,
                   box[2] / truth->width};
}

static corners corners_of_anchor(const float *a) {
  const double y = (double)a[0], x = (double)a[1], h = (double)a[2] / 2, w = (double)a[3] / 2;
  return (corners){y - h, x - w, y + h, x + w};
}

static bool is_target(const mn_box *box) {
  return !box->crowd && box->box[2] > box->box[0] && box->box[3] > box->box[1];
}

static double area(const corners *a) { return (a->y1 - a->y0) * (a->x1 - a->x0); }

static double overlap(const corners *a, const corners *b) {
  const double h = fmin(a->y1, b->y1) - fmax(a->y0, b->y0);
  const double w = fmin(a->x1, b->x1) - fmax(a->x0, b->x0);
  if (h <= 0 || w <= 0) return 0;
  return h * w / (area(a) + area(b) - h * w);
}

/* The box of an anchor, or -1. */
static int32_t best_box(const mn_ssd_matcher *matcher, const mn_ssd_truth *truth, size_t anchor) {
  const corners at = corners_of_anchor(matcher->anchors + 4 * anchor);
  double most = -1;
  int32_t best = -1;
  for (int32_t b = 0; b < truth->box_count; b++) {
    if (!is_target(&truth->boxes[b])) continue;
    const corners box = corners_of_box(truth, b);
    const double part = overlap(&box, &at);
    if (part <= most) continue;
    most = part;
    best = b;
  }
  return most >= matcher->threshold ? best : -1;
}

static size_t best_anchor(const mn_ssd_matcher *matcher, const corners *box) {
  double most = -1;
  size_t best = 0;
  for (size_t i = 0; i < matcher->anchor_count; i++) {
    const corners at = corners_of_anchor(matcher->anchors + 4 * i);
    const double part = overlap(box, &at);
    if (part <= most) continue;
    most = part;
    best = i;
  }
  return best;
}

/* The inverse of decode_boxes and decode_torch_boxes in post/ssd.c. */
static void encode(const mn_ssd_matcher *matcher, const corners *box, const float *anchor,
                   float *out) {
  const double ah = (double)anchor[2], aw = (double)anchor[3];
  const double y = ((box->y0 + box->y1) / 2 - (double)anchor[0]) / ah * matcher->scale[0];
  const double x = ((box->x0 + box->x1) / 2 - (double)anchor[1]) / aw * matcher->scale[1];
  const double h = log((box->y1 - box->y0) / ah) * matcher->scale[2];
  const double w = log((box->x1 - box->x0) / aw) * matcher->scale[3];
  const int t = matcher->torch_boxes; /* x before y */
  out[t] = (float)y;
  out[1 - t] = (float)x;
  out[2 + t] = (float)h;
  out[3 - t] = (float)w;
}

static void set_anchor(const mn_ssd_matcher *matcher, const mn_ssd_truth *truth, int32_t box,
                       size_t anchor, int32_t *classes, float *encodings) {
  float *out = encodings + 4 * anchor;
  classes[anchor] = 0;
  for (int k = 0; k < 4; k++) out[k] = 0;
  if (box < 0) return;
  const corners corner = corners_of_box(truth, box);
  classes[anchor] = truth->boxes[box].class_index + 1;
  encode(matcher, &corner, matcher->anchors + 4 * anchor, out);
}

size_t mn_ssd_match(const mn_ssd_matcher *matcher, const mn_ssd_truth *truth, int32_t *classes,
                    float *encodings) {
  size_t matched = 0;
  for (size_t i = 0; i < matcher->anchor_count; i++) {
    set_anchor(matcher, truth, best_box(matcher, truth, i), i, classes, encodings);
  }
  for (int32_t b = 0; b < truth->box_count; b++) {
    if (!is_target(&truth->boxes[b])) continue;
    const corners box = corners_of_box(truth, b);
    set_anchor(matcher, truth, b, best_anchor(matcher, &box), classes, encodings);
  }
  for (size_t i = 0; i < matcher->anchor_count; i++) matched += classes[i] > 0;
  return matched;
}
