/* SPDX-License-Identifier: Apache-2.0
 * CONCAT along any axis, for the inputs that the plan could not let be written in place. A slice is
 * an output pixel. Codes of another scale pass through a table of bytes with the float arithmetic
 * of LiteRT's ConcatenationWithScaling (which knows u8 only; i8 is treated alike). */
#include <math.h>
#include <string.h>

#include "kernels/ref/requant.h"
#include "ops/real_codes.h"

typedef struct concat {
  bool along_channels;
  size_t inner;           /* pixels of one index of the axis; 1 along channels */
  size_t axis;            /* extent of the output's axis */
  uint8_t (*tables)[256]; /* [in_count]; NULL: plain copies */
  bool *scaled;           /* [in_count], which of them have one */
  mn_lut8_fn *lut8;
} concat;

static void fill_table(uint8_t table[256], const mn_operand *in, const mn_operand *out) {
  float inverse = 1.0f / mn_operand_scale(out);
  float scale = mn_operand_scale(in) * inverse;
  float bias = (float)-mn_operand_zero(in) * scale;
  for (int byte = 0; byte < 256; byte++) {
    float product = (float)mn_code_of_byte(in->type, byte) * scale;
    float steps = roundf(product + bias);
    /* Extreme scales give infinities and 0 * infinity: no number counts as the least. */
    int32_t code = steps > 1e6f ? 1000000 : steps >= -1e6f ? (int32_t)steps : -1000000;
    code += mn_operand_zero(out);
    table[byte] = (uint8_t)mn_clamp_i32(code, mn_code_min(out->type), mn_code_max(out->type));
  }
}

static mn_status plan_tables(mn_step *step, const mn_op_request *request, mn_error *err) {
  concat *op = step->params;
  size_t count = (size_t)step->node->in_count;
  op->tables = mn_arena_array(request->arena, count, sizeof *op->tables);
  op->scaled = mn_arena_array(request->arena, count, sizeof *op->scaled);
  if (!op->tables || !op->scaled) return mn_fail_memory(err, count * sizeof *op->tables);
  const mn_kernel *kernel = mn_kernel_select(MN_SLOT_lut8, request->features);
  op->lut8 = (mn_lut8_fn *)kernel->function;
  for (size_t i = 0; i < count; i++) {
    op->scaled[i] = !mn_operand_same_quant(&step->in[i], &step->out);
    if (!op->scaled[i]) continue;
    if (step->arithmetic == MN_ARITHMETIC_ONNX) {
      mn_real_table(op->tables[i], &step->in[i], &step->out, NULL);
    } else {
      fill_table(op->tables[i], &step->in[i], &step->out);
    }
    step->kernel = kernel;
    step->kernel_name = kernel->name;
  }
  return MN_OK;
}

MN_PLANNING mn_status concat_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *out = &step->out;
  int32_t axis = step->node->attr.concat.axis;
  bool coded = mn_operand_is_coded(out);
  if (step->node->attr.concat.act != MN_ACT_NONE) {
    return mn_op_refuse(step, "no fused activation", err);
  }
  for (int32_t i = 0; i < step->node->in_count; i++) {
    if (step->in[i].type != out->type || (coded && !mn_operand_is_coded(&step->in[i]))) {
      return mn_op_refuse(step, "inputs of the output's type, with a scale if it has one", err);
    }
  }
  mn_status status = mn_op_params(step, request, sizeof(concat), err);
  if (status) return status;
  concat *op = step->params;
  op->along_channels = axis == out->shape.rank - 1;
  op->axis = (size_t)out->shape.dim[axis];
  op->inner = 1;
  for (int32_t i = axis + 1; i + 1 < out->shape.rank; i++) op->inner *= (size_t)out->shape.dim[i];
  step->kernel_name = "copy";
  step->slices = mn_operand_pixels(out);
  return coded ? plan_tables(step, request, err) : MN_OK;
}

/* Copies one vector of input i, through its table when it has one. An input that was written in
 * place already lies where it belongs. */
static void put(const mn_step *step, int32_t i, const void *from, void *to, size_t count) {
  const concat *op = step->params;
  if (op->scaled && op->scaled[i]) {
    mn_lut8_args args = {.in = from, .out = to, .count = count, .table = op->tables[i]};
    op->lut8(&args);
  } else if (from != to) {
    memcpy(to, from, count * mn_type_bytes(step->out.type));
  }
}

static void run_channels(const mn_step *step, const mn_run *run, size_t pixel) {
  unsigned char *to = mn_operand_pixel_out(run, &step->out, pixel);
  for (int32_t i = 0; i < step->node->in_count; i++) {
    const mn_operand *in = &step->in[i];
    size_t channels = mn_operand_channels(in);
    put(step, i, mn_operand_pixel(run, in, pixel), to, channels);
    to += channels * mn_type_bytes(in->type);
  }
}

static void run_pixels(const mn_step *step, const mn_run *run, size_t pixel) {
  const concat *op = step->params;
  size_t at = pixel / op->inner % op->axis, outer = pixel / op->inner / op->axis;
  int32_t axis = step->node->attr.concat.axis, i = 0;
  while (at >= (size_t)step->in[i].shape.dim[axis]) at -= (size_t)step->in[i++].shape.dim[axis];
  const mn_operand *in = &step->in[i];
  size_t source = (outer * (size_t)in->shape.dim[axis] + at) * op->inner + pixel % op->inner;
  put(step, i, mn_operand_pixel(run, in, source), mn_operand_pixel_out(run, &step->out, pixel),
      mn_operand_channels(in));
}

static void concat_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const concat *op = step->params;
  for (size_t pixel = begin; pixel < end; pixel++) {
    if (op->along_channels) {
      run_channels(step, run, pixel);
    } else {
      run_pixels(step, run, pixel);
    }
  }
}

const mn_op_impl mn_concat_impl = {.plan = concat_plan, .run = concat_run};
