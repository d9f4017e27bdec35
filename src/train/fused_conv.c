/* SPDX-License-Identifier: Apache-2.0
 * Pointwise layers with the batch norms around them; see fused.h. A slice is a part of the pixels
 * and is done in chunks that stay in the cache. */
#include <string.h>

#include "base/alloc.h"
#include "train/fused.h"
#include "train/product.h"

enum { CHUNK_ROWS = 112, CHUNK_BYTES = 384 << 10 };

typedef struct layer {
  mn_product product;
  mn_outer outer; /* backward */
  const mn_grad_kernels *kernels;
  size_t pixels, ic, oc, parts;
  size_t rows;        /* of a chunk: whole tiles of 6, 7 and 14 */
  size_t sums_offset; /* of the sums, in scratch, which are behind the chunks */
} layer;

static mn_status plan(mn_step *step, const mn_op_request *request, const mn_operand *x,
                      const mn_operand *y, mn_error *err) {
  layer *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  step->params = p;
  *p = (layer){.kernels = mn_grad_kernels_select(request->features),
               .pixels = mn_operand_pixels(y),
               .ic = mn_operand_channels(x),
               .oc = mn_operand_channels(y),
               .parts = (size_t)step->node->attr.train.parts,
               .rows = CHUNK_ROWS};
  while (p->rows > 28 && p->rows * (p->ic + p->oc) * sizeof(float) > CHUNK_BYTES) p->rows /= 2;
  step->slices = p->parts;
  p->sums_offset = mn_aligned(p->rows * (p->ic + p->oc) * sizeof(float));
  const size_t widest = p->ic > p->oc ? p->ic : p->oc;
  step->scratch_bytes = p->sums_offset + 2 * widest * sizeof(double);
  return MN_OK;
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
  p->product.n = p->oc;
  p->product.k = p->ic;
  mn_product_plan(&p->product, step, request, p->rows);
  step->macs = p->pixels * p->ic * p->oc;
  return MN_OK;
}

static void pack_forward(const mn_step *step, void *packed) {
  mn_product_pack(&((const layer *)step->params)->product, step->in[1].data, packed);
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
      mn_product_run(&p->product, step, run, x, count, y + at * p->oc);
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
  p->product.n = p->ic;
  p->product.k = p->oc;
  mn_product_plan(&p->product, step, request, p->rows);
  mn_outer_plan(&p->outer, step, request, p->oc, p->ic);
  step->macs = 2 * p->pixels * p->ic * p->oc;
  return MN_OK;
}

static void pack_back(const mn_step *step, void *packed) {
  const layer *p = step->params;
  mn_product_pack_turned(&p->product, step->in[MN_BACK_WEIGHTS].data, 1, packed);
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
  mn_product_run(&p->product, step, run, b->dy, count, dx);
  b->outer.b = chunk_of(step, x, &b->norm, count, b->z);
  mn_outer_run(&p->outer, run, &b->outer);
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
