/* SPDX-License-Identifier: Apache-2.0
 * SOFTMAX over the last axis. A slice is a row. */
#include "kernels/ref/ref.h"
#include "ops/operand.h"

typedef struct softmax {
  int32_t table[256]; /* 8 bit: exponentials of the differences from the maximum */
} softmax;

/* LiteRT, PreprocessSoftmaxScaling: beta * scale in Q5.26, capped. */
static void prepare_table(const mn_step *step, int32_t table[256]) {
  const double most = 2147483647.0;
  double real = (double)step->node->attr.softmax.beta * (double)mn_operand_scale(&step->in[0]);
  int32_t multiplier, shift;
  real *= (double)(1 << 26);
  mn_quantize_multiplier(real < most ? real : most, &multiplier, &shift);
  mn_softmax_table_ref(table, multiplier, shift > 0 ? shift : 0);
}

MN_PLANNING mn_status softmax_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  bool coded = mn_operand_is_coded(in) && mn_operand_is_coded(out);
  if (in->type != out->type || (in->type != MN_F32 && !coded)) {
    return mn_op_refuse(step, "f32, or u8 or i8 with one scale", err);
  }
  if (coded && step->arithmetic == MN_ARITHMETIC_ONNX) {
    return mn_op_refuse(step, "f32 in ONNX's arithmetic", err);
  }
  float steps = coded ? mn_operand_scale(out) * 256.0f : 1.0f;
  if (steps < 0.999f || steps > 1.001f || (coded && mn_operand_unsigned_zero(out) != 0)) {
    return mn_op_refuse(step, "an output of scale 1/256 whose lowest code is zero", err);
  }
  step->kernel =
      mn_kernel_select(coded ? MN_SLOT_softmax_q8 : MN_SLOT_softmax_f32, request->features);
  step->kernel_name = step->kernel->name;
  step->slices = mn_operand_pixels(out);
  if (!coded) return MN_OK;
  mn_status status = mn_op_params(step, request, sizeof(softmax), err);
  if (status) return status;
  prepare_table(step, ((softmax *)step->params)->table);
  return MN_OK;
}

static void softmax_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  const softmax *op = step->params;
  size_t count = mn_operand_channels(out);
  for (size_t row = begin; row < end; row++) {
    const void *from = mn_operand_pixel(run, in, row);
    void *to = mn_operand_pixel_out(run, out, row);
    if (in->type == MN_F32) {
      const mn_softmax_f32_args args = {from, to, count, step->node->attr.softmax.beta};
      ((mn_softmax_f32_fn *)step->kernel->function)(&args);
    } else {
      const mn_softmax_q8_args args = {from, to, count, mn_code_flip(in->type), op->table};
      ((mn_softmax_q8_fn *)step->kernel->function)(&args);
    }
  }
}

const mn_op_impl mn_softmax_impl = {.plan = softmax_plan, .run = softmax_run, .in_place = 1};
