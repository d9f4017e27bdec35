/* SPDX-License-Identifier: Apache-2.0
 * Average and maximum pooling. Padding is never counted: windows are clipped to the map. A slice is
 * an output pixel, or where there are fewer of these than threads some of its channels; of one
 * average of codes for several threads, whose sum is exact in any order, some rows, which a thread
 * has in its cache. The codes are pooled as they are, so input and output must share their scale
 * (LiteRT takes it for granted); averages in ONNX's arithmetic may have two. */
#include <string.h>

#include "kernels/ref/ref.h"
#include "ops/operand.h"

/* More would not fit an int32 sum of bytes. */
enum { MAX_AVERAGED = 1 << 23 };

typedef struct pool {
  mn_pool_fn *apply;  /* the maximum, or the average of sums */
  mn_window window;   /* pads resolved; the whole map when global */
  size_t parts, part; /* slices of a pixel, and channels of each */
  float lo, hi;
  int32_t code_lo, code_hi;
} pool;

static bool resolve_window(const mn_step *step, mn_window *window) {
  const mn_shape *in = &step->in[0].shape;
  int32_t out_h, out_w;
  *window = step->node->attr.pool.window;
  if (step->node->attr.pool.global) {
    *window = (mn_window){.kernel_h = in->dim[1],
                          .kernel_w = in->dim[2],
                          .stride_h = 1,
                          .stride_w = 1,
                          .dilation_h = 1,
                          .dilation_w = 1};
  }
  return mn_window_resolve(window, in->dim[1], in->dim[2], &out_h, &out_w) &&
         out_h == step->out.shape.dim[1] && out_w == step->out.shape.dim[2];
}

/* Averages that are computed as ONNX has them. */
static bool is_real(const mn_step *step) {
  return step->node->op == MN_OP_AVG_POOL && step->arithmetic == MN_ARITHMETIC_ONNX &&
         step->out.type != MN_F32;
}

MN_PLANNING mn_status pool_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  bool coded = mn_operand_is_coded(in) && mn_operand_is_coded(out);
  if (in->type != out->type || (in->type != MN_F32 && !coded)) {
    return mn_op_refuse(step, "f32, or u8 or i8 with one scale", err);
  }
  if (coded && !is_real(step) && !mn_operand_near_quant(in, out)) {
    return mn_op_refuse(step, "the same scale and zero point in and out", err);
  }
  mn_status status = mn_op_params(step, request, sizeof(pool), err);
  if (status) return status;
  pool *op = step->params;
  if (!resolve_window(step, &op->window)) return mn_op_refuse(step, "a window that fits", err);
  const mn_window *w = &op->window;
  if (w->dilation_h != 1 || w->dilation_w != 1) return mn_op_refuse(step, "no dilation", err);
  if (w->pad_top >= w->kernel_h || w->pad_bottom >= w->kernel_h || w->pad_left >= w->kernel_w ||
      w->pad_right >= w->kernel_w) {
    return mn_op_refuse(step, "pads smaller than the window", err);
  }
  if ((int64_t)w->kernel_h * w->kernel_w > MAX_AVERAGED) {
    return mn_op_refuse(step, "a window of at most 2^23 pixels", err);
  }
  mn_act act = step->node->attr.pool.act;
  mn_act_range(act, &op->lo, &op->hi);
  if (coded) mn_activation_codes(step, act, &op->code_lo, &op->code_hi);
  const size_t pixels = mn_operand_pixels(out);
  step->slices = mn_part_channels(mn_operand_channels(out), pixels, request->threads, &op->part);
  op->parts = step->slices / pixels;
  return MN_OK;
}

static const mn_op_impl average_of_rows_impl;

MN_PLANNING mn_status avg_pool_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = pool_plan(step, request, err);
  if (status) return status;
  pool *op = step->params;
  mn_type type = step->in[0].type;
  op->apply = type == MN_F32  ? mn_average_f32_ref
              : type == MN_U8 ? mn_average_u8_ref
                              : mn_average_i8_ref;
  if (is_real(step)) op->apply = mn_average_real_ref;
  step->kernel =
      mn_kernel_select(type == MN_F32 ? MN_SLOT_sum_f32 : MN_SLOT_sum_q8, request->features);
  step->scratch_bytes = mn_operand_channels(&step->out) * sizeof(int32_t);
  const mn_window *w = &op->window;
  if (type == MN_F32 || request->threads < 2 || mn_operand_pixels(&step->out) > 1) return MN_OK;
  if (w->pad_top || w->pad_left || w->kernel_h < request->threads) return MN_OK;
  step->impl = &average_of_rows_impl;
  step->slices = (size_t)request->threads;
  return MN_OK;
}

MN_PLANNING mn_status max_pool_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = pool_plan(step, request, err);
  if (status) return status;
  pool *op = step->params;
  mn_type type = step->in[0].type;
  op->apply = type == MN_F32  ? mn_max_pool_f32_ref
              : type == MN_U8 ? mn_max_pool_u8_ref
                              : mn_max_pool_i8_ref;
  step->kernel_name = type == MN_F32  ? "max_pool_f32_ref"
                      : type == MN_U8 ? "max_pool_u8_ref"
                                      : "max_pool_i8_ref";
  return MN_OK;
}

/* [*first, *first + *count): the window's part that lies on the map along one dim. */
static void clip(int32_t at, int32_t kernel, int32_t size, size_t *first, size_t *count) {
  int32_t begin = at < 0 ? 0 : at, end = at > size - kernel ? size : at + kernel;
  *first = (size_t)begin;
  *count = (size_t)(end - begin);
}

static void set_real(mn_pool_args *args, const mn_operand *in, const mn_operand *out) {
  args->in_scale = mn_operand_scale(in);
  args->out_scale = mn_operand_scale(out);
  args->in_zero = mn_operand_unsigned_zero(in);
  args->out_zero = mn_operand_zero(out);
}

/* Float zero and integer zero are the same bytes. */
static void sum_window(const mn_step *step, mn_pool_args *window, void *sums) {
  const mn_sum_args args = {.in = window->in,
                            .rows = window->rows,
                            .row_stride = window->row_stride,
                            .cols = window->cols,
                            .pixel_stride = window->pixel_stride,
                            .channels = window->channels,
                            .flip = mn_code_flip(step->in[0].type),
                            .sums = sums};
  memset(sums, 0, window->channels * sizeof(int32_t));
  ((mn_sum_f32_fn *)step->kernel->function)(&args);
  window->sums = sums;
}

static void pool_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const pool *op = step->params;
  const mn_operand *in = &step->in[0], *out = &step->out;
  const mn_window *w = &op->window;
  size_t in_h = (size_t)in->shape.dim[1], in_w = (size_t)in->shape.dim[2];
  size_t out_h = (size_t)out->shape.dim[1], out_w = (size_t)out->shape.dim[2];
  for (size_t slice = begin; slice < end; slice++) {
    const size_t pixel = slice / op->parts, c = slice % op->parts * op->part;
    int32_t y = (int32_t)(pixel / out_w % out_h), x = (int32_t)(pixel % out_w);
    size_t n = pixel / (out_w * out_h), first_y, first_x;
    mn_pool_args args = {.pixel_stride = in->pixel_stride,
                         .row_stride = in_w * in->pixel_stride,
                         .channels = mn_part_of(mn_operand_channels(out), c, op->part),
                         .lo = op->lo,
                         .hi = op->hi,
                         .code_lo = op->code_lo,
                         .code_hi = op->code_hi};
    if (is_real(step)) set_real(&args, in, out);
    clip(y * w->stride_h - w->pad_top, w->kernel_h, in->shape.dim[1], &first_y, &args.rows);
    clip(x * w->stride_w - w->pad_left, w->kernel_w, in->shape.dim[2], &first_x, &args.cols);
    const size_t at = (n * in_h + first_y) * in_w + first_x, bytes = mn_type_bytes(in->type);
    args.in = (const unsigned char *)mn_operand_pixel(run, in, at) + c * bytes;
    args.out = (unsigned char *)mn_operand_pixel_out(run, out, pixel) + c * bytes;
    if (step->kernel) sum_window(step, &args, run->scratch);
    op->apply(&args);
  }
}

/* ---- One average of codes, summed by rows -------------------------------------------------- */

static mn_pool_args whole_map(const mn_step *step, const mn_run *run) {
  const pool *op = step->params;
  const mn_operand *in = &step->in[0];
  mn_pool_args args = {.in = mn_operand_read(run, in),
                       .row_stride = (size_t)in->shape.dim[2] * in->pixel_stride,
                       .pixel_stride = in->pixel_stride,
                       .rows = (size_t)op->window.kernel_h,
                       .cols = (size_t)op->window.kernel_w,
                       .channels = mn_operand_channels(&step->out),
                       .out = mn_operand_write(run, &step->out),
                       .code_lo = op->code_lo,
                       .code_hi = op->code_hi};
  if (is_real(step)) set_real(&args, in, &step->out);
  return args;
}

/* Where slice `index` leaves its sums. */
static int32_t *sums_of(const mn_step *step, const mn_run *run, size_t index) {
  unsigned char *first = (unsigned char *)run->scratch - run->worker * step->scratch_bytes;
  return (int32_t *)(void *)(first + index * step->scratch_bytes);
}

static void sum_rows(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const mn_pool_args map = whole_map(step, run);
  for (size_t i = begin; i < end; i++) {
    /* As rows are shared elsewhere. */
    const size_t first = (map.rows * i + step->slices - 1) / step->slices;
    mn_pool_args part = map;
    part.in = (const unsigned char *)map.in + first * map.row_stride;
    part.rows = (map.rows * (i + 1) + step->slices - 1) / step->slices - first;
    sum_window(step, &part, sums_of(step, run, i));
  }
}

static void average_sums(const mn_step *step, const mn_run *run) {
  mn_pool_args map = whole_map(step, run);
  int32_t *all = sums_of(step, run, 0);
  for (size_t i = 1; i < step->slices; i++) {
    mn_add_sums_ref(all, sums_of(step, run, i), map.channels);
  }
  map.sums = all;
  ((const pool *)step->params)->apply(&map);
}

static const mn_op_impl average_of_rows_impl = {.run = sum_rows, .finish = average_sums};

const mn_op_impl mn_avg_pool_impl = {.plan = avg_pool_plan, .run = pool_run};
const mn_op_impl mn_max_pool_impl = {.plan = max_pool_plan, .run = pool_run};
