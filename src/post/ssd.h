/* SPDX-License-Identifier: Apache-2.0
 * From an SSD head's outputs to detections: box decoding and non-maximum suppression, in the two
 * modes of TensorFlow's TFLite_Detection_PostProcess, value for value
 * (tensorflow/lite/kernels/detection_postprocess.cc). torchvision's SSD (models/detection/ssd.py)
 * is the regular mode with its own box coder and a limit on candidates. */
#ifndef MN_POST_SSD_H
#define MN_POST_SSD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mn_ssd_rule {
  int32_t anchors;       /* boxes of a picture */
  int32_t score_columns; /* classes, and a background in front when there is one more */
  int32_t classes;
  int32_t detections; /* most of a picture */
  int32_t per_anchor; /* fast mode: classes kept of an anchor */
  int32_t per_class;  /* regular mode: detections kept of a class */
  bool regular;
  bool torch_boxes;   /* x, y, w, h; sizes at most 62.5 anchors; clipped before suppression */
  int32_t candidates; /* regular mode: best of a class that suppression looks at; 0: all */
  float score_threshold, iou_threshold;
  float scale[4]; /* y, x, h, w */
} mn_ssd_rule;

typedef struct mn_ssd_picture {
  const float *encodings; /* [anchors][encoding_stride]: y, x, h, w (torch: x, y, w, h) first */
  size_t encoding_stride;
  const float *scores;  /* [anchors][score_columns] */
  const float *anchors; /* [anchors][4]: centre y, centre x, h, w */
  float *boxes;         /* [detections * per_anchor][4]: y0, x0, y1, x1 */
  float *classes;       /* [detections * per_anchor], from 0, background excluded */
  float *class_scores;  /* likewise */
  float *count;         /* [1]: detections, in fast mode anchors */
} mn_ssd_picture;

/* Bytes of scratch that mn_ssd_detect needs. */
size_t mn_ssd_scratch_bytes(const mn_ssd_rule *rule);
/* Unused rows are zero. `scratch` is aligned as malloc's blocks are. */
void mn_ssd_detect(const mn_ssd_rule *rule, const mn_ssd_picture *picture, void *scratch);

#endif
