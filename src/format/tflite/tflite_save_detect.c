/* SPDX-License-Identifier: Apache-2.0
 * ssd_detect -> the custom operator TFLite_Detection_PostProcess, whose options are a FlexBuffer
 * map with its keys in order, as readers search it. */
#include "format/tflite/tflite_save.h"
#include "wire/flexbuffer.h"

static const char custom_name[] = "TFLite_Detection_PostProcess";

static mn_status check(const mn_tflite_saver *saver, const mn_node *node) {
  const char *why = NULL;
  if (node->attr.ssd_detect.torch_boxes) why = "boxes that are decoded as torchvision does";
  if (node->attr.ssd_detect.candidates > 0) why = "a limit on candidates";
  if (saver->graph->values[node->in[0]].type != MN_F32) why = "boxes in integers";
  if (!why) return MN_OK;
  return mn_fail(saver->err, MN_ERR_UNSUPPORTED, node->name,
                 "ssd_detect cannot be written to a TFLite file: its operator does not know %s",
                 why);
}

static mn_status write_options(mn_tflite_saver *saver, const mn_node *node, mn_tflite_out_op *op) {
  const mn_attr *a = &node->attr;
  const mn_flex_number numbers[] = {
      {"detections_per_class", MN_FLEX_INT, a->ssd_detect.per_class},
      {"h_scale", MN_FLEX_REAL, (double)a->ssd_detect.scale[2]},
      {"max_classes_per_detection", MN_FLEX_INT, a->ssd_detect.per_anchor},
      {"max_detections", MN_FLEX_INT, a->ssd_detect.detections},
      {"nms_iou_threshold", MN_FLEX_REAL, (double)a->ssd_detect.iou_threshold},
      {"nms_score_threshold", MN_FLEX_REAL, (double)a->ssd_detect.score_threshold},
      {"num_classes", MN_FLEX_INT, a->ssd_detect.classes},
      {"use_regular_nms", MN_FLEX_BOOL, a->ssd_detect.regular},
      {"w_scale", MN_FLEX_REAL, (double)a->ssd_detect.scale[3]},
      {"x_scale", MN_FLEX_REAL, (double)a->ssd_detect.scale[1]},
      {"y_scale", MN_FLEX_REAL, (double)a->ssd_detect.scale[0]},
  };
  const size_t count = sizeof numbers / sizeof numbers[0];
  op->custom_bytes = mn_flexbuffer_map_bytes(numbers, count);
  uint8_t *bytes = mn_arena_take(&saver->scratch, op->custom_bytes);
  if (!bytes) return mn_fail_memory(saver->err, op->custom_bytes);
  mn_flexbuffer_write_map(bytes, numbers, count);
  op->custom_options = bytes;
  return MN_OK;
}

mn_status mn_tflite_save_detect(mn_tflite_saver *saver, const mn_node *node) {
  mn_tflite_out_op op = {.code = TFL_CUSTOM, .version = 1, .custom = custom_name};
  int32_t in[3];
  mn_status status = check(saver, node);
  if (!status) status = write_options(saver, node, &op);
  for (int i = 0; i < 3 && !status; i++) {
    status = mn_tflite_save_value(saver, node->in[i], &in[i]);
  }
  if (!status) status = mn_tflite_save_value(saver, node->out[0], &op.out);
  for (int i = 0; i < 3 && !status; i++) {
    status = mn_tflite_save_value(saver, node->out[i + 1], &op.more_out[i]);
  }
  op.more_count = 3;
  return status ? status : mn_tflite_save_op(saver, op, in, 3);
}
