/* SPDX-License-Identifier: Apache-2.0
 * The custom operator TFLite_Detection_PostProcess: its options are a FlexBuffer map, its outputs
 * four tensors whose shapes the file may leave open. */
#include <string.h>

#include "format/tflite/tflite_load.h"
#include "wire/flexbuffer.h"

typedef struct option_reader {
  const mn_tflite_op *op;
  mn_flexbuffer map;
  mn_status status;
} option_reader;

static double number(option_reader *in, const char *key, double fallback, bool required) {
  double value = fallback;
  bool found = mn_flexbuffer_number(&in->map, key, &value);
  if (!found && required && !in->status) {
    in->status = mn_tflite_fail(in->op, MN_ERR_FORMAT, "its option %s is missing", key);
  }
  return value;
}

static int32_t count(option_reader *in, const char *key, double fallback, bool required) {
  double value = number(in, key, fallback, required);
  if (value >= 0 && value <= INT32_MAX) return (int32_t)value;
  if (!in->status) {
    in->status = mn_tflite_fail(in->op, MN_ERR_FORMAT, "its option %s is %g", key, value);
  }
  return 0;
}

static mn_status read_options(const mn_tflite_op *op, mn_attr *attr) {
  option_reader in = {.op = op};
  const uint8_t *bytes = mn_fb_vector_bytes(&op->loader->fb, &op->custom_options);
  if (!bytes || !mn_flexbuffer_open(&in.map, bytes, op->custom_options.count)) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "its options are not a FlexBuffer map");
  }
  attr->ssd_detect.detections = count(&in, "max_detections", 0, true);
  attr->ssd_detect.classes = count(&in, "num_classes", 0, true);
  attr->ssd_detect.per_anchor = count(&in, "max_classes_per_detection", 0, true);
  if (attr->ssd_detect.per_anchor > attr->ssd_detect.classes) {
    attr->ssd_detect.per_anchor = attr->ssd_detect.classes;
  }
  attr->ssd_detect.per_class = count(&in, "detections_per_class", 100, false);
  attr->ssd_detect.regular = number(&in, "use_regular_nms", 0, false) != 0;
  attr->ssd_detect.score_threshold = (float)number(&in, "nms_score_threshold", 0, true);
  attr->ssd_detect.iou_threshold = (float)number(&in, "nms_iou_threshold", 0, true);
  static const char *const scales[4] = {"y_scale", "x_scale", "h_scale", "w_scale"};
  for (int i = 0; i < 4; i++) {
    attr->ssd_detect.scale[i] = (float)number(&in, scales[i], 0, true);
  }
  return in.status;
}

mn_status mn_tflite_load_detect(const mn_tflite_op *op) {
  mn_attr attr;
  memset(&attr, 0, sizeof attr);
  mn_id in[3];
  mn_status status = read_options(op, &attr);
  for (uint32_t i = 0; i < 3 && !status; i++) status = mn_tflite_operand(op, i, &in[i]);
  if (!status) status = mn_tflite_emit(op, MN_OP_SSD_DETECT, in, 3, &attr);
  if (status) return status;
  const mn_graph *graph = op->loader->graph;
  const mn_node *node = &graph->nodes[graph->node_count - 1];
  for (int32_t i = 0; i < node->out_count; i++) {
    op->loader->stated[node->out[i]] = MN_TFLITE_UNSTATED;
  }
  return MN_OK;
}
