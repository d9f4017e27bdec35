/* SPDX-License-Identifier: Apache-2.0
 * See product.h. */
#include "train/product.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

enum { MOST_COLS = 64 }; /* of a panel */

static bool rounds(const mn_product *p) { return p->kernel->slot == MN_SLOT_gemm_bf16; }

void mn_product_plan(mn_product *p, mn_step *step, const mn_op_request *request, size_t rows) {
  const bool bf16 = request->precision == MN_BF16;
  p->kernel = mn_kernel_select(bf16 ? MN_SLOT_gemm_bf16 : MN_SLOT_gemm_f32, request->features);
  p->kernels = mn_grad_kernels_select(request->features);
  const mn_tile tile = p->kernel->tile;
  const size_t columns = mn_whole(p->n, (size_t)tile.cols);
  p->depth = mn_whole(p->k, (size_t)tile.deep);
  p->zeros_offset = mn_aligned(columns * p->depth * (rounds(p) ? sizeof(uint16_t) : sizeof(float)));
  step->packed_bytes = p->zeros_offset + mn_aligned(columns * sizeof(float));
  step->kernel_name = p->kernel->name;
  if (!rounds(p)) return;
  p->scratch_rows = mn_whole(rows, (size_t)tile.rows);
  p->scratch_offset = mn_aligned(step->scratch_bytes);
  step->scratch_bytes =
      p->scratch_offset + (p->scratch_rows + (size_t)tile.cols) * p->depth * sizeof(float);
}

/* ---- Packing -------------------------------------------------------------------------------- */

/* Row k of a panel, `cols` floats of which `count` are weights, `apart` from each other. */
static void take_row(const float *weights, size_t apart, size_t count, size_t cols, float *to) {
  if (apart == 1) {
    memcpy(to, weights, count * sizeof *to);
  } else {
    for (size_t c = 0; c < count; c++) to[c] = weights[c * apart];
  }
  memset(to + count, 0, (cols - count) * sizeof *to);
}

/* Where weights of row k are: [n] of them, `apart` from each other. */
typedef struct source {
  const float *weights;
  size_t taps, inner; /* k is [taps][inner] */
  size_t tap_step, inner_step, apart;
} source;

static const float *row_of(const source *from, size_t k) {
  return from->weights + k / from->inner * from->tap_step + k % from->inner * from->inner_step;
}

/* Panels [n / cols][k][cols]; of bf16 [n / cols][k / 2][cols][2]. */
static void pack(const mn_product *p, const source *from, void *packed) {
  const size_t cols = (size_t)p->kernel->tile.cols;
  float rows[2][MOST_COLS], *floats = packed;
  uint16_t *halves = packed;
  for (size_t n = 0; n < p->n; n += cols) {
    const size_t count = p->n - n < cols ? p->n - n : cols;
    for (size_t k = 0; k < p->depth && !rounds(p); k++, floats += cols) {
      take_row(row_of(from, k) + n * from->apart, from->apart, count, cols, floats);
    }
    for (size_t k = 0; k < p->depth && rounds(p); k += 2, halves += 2 * cols) {
      for (size_t i = 0; i < 2; i++) {
        const bool there = k + i < p->k;
        const float *row = there ? row_of(from, k + i) + n * from->apart : from->weights;
        take_row(row, from->apart, there ? count : 0, cols, rows[i]);
      }
      p->kernels->round_pairs(rows[0], rows[1], cols, halves);
    }
  }
  memset((unsigned char *)packed + p->zeros_offset, 0, mn_whole(p->n, cols) * sizeof(float));
}

void mn_product_pack(const mn_product *p, const float *weights, void *packed) {
  const source from = {
      .weights = weights, .taps = 1, .inner = p->k, .inner_step = 1, .apart = p->k};
  pack(p, &from, packed);
}

void mn_product_pack_turned(const mn_product *p, const float *weights, size_t taps, void *packed) {
  const source from = {.weights = weights,
                       .taps = taps,
                       .inner = p->k / taps,
                       .tap_step = p->n,
                       .inner_step = taps * p->n,
                       .apart = 1};
  pack(p, &from, packed);
}

/* ---- Running -------------------------------------------------------------------------------- */

void mn_product_run(const mn_product *p, const mn_step *step, const mn_run *run, const float *a,
                    size_t rows, float *out) {
  const unsigned char *packed = step->packed;
  const mn_gemm_f32_args f32 = {
      .a = &a,
      .a_stride = p->k,
      .segments = 1,
      .segment = p->k,
      .b = (const float *)(const void *)packed,
      .bias = (const float *)(const void *)(packed + p->zeros_offset),
      .c = out,
      .c_stride = p->n,
      .m = rows,
      .n = p->n,
      .k = p->k,
      .finish = {-INFINITY, INFINITY, false},
  };
  if (!rounds(p)) {
    ((mn_gemm_f32_fn *)p->kernel->function)(&f32);
    return;
  }
  const mn_gemm_bf16_args bf16 = {
      .f32 = f32,
      .b = (const uint16_t *)(const void *)packed,
      .scratch = (float *)(void *)((unsigned char *)run->scratch + p->scratch_offset),
      .scratch_rows = p->scratch_rows,
  };
  ((mn_gemm_bf16_fn *)p->kernel->function)(&bf16);
}

/* ---- Outer products ------------------------------------------------------------------------- */

void mn_outer_plan(mn_outer *outer, mn_step *step, const mn_op_request *request, size_t m,
                   size_t n) {
  const bool bf16 = request->precision == MN_BF16;
  outer->kernels = mn_grad_kernels_select(request->features);
  outer->bf16 = bf16 ? mn_outer_bf16_select(request->features) : NULL;
  outer->scratch_offset = mn_aligned(step->scratch_bytes);
  if (bf16) step->scratch_bytes = outer->scratch_offset + mn_outer_bf16_scratch(m, n);
}

void mn_outer_run(const mn_outer *outer, const mn_run *run, const mn_outer_args *args) {
  if (outer->bf16) {
    outer->bf16(args, outer->kernels, (unsigned char *)run->scratch + outer->scratch_offset);
  } else {
    outer->kernels->outer(args);
  }
}
