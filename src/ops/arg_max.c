/* SPDX-License-Identifier: Apache-2.0
 * ARG_MAX along one axis, which the output lacks. A slice is an output element. */
#include <string.h>

#include "kernels/ref/ref.h"
#include "ops/operand.h"

typedef struct arg_max {
  size_t extent, stride; /* of the axis in the input, stride in elements */
  size_t inner;          /* output elements between which only axes after it change */
} arg_max;

MN_PLANNING mn_status arg_max_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  int32_t axis = step->node->attr.arg_max.axis, last = in->shape.rank - 1;
  if ((in->type != MN_F32 && !mn_type_is_code(in->type)) ||
      (out->type != MN_I32 && out->type != MN_I64)) {
    return mn_op_refuse(step, "f32, u8 or i8 to i32 or i64", err);
  }
  mn_status status = mn_op_params(step, request, sizeof(arg_max), err);
  if (status) return status;
  arg_max *op = step->params;
  op->extent = (size_t)in->shape.dim[axis];
  op->inner = 1;
  for (int32_t i = axis + 1; i <= last; i++) op->inner *= (size_t)in->shape.dim[i];
  op->stride = axis == last ? 1 : op->inner / (size_t)in->shape.dim[last] * in->pixel_stride;
  step->kernel_name = in->type == MN_F32  ? "arg_max_f32_ref"
                      : in->type == MN_U8 ? "arg_max_u8_ref"
                                          : "arg_max_i8_ref";
  step->slices = mn_operand_elements(out);
  return MN_OK;
}

static size_t largest(mn_type type, const void *in, size_t count, size_t stride) {
  if (type == MN_F32) return mn_arg_max_f32_ref(in, count, stride);
  if (type == MN_U8) return mn_arg_max_u8_ref(in, count, stride);
  return mn_arg_max_i8_ref(in, count, stride);
}

static void put(mn_type type, size_t best, unsigned char *to) {
  const int32_t narrow = (int32_t)best;
  const int64_t wide = (int64_t)best;
  memcpy(to, type == MN_I32 ? (const void *)&narrow : (const void *)&wide, mn_type_bytes(type));
}

/* Of pixels' channels, as nearly always: no place has to be worked out. */
static void run_pixels(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const arg_max *op = step->params;
  const mn_operand *in = &step->in[0], *out = &step->out;
  const size_t apart = in->pixel_stride * mn_type_bytes(in->type);
  const size_t bytes = mn_type_bytes(out->type);
  const unsigned char *from = (const unsigned char *)mn_operand_read(run, in) + begin * apart;
  unsigned char *to = (unsigned char *)mn_operand_write(run, out) + begin * bytes;
  for (size_t i = begin; i < end; i++, from += apart, to += bytes) {
    put(out->type, largest(in->type, from, op->extent, 1), to);
  }
}

static void arg_max_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const arg_max *op = step->params;
  const mn_operand *in = &step->in[0], *out = &step->out;
  const unsigned char *from = mn_operand_read(run, in);
  unsigned char *to = mn_operand_write(run, out);
  if (op->inner == 1 && op->extent == mn_operand_channels(in) &&
      out->pixel_stride == mn_operand_channels(out)) {
    run_pixels(step, run, begin, end);
    return;
  }
  for (size_t i = begin; i < end; i++) {
    size_t first = i / op->inner * op->inner * op->extent + i % op->inner;
    put(out->type,
        largest(in->type, from + mn_operand_element_at(in, first), op->extent, op->stride),
        to + mn_operand_element_at(out, i));
  }
}

const mn_op_impl mn_arg_max_impl = {.plan = arg_max_plan, .run = arg_max_run};
