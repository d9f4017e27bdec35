/* SPDX-License-Identifier: Apache-2.0
 * MEAN over any set of axes. When the last axis stays, a slice is a vector of it, or with fewer of
 * these than threads a part of one; when it is reduced too, a slice is one element. */
#include <string.h>

#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"
#include "ops/operand.h"

/* More would not fit an int32 sum of bytes. */
enum { MAX_AVERAGED = 1 << 23 };

/* The reduced axes, outermost first; count 1 = unused. */
typedef struct region {
  size_t count[MN_MAX_RANK], stride[MN_MAX_RANK];
  size_t channels;
} region;

typedef struct mean {
  mn_mean_q8 q8;
  region region;
  /* The kept axes but a kept last one, outermost first: which slice begins where in the input. */
  size_t kept[MN_MAX_RANK], kept_stride[MN_MAX_RANK];
  int32_t kept_count;
  size_t averaged;
  size_t parts, part; /* slices of a vector, and channels of each */
} mean;

/* Elements between neighbours along an axis. */
static size_t axis_stride(const mn_operand *in, int32_t axis) {
  if (axis == in->shape.rank - 1) return 1;
  size_t stride = in->pixel_stride;
  for (int32_t i = in->shape.rank - 2; i > axis; i--) stride *= (size_t)in->shape.dim[i];
  return stride;
}

static void plan_region(const mn_step *step, mean *op) {
  const mn_operand *in = &step->in[0];
  unsigned axes = step->node->attr.reduce.axes;
  op->averaged = 1;
  op->region.channels = 1;
  for (int i = 0; i < MN_MAX_RANK; i++) op->region.count[i] = 1;
  int32_t at = MN_MAX_RANK; /* innermost last */
  for (int32_t axis = 0; axis < in->shape.rank; axis++) at -= (int32_t)(axes >> axis & 1);
  for (int32_t axis = 0; axis < in->shape.rank; axis++) {
    size_t dim = (size_t)in->shape.dim[axis], stride = axis_stride(in, axis);
    if (axes >> axis & 1) {
      op->region.count[at] = dim;
      op->region.stride[at++] = stride;
      op->averaged *= dim;
    } else if (axis == in->shape.rank - 1) {
      op->region.channels = dim;
    } else {
      op->kept[op->kept_count] = dim;
      op->kept_stride[op->kept_count++] = stride;
    }
  }
}

static void plan_codes(const mn_step *step, mn_mean_q8 *q8, size_t averaged) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  q8->scale = mn_operand_scale(in) / (mn_operand_scale(out) * (float)averaged);
  mn_quantize_multiplier((double)mn_operand_scale(in) / (double)mn_operand_scale(out),
                         &q8->multiplier, &q8->shift);
  mn_mean_prepare_q8_ref(q8, (int64_t)averaged, mn_operand_unsigned_zero(in));
  q8->out_zero = mn_operand_zero(out);
  q8->out_min = mn_code_min(out->type);
  q8->out_max = mn_code_max(out->type);
}

MN_PLANNING mn_status mean_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  bool coded = mn_operand_is_coded(in) && mn_operand_is_coded(out);
  if (in->type != out->type || (in->type != MN_F32 && !coded)) {
    return mn_op_refuse(step, "f32, or u8 or i8 with one scale", err);
  }
  mn_status status = mn_op_params(step, request, sizeof(mean), err);
  if (status) return status;
  mean *op = step->params;
  plan_region(step, op);
  if (op->averaged > MAX_AVERAGED) return mn_op_refuse(step, "at most 2^23 averaged", err);
  if (coded) plan_codes(step, &op->q8, op->averaged);
  step->kernel = mn_kernel_select(coded ? MN_SLOT_sum_q8 : MN_SLOT_sum_f32, request->features);
  step->scratch_bytes = op->region.channels * sizeof(int32_t);
  const size_t vectors = mn_operand_elements(out) / op->region.channels;
  step->slices = mn_part_channels(op->region.channels, vectors, request->threads, &op->part);
  op->parts = step->slices / vectors;
  return MN_OK;
}

static size_t region_start(const mean *op, size_t slice) {
  size_t start = 0;
  for (int32_t i = op->kept_count - 1; i >= 0; i--) {
    start += slice % op->kept[i] * op->kept_stride[i];
    slice /= op->kept[i];
  }
  return start;
}

static void write_means(const mn_step *step, const void *sums, size_t channels,
                        unsigned char *out) {
  const mean *op = step->params;
  if (step->out.type == MN_F32) {
    float *to = (float *)(void *)out;
    const float *from = sums;
    for (size_t c = 0; c < channels; c++) to[c] = from[c] / (float)op->averaged;
    return;
  }
  const int32_t *from = sums;
  bool real = step->arithmetic == MN_ARITHMETIC_ONNX;
  for (size_t c = 0; c < channels; c++) {
    out[c] = real ? mn_mean_code_real_ref(&op->q8, from[c]) : mn_mean_code_ref(&op->q8, from[c]);
  }
}

/* The two innermost reduced axes are the kernel's; outer ones go round here. */
static void sum_region(const mn_step *step, const unsigned char *in, size_t channels, void *sums) {
  const region *r = &((const mean *)step->params)->region;
  mn_sum_args args = {.rows = r->count[2],
                      .row_stride = r->stride[2],
                      .cols = r->count[3],
                      .pixel_stride = r->stride[3],
                      .channels = channels,
                      .flip = mn_code_flip(step->in[0].type),
                      .sums = sums};
  memset(sums, 0, channels * sizeof(int32_t));
  for (size_t i = 0; i < r->count[0] * r->count[1]; i++) {
    size_t at = i / r->count[1] * r->stride[0] + i % r->count[1] * r->stride[1];
    args.in = in + at * mn_type_bytes(step->in[0].type);
    ((mn_sum_f32_fn *)step->kernel->function)(&args);
  }
}

static void mean_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const mean *op = step->params;
  const mn_operand *in = &step->in[0], *out = &step->out;
  const unsigned char *from = mn_operand_read(run, in);
  unsigned char *to = mn_operand_write(run, out);
  for (size_t slice = begin; slice < end; slice++) {
    const size_t all = op->region.channels, vector = slice / op->parts;
    const size_t c = slice % op->parts * op->part, channels = mn_part_of(all, c, op->part);
    const size_t start = region_start(op, vector) + c;
    sum_region(step, from + start * mn_type_bytes(in->type), channels, run->scratch);
    write_means(step, run->scratch, channels, to + mn_operand_element_at(out, vector * all + c));
  }
}

const mn_op_impl mn_mean_impl = {.plan = mean_plan, .run = mean_run};
