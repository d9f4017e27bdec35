/* SPDX-License-Identifier: Apache-2.0
 * Detections from an SSD head (post/ssd.h). Codes become floats in scratch first. A slice is one
 * picture. Scratch: encodings | scores | anchors, where they are codes | the suppression's own. */
#include "base/alloc.h"
#include "ops/operand.h"
#include "post/ssd.h"

typedef struct detect_params {
  mn_ssd_rule rule;
  size_t encoding_stride;
  size_t encodings, scores; /* elements of a picture */
} detect_params;

/* Scratch that an operand needs to be seen as floats. */
static size_t floats_bytes(const mn_operand *operand, size_t count) {
  return operand->type == MN_F32 ? 0 : mn_aligned(count * sizeof(float));
}

MN_PLANNING mn_status plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = mn_op_params(step, request, sizeof(detect_params), err);
  if (status) return status;
  detect_params *p = step->params;
  const mn_attr *attr = &step->node->attr;
  const mn_shape *boxes = &step->in[0].shape, *scores = &step->in[1].shape;
  bool dense = mn_operand_dense(&step->in[0]) && mn_operand_dense(&step->in[1]) &&
               mn_operand_dense(&step->out);
  for (int32_t i = 0; i < MN_MAX_OUT - 1; i++) {
    dense = dense && mn_operand_dense(&step->more_out[i]);
  }
  if (!dense) return mn_op_refuse(step, "dense inputs and outputs", err);
  p->rule = (mn_ssd_rule){
      .anchors = boxes->dim[1],
      .score_columns = scores->dim[2],
      .classes = attr->ssd_detect.classes,
      .detections = attr->ssd_detect.detections,
      .per_anchor = attr->ssd_detect.per_anchor,
      .per_class = attr->ssd_detect.per_class,
      .regular = attr->ssd_detect.regular,
      .torch_boxes = attr->ssd_detect.torch_boxes,
      .candidates = attr->ssd_detect.candidates,
      .score_threshold = attr->ssd_detect.score_threshold,
      .iou_threshold = attr->ssd_detect.iou_threshold,
  };
  for (int i = 0; i < 4; i++) p->rule.scale[i] = attr->ssd_detect.scale[i];
  p->encoding_stride = (size_t)boxes->dim[2];
  p->encodings = (size_t)boxes->dim[1] * p->encoding_stride;
  p->scores = (size_t)scores->dim[1] * (size_t)scores->dim[2];
  step->scratch_bytes =
      floats_bytes(&step->in[0], p->encodings) + floats_bytes(&step->in[1], p->scores) +
      floats_bytes(&step->in[2], (size_t)p->rule.anchors * 4) + mn_ssd_scratch_bytes(&p->rule);
  step->kernel_name = attr->ssd_detect.regular ? "ssd_detect_regular" : "ssd_detect_fast";
  step->slices = (size_t)boxes->dim[0];
  return MN_OK;
}

/* `count` elements of an operand as floats: where they lie, or dequantized into *scratch, which
 * moves on. */
static const float *as_floats(const mn_run *run, const mn_operand *operand, size_t first,
                              size_t count, unsigned char **scratch) {
  const void *data = mn_operand_read(run, operand);
  if (operand->type == MN_F32) return (const float *)data + first;
  float *to = (float *)(void *)*scratch, scale = operand->quant->scale[0];
  float zero = (float)operand->quant->zero[0];
  for (size_t i = 0; i < count; i++) {
    float code = operand->type == MN_U8 ? (float)((const uint8_t *)data)[first + i]
                                        : (float)((const int8_t *)data)[first + i];
    to[i] = (code - zero) * scale;
  }
  *scratch += mn_aligned(count * sizeof *to);
  return to;
}

static void run_slices(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const detect_params *p = step->params;
  size_t rows = (size_t)step->out.shape.dim[1];
  for (size_t n = begin; n < end; n++) {
    unsigned char *scratch = run->scratch;
    mn_ssd_picture picture = {
        .encodings = as_floats(run, &step->in[0], n * p->encodings, p->encodings, &scratch),
        .encoding_stride = p->encoding_stride,
        .scores = as_floats(run, &step->in[1], n * p->scores, p->scores, &scratch),
        .anchors = as_floats(run, &step->in[2], 0, (size_t)p->rule.anchors * 4, &scratch),
        .boxes = (float *)mn_operand_write(run, &step->out) + n * rows * 4,
        .classes = (float *)mn_operand_write(run, &step->more_out[0]) + n * rows,
        .class_scores = (float *)mn_operand_write(run, &step->more_out[1]) + n * rows,
        .count = (float *)mn_operand_write(run, &step->more_out[2]) + n,
    };
    mn_ssd_detect(&p->rule, &picture, scratch);
  }
}

const mn_op_impl mn_ssd_detect_impl = {.plan = plan, .run = run_slices};
