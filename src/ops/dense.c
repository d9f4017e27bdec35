/* SPDX-License-Identifier: Apache-2.0
 * Fully connected layer: the matrix product with one row a picture (or a vector of the last dim).
 * A slice is a block of output channels over all rows; with few rows the time is that of reading
 * the weights once. It is the matrix product of conv2d, but for 8 bit in LiteRT's arithmetic, which
 * requantizes this one layer in double (docs/numerics.md). One packed block of that:
 *     scale [n] double | bias [n] int32 | weights [n][padded_k] int8 */
#include <string.h>

#include "base/alloc.h"
#include "ops/gemm.h"
#include "ops/operand.h"

/* 8 bit: outputs that kernels take together. */
enum { Q8_OUTPUTS = 4 };

typedef struct dense_params {
  mn_gemm gemm;        /* unless in_double */
  mn_dense_q8_args q8; /* in_double: a template, pointers are filled in a run */
  size_t rows, n, k;
  size_t padded_k; /* in_double: to whole steps of the kernel */
  size_t block_cols;
  bool gathers; /* a row is spread over strided pixels: copied to scratch first */
} dense_params;

static bool in_double(const mn_step *step) {
  return step->in[0].type != MN_F32 && step->arithmetic == MN_ARITHMETIC_LITERT;
}

/* Slices of whole groups of `unit` output channels, at most one a thread. */
static void plan_slices(mn_step *step, dense_params *p, size_t unit, int32_t threads) {
  size_t units = mn_whole(p->n, unit) / unit;
  size_t parts = units < (size_t)threads ? units : (size_t)threads;
  p->block_cols = mn_whole(units, parts) / parts * unit;
  step->slices = (p->n + p->block_cols - 1) / p->block_cols;
}

static void plan_q8(mn_step *step, dense_params *p, const mn_op_request *request) {
  const mn_operand *out = &step->out, *weights = &step->in[1];
  step->kernel = mn_kernel_select(MN_SLOT_dense_q8, request->features);
  p->padded_k = mn_whole(p->k, (size_t)step->kernel->tile.deep);
  p->q8.w_zero = mn_operand_zero(weights) - (weights->type == MN_U8 ? 128 : 0);
  p->q8.flip = mn_code_flip(step->in[0].type);
  p->q8.out_zero = mn_operand_zero(out);
  mn_activation_codes(step, step->node->attr.dense.act, &p->q8.out_min, &p->q8.out_max);
  step->packed_bytes = p->n * (sizeof(double) + sizeof(int32_t) + p->padded_k);
}

MN_PLANNING mn_status plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = mn_op_params(step, request, sizeof(dense_params), err);
  if (status) return status;
  dense_params *p = step->params;
  const mn_operand *in = &step->in[0];
  p->n = (size_t)step->in[1].shape.dim[0];
  p->k = (size_t)step->in[1].shape.dim[1];
  p->rows = mn_operand_elements(in) / p->k;
  p->gathers = !mn_operand_dense(in) && mn_operand_channels(in) != p->k;
  if (p->gathers) step->scratch_bytes = p->rows * p->k * mn_type_bytes(in->type);
  if (in_double(step)) {
    plan_q8(step, p, request);
    plan_slices(step, p, Q8_OUTPUTS, request->threads);
    return MN_OK;
  }
  mn_gemm_plan(&p->gemm, step, request, step->node->attr.dense.act);
  mn_gemm_add_scratch(&p->gemm, step, request, p->rows);
  step->kernel = p->gemm.kernel;
  step->packed_bytes = p->gemm.packed_bytes;
  plan_slices(step, p, (size_t)p->gemm.kernel->tile.cols, request->threads);
  step->slice_bytes = mn_gemm_weight_bytes(&p->gemm, p->block_cols);
  return MN_OK;
}

/* One output's weights as signed bytes; returns their sum, zero point taken out. */
static int64_t pack_row(const dense_params *p, const mn_operand *weights, size_t n, int8_t *to) {
  const uint8_t *codes = (const uint8_t *)weights->data + n * p->k; /* [k] */
  const uint8_t flip = weights->type == MN_U8 ? 0x80 : 0;
  int64_t sum = 0;
  for (size_t i = 0; i < p->k; i++) sum += to[i] = (int8_t)(codes[i] ^ flip);
  memset(to + p->k, 0, p->padded_k - p->k);
  return sum - (int64_t)p->k * p->q8.w_zero;
}

static void pack_q8(const mn_step *step, void *packed) {
  const dense_params *p = step->params;
  const mn_operand *weights = &step->in[1];
  double in_scale = mn_operand_scale(&step->in[0]), out_scale = mn_operand_scale(&step->out);
  double *scale = packed;
  int32_t *bias = (int32_t *)(scale + p->n);
  int8_t *codes = (int8_t *)(bias + p->n); /* [n][padded_k] */
  for (size_t n = 0; n < p->n; n++) {
    double weight_scale = weights->quant->scale[weights->quant->count > 1 ? n : 0];
    scale[n] = in_scale * weight_scale / out_scale;
    const mn_weight_sum sum = {pack_row(p, weights, n, codes + n * p->padded_k), 0};
    bias[n] = mn_folded_bias(step, n, sum, NULL);
  }
}

static void pack(const mn_step *step, void *packed) {
  if (in_double(step)) {
    pack_q8(step, packed);
  } else {
    mn_gemm_pack(&((const dense_params *)step->params)->gemm, step, packed);
  }
}

static void gather(const mn_step *step, const mn_run *run) {
  const mn_operand *in = &step->in[0];
  size_t bytes = mn_operand_channels(in) * mn_type_bytes(in->type);
  for (size_t i = 0, pixels = mn_operand_pixels(in); i < pixels; i++) {
    memcpy((unsigned char *)run->scratch + i * bytes, mn_operand_pixel(run, in, i), bytes);
  }
}

static void run_q8(const mn_step *step, const mn_gemm_block *block) {
  const dense_params *p = step->params;
  const double *scale = step->packed;
  const int32_t *bias = (const int32_t *)(scale + p->n);
  const int8_t *codes = (const int8_t *)(bias + p->n); /* [n][padded_k] */
  mn_dense_q8_args args = p->q8;
  args.a = block->a;
  args.a_stride = block->a_stride;
  args.weights = codes + block->n_begin * p->padded_k;
  args.bias = bias + block->n_begin;
  args.scale = scale + block->n_begin;
  args.c = (uint8_t *)block->c + block->n_begin;
  args.c_stride = block->c_stride;
  args.m = block->m;
  args.n = block->n_end - block->n_begin;
  args.k = p->k;
  ((mn_dense_q8_fn *)step->kernel->function)(&args);
}

static void run_slices(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const dense_params *p = step->params;
  const mn_operand *in = &step->in[0];
  if (p->gathers) gather(step, run);
  mn_gemm_block block = {
      .a = p->gathers ? run->scratch : mn_operand_read(run, in),
      .a_stride = mn_operand_channels(in) == p->k ? in->pixel_stride : p->k,
      .c = mn_operand_write(run, &step->out),
      .c_stride = step->out.pixel_stride,
      .scratch = run->scratch,
      .m = p->rows,
      .n_begin = begin * p->block_cols,
      .n_end = end * p->block_cols < p->n ? end * p->block_cols : p->n,
  };
  if (in_double(step)) {
    run_q8(step, &block);
  } else {
    mn_gemm_run(&p->gemm, step->packed, &block);
  }
}

const mn_op_impl mn_dense_impl = {.plan = plan, .pack = pack, .run = run_slices};
