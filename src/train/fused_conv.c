/* SPDX-License-Identifier: Apache-2.0
 * Pointwise layers with the batch norms around them; see fused.h. A slice is a part of the pixels
 * and is done in chunks that stay in the cache. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "train/fused.h"

enum { CHUNK_ROWS = 112, CHUNK_BYTES = 384 << 10 };

typedef struct layer {
  const mn_kernel *kernel;
  const mn_grad_kernels *kernels;
  size_t pixels, ic, oc, parts;
  size_t rows;         /* of a chunk: whole tiles of 6, 7 and 14 */
  size_t zeros_offset; /* of the bias that the kernel adds, in the pack */
  size_t sums_offset;  /* of the sums, in scratch, which are behind the chunks */
} layer;

static mn_status plan(mn_step *step, const mn_op_request *request, const mn_operand *x,
                      const mn_operand *y, mn_error *err) {
  layer *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  step->params = p;
  *p = (layer){.kernel = mn_kernel_select(MN_SLOT_gemm_f32, request->features),
               .kernels = mn_grad_kernels_select(request->features),
               .pixels = mn_operand_pixels(y),
               .ic = mn_operand_channels(x),
               .oc = mn_operand_channels(y),
               .parts = (size_t)step->node->attr.train.parts,
               .rows = CHUNK_ROWS};
  while (p->rows > 28 && p->rows * (p->ic + p->oc) * sizeof(float) > CHUNK_BYTES) p->rows /= 2;
  step->slices = p->parts;
  step->kernel_name = p->kernel->name;
  p->sums_offset = mn_aligned(p->rows * (p->ic + p->oc) * sizeof(float));
  const size_t widest = p->ic > p->oc ? p->ic : p->oc;
  step->scratch_bytes = p->sums_offset + 2 * widest * sizeof(double);
  return MN_OK;
}

/* Room for panels of [n][k] and a bias of zeros. */
static void lay_out_pack(mn_step *step, layer *p, size_t n, size_t k) {
  const size_t columns = mn_whole(n, (size_t)p->kernel->tile.cols);
  p->zeros_offset = mn_aligned(columns * k * sizeof(float));
  step->packed_bytes = p->zeros_offset + mn_aligned(columns * sizeof(float));
}

/* out [rows][n] = a [rows][k] times the packed weights. */
static void multiply(const mn_step *step, const float *a, size_t rows, size_t k, size_t n,
                     float *out) {
  const layer *p = step->params;
  const unsigned char *packed = step->packed;
  const mn_gemm_f32_args args = {
      .a = &a,
      .a_stride = k,
      .segments = 1,
      .segment = k,
      .b = (const float *)(const void *)packed,
      .bias = (const float *)(const void *)(packed + p->zeros_offset),
      .c = out,
      .c_stride = n,
      .m = rows,
      .n = n,
      .k = k,
      .finish = {-INFINITY, INFINITY, false},
  };
  ((mn_gemm_f32_fn *)p->kernel->function)(&args);
}

static void set_sums(const mn_step *step, const mn_run *run, mn_norm_args *sums) {
  const layer *p = step->params;
  sums->first = (double *)(void *)((unsigned char *)run->scratch + p->sums_offset);
  sums->second = sums->first + sums->channels;
}

/* ---- Forward -------------------------------------------------------------------------------- */

static mn_status plan_forward(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = plan(step, request, &step->in[0], &step->out, err);
  if (status) return status;
  layer *p = step->params;
  lay_out_pack(step, p, p->oc, p->ic);
  step->macs = p->pixels * p->ic * p->oc;
  return MN_OK;
}

/* Panels [oc / cols][ic][cols] of weights [oc][ic]. */
static void pack_forward(const mn_step *step, void *packed) {
  const layer *p = step->params;
  const float *weights = step->in[1].data;
  const size_t cols = (size_t)p->kernel->tile.cols;
  memset(packed, 0, step->packed_bytes);
  float *to = packed;
  for (size_t n = 0; n < p->oc; n += cols) {
    const size_t count = p->oc - n < cols ? p->oc - n : cols;
    const float *from = weights + n * p->ic;
    for (size_t k = 0; k < p->ic; k++, to += cols) {
      for (size_t c = 0; c < count; c++) to[c] = from[c * p->ic + k];
    }
  }
}

/* `count` pixels from `at` on, as the layer sees them. */
static const float *chunk_of(const mn_step *step, const float *x, mn_norm_args *norm, size_t count,
                             float *scratch) {
  if (!step->node->attr.train.normed) return x;
  norm->x = x;
  norm->out = scratch;
  norm->pixels = count;
  ((const layer *)step->params)->kernels->norm(norm);
  return scratch;
}

static void run_forward(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const layer *p = step->params;
  const bool normed = step->node->attr.train.normed, moments = step->node->out_count > 1;
  mn_norm_args norm = {0}, sums = {.channels = p->oc};
  if (normed) norm = mn_fused_norm(step, run, MN_FORWARD_NORM, step->node->attr.train.in_act);
  set_sums(step, run, &sums);
  for (size_t i = begin; i < end; i++) {
    const size_t from = mn_part_begin(p->pixels, p->parts, i);
    const size_t to = mn_part_begin(p->pixels, p->parts, i + 1);
    float *y = mn_train_write(run, step);
    sums.mean = y + from * p->oc;
    for (size_t at = from; at < to; at += p->rows) {
      const size_t count = to - at < p->rows ? to - at : p->rows;
      const float *x = mn_train_read(run, step, 0) + at * p->ic;
      x = chunk_of(step, x, &norm, count, run->scratch);
      multiply(step, x, count, p->ic, p->oc, y + at * p->oc);
      if (!moments) continue;
      sums.x = y + at * p->oc;
      sums.pixels = count;
      sums.more = at > from;
      p->kernels->moments(&sums);
    }
    if (!moments) continue;
    float *parts = mn_operand_write(run, &step->more_out[0]);
    mn_fused_put_moments(&sums, to - from, parts + 2 * i * p->oc);
  }
}

const mn_op_impl mn_fused_conv_impl = {
    .plan = plan_forward, .pack = pack_forward, .run = run_forward};

/* ---- Backward ------------------------------------------------------------------------------- */

static mn_status plan_back(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = plan(step, request, &step->in[MN_BACK_X], &step->in[MN_BACK_Y], err);
  if (status) return status;
  layer *p = step->params;
  lay_out_pack(step, p, p->ic, p->oc);
  step->macs = 2 * p->pixels * p->ic * p->oc;
  return MN_OK;
}

/* Panels [ic / cols][oc][cols] of weights [oc][ic]. */
static void pack_back(const mn_step *step, void *packed) {
  const layer *p = step->params;
  const float *weights = step->in[MN_BACK_WEIGHTS].data;
  const size_t cols = (size_t)p->kernel->tile.cols;
  float *to = packed;
  memset(packed, 0, step->packed_bytes);
  for (size_t n = 0; n < p->ic; n += cols) {
    const size_t count = p->ic - n < cols ? p->ic - n : cols;
    for (size_t oc = 0; oc < p->oc; oc++, to += cols) {
      memcpy(to, weights + oc * p->ic + n, count * sizeof *to);
    }
  }
}

/* What a slice goes through its chunks with. */
typedef struct back {
  mn_norm_args gradient, norm, sums;
  mn_outer_args outer;
  float *dy, *z; /* [rows][oc], [rows][ic]: of a chunk */
} back;

static void run_chunk(const mn_step *step, const mn_run *run, back *b, size_t at, size_t count) {
  const layer *p = step->params;
  const float *x = mn_train_read(run, step, MN_BACK_X) + at * p->ic;
  float *dx = mn_train_write(run, step) + at * p->ic;
  b->gradient.x = mn_train_read(run, step, MN_BACK_Y) + at * p->oc;
  b->gradient.gradient = mn_train_read(run, step, MN_BACK_GRADIENT) + at * p->oc;
  b->gradient.out = b->dy;
  b->gradient.pixels = b->sums.pixels = b->outer.pixels = count;
  p->kernels->norm_gradient(&b->gradient);
  multiply(step, b->dy, count, p->oc, p->ic, dx);
  b->outer.b = chunk_of(step, x, &b->norm, count, b->z);
  p->kernels->outer(&b->outer);
  if (step->node->out_count < 3) return;
  b->sums.x = x;
  b->sums.gradient = dx;
  p->kernels->norm_sums(&b->sums);
  b->sums.more = true;
}

static void run_back(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const layer *p = step->params;
  back b = {.gradient = mn_fused_gradient(step, run), .dy = run->scratch};
  b.z = b.dy + p->rows * p->oc;
  if (step->node->attr.train.normed) {
    b.norm = b.sums = mn_fused_norm(step, run, MN_BACK_X_NORM, step->node->attr.train.in_act);
    set_sums(step, run, &b.sums);
  }
  for (size_t i = begin; i < end; i++) {
    const size_t from = mn_part_begin(p->pixels, p->parts, i);
    const size_t to = mn_part_begin(p->pixels, p->parts, i + 1);
    float *weights = (float *)mn_operand_write(run, &step->more_out[0]) + i * p->oc * p->ic;
    memset(weights, 0, p->oc * p->ic * sizeof *weights);
    b.outer = (mn_outer_args){.a = b.dy,
                              .c = weights,
                              .a_stride = p->oc,
                              .b_stride = p->ic,
                              .c_stride = p->ic,
                              .m = p->oc,
                              .n = p->ic};
    b.sums.more = false;
    for (size_t at = from; at < to; at += p->rows) {
      run_chunk(step, run, &b, at, to - at < p->rows ? to - at : p->rows);
    }
    if (step->node->out_count < 3) continue;
    float *parts = mn_operand_write(run, &step->more_out[1]);
    mn_fused_put_sums(&b.sums, parts + 2 * i * p->ic);
  }
}

const mn_op_impl mn_fused_conv_back_impl = {.plan = plan_back, .pack = pack_back, .run = run_back};
