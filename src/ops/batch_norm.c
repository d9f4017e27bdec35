/* SPDX-License-Identifier: Apache-2.0
 * BATCH_NORM where no pass could fold it: y = x * s + t with s = gamma / sqrt(variance + epsilon),
 * t = beta - mean * s, both formed in double and rounded once. A slice is a pixel. */
#include <math.h>

#include "kernels/ref/clamp_f32.h"
#include "ops/operand.h"

MN_PLANNING mn_status batch_norm_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  (void)request;
  for (int32_t i = 0; i < 5; i++) {
    const mn_operand *in = &step->in[i];
    bool fits = i == 0 || (in->data && mn_operand_elements(in) == mn_operand_channels(&step->out));
    if (in->type != MN_F32 || !fits) {
      return mn_op_refuse(step, "f32 and four constants, one value a channel", err);
    }
  }
  if (step->out.type != MN_F32) return mn_op_refuse(step, "f32", err);
  step->kernel_name = "batch_norm_f32";
  step->packed_bytes = 2 * mn_operand_channels(&step->out) * sizeof(float);
  step->slices = mn_operand_pixels(&step->out);
  return MN_OK;
}

static void batch_norm_pack(const mn_step *step, void *packed) {
  const float *gamma = step->in[1].data, *beta = step->in[2].data;    /* [c] */
  const float *mean = step->in[3].data, *variance = step->in[4].data; /* [c] */
  size_t channels = mn_operand_channels(&step->out);
  float *scale = packed, *offset = scale + channels; /* [c] */
  for (size_t c = 0; c < channels; c++) {
    double root = sqrt((double)variance[c] + (double)step->node->attr.batch_norm.epsilon);
    double s = (double)gamma[c] / root;
    scale[c] = (float)s;
    offset[c] = (float)((double)beta[c] - (double)mean[c] * s);
  }
}

static void batch_norm_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  size_t channels = mn_operand_channels(&step->out);
  const float *scale = step->packed, *offset = scale + channels; /* [c] */
  float lo, hi;
  mn_act_range(step->node->attr.batch_norm.act, &lo, &hi);
  for (size_t pixel = begin; pixel < end; pixel++) {
    const float *in = mn_operand_pixel(run, &step->in[0], pixel); /* [c] */
    float *out = mn_operand_pixel_out(run, &step->out, pixel);    /* [c] */
    for (size_t c = 0; c < channels; c++) {
      out[c] = mn_clamp_one_f32(in[c] * scale[c] + offset[c], lo, hi);
    }
  }
}

const mn_op_impl mn_batch_norm_impl = {
    .plan = batch_norm_plan, .pack = batch_norm_pack, .run = batch_norm_run, .in_place = 1};
