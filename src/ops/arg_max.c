/* SPDX-License-Identifier: Apache-2.0
 * ARG_MAX along one axis, which the output lacks. A slice is an output element. */
#include <string.h>

#include "kernels/ref/ref.h"
#include "ops/operand.h"

typedef struct arg_max {
  size_t extent, stride; /* of the axis in the input, stride in elements */
  size_t inner;          /* output elements between which only axes after it change */
  bool by_pixels;        /* of pixels' channels, as nearly always: rows for a kernel */
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
  const mn_slot slot = in->type == MN_F32 ? MN_SLOT_arg_max_f32 : MN_SLOT_arg_max_q8;
  op->by_pixels = op->inner == 1 && op->extent == mn_operand_channels(in) &&
                  out->pixel_stride == mn_operand_channels(out);
  step->kernel = mn_kernel_select(slot, op->by_pixels ? request->features : 0);
  step->kernel_name = step->kernel->name;
  step->slices = mn_operand_elements(out);
  return MN_OK;
}

static size_t largest(mn_type type, const void *in, size_t count, size_t stride) {
  if (type == MN_F32) return mn_largest_f32_ref(in, count, stride);
  return mn_largest_q8_ref(in, count, stride, mn_code_flip(type));
}

static void put(mn_type type, size_t best, unsigned char *to) {
  const int32_t narrow = (int32_t)best;
  const int64_t wide = (int64_t)best;
  memcpy(to, type == MN_I32 ? (const void *)&narrow : (const void *)&wide, mn_type_bytes(type));
}

static void run_pixels(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const arg_max *op = step->params;
  const mn_operand *in = &step->in[0], *out = &step->out;
  const size_t apart = in->pixel_stride * mn_type_bytes(in->type);
  const mn_arg_max_args args = {
      .in = (const unsigned char *)mn_operand_read(run, in) + begin * apart,
      .rows = end - begin,
      .apart = apart,
      .count = op->extent,
      .flip = mn_code_flip(in->type),
      .wide = out->type == MN_I64,
      .out = (unsigned char *)mn_operand_write(run, out) + begin * mn_type_bytes(out->type),
  };
  ((mn_arg_max_f32_fn *)step->kernel->function)(&args); /* that of codes has the same type */
}

static void arg_max_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const arg_max *op = step->params;
  const mn_operand *in = &step->in[0], *out = &step->out;
  const unsigned char *from = mn_operand_read(run, in);
  unsigned char *to = mn_operand_write(run, out);
  if (op->by_pixels) {
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
