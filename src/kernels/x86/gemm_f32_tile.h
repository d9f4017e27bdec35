/* SPDX-License-Identifier: Apache-2.0
 * Float matrix product, the same for every width of vector. A tile is ROWS rows by two vectors of
 * columns, its sums in registers; a panel with one vector of columns is done by twice the rows. A
 * panel of weights goes by DEPTH products at a time, few enough for the piece to stay in L1 while
 * rows pass; meanwhile sums wait in c, which changes no bit of them. Rows go in blocks that stay in
 * L2 while all panels pass. One row (dense layers) takes four panels at once, to have enough sums
 * in flight. The including file brings lanes_avx512.h, or this one lanes_avx2.h. */
#ifndef MN_KERNELS_X86_GEMM_F32_TILE_H
#define MN_KERNELS_X86_GEMM_F32_TILE_H

#include "kernels/kernels.h"
#ifdef MN_KERNELS_X86_LANES_AVX512_H
enum { ROWS = 7, BLOCK_FLOATS = 96 * 1024 };
#else
#include "kernels/x86/lanes_avx2.h"
enum { ROWS = 6, BLOCK_FLOATS = 40 * 1024 };
#endif

enum { COLS = 2 * LANES, TALL = 2 * ROWS, DEPTH = 256 };

/* Products [from, to) of the panel at column n, rows up to m + rows. */
typedef struct piece {
  const mn_gemm_f32_args *args;
  size_t m, rows, n, from, to;
  lanes_live live[2]; /* of the panel's vectors */
} piece;

MN_INLINE piece panel_at(const mn_gemm_f32_args *args, size_t m, size_t n) {
  const size_t left = args->n - n;
  piece x = {args, m, 1, n, 0, args->k, {first_lanes(left)}};
  x.live[1] = first_lanes(left > LANES ? left - LANES : 0);
  return x;
}

/* Sums before the first product of a piece: the bias, or what the piece before left in c. */
MN_INLINE void begin_sums(const piece *x, lanes *sum, size_t rows, const int height,
                          const int vectors) {
  const mn_gemm_f32_args *args = x->args;
  const float *from = x->from ? args->c + x->m * args->c_stride + x->n : args->bias + x->n;
  const size_t step = x->from ? args->c_stride : 0;
  const lanes_live live[2] = {x->live[0], x->live[1]};
  MN_UNROLL for (int i = 0; i < height; i++) {
    MN_UNROLL for (int j = 0; j < vectors; j++) {
      sum[vectors * i + j] = load_first(from + LANES * j, live[j]);
    }
    if ((size_t)i + 1 < rows) from += step;
    __asm__("" : "+r"(from)); /* one pointer that moves, not one for each row */
  }
}

/* What is more than a clamp: adds the residual, applies hard-swish, to sums that are in c. */
static void finish_in_memory(const piece *x) {
  const mn_gemm_f32_args *args = x->args;
  const lanes lo = set_lanes(args->finish.lo), hi = set_lanes(args->finish.hi);
  for (size_t m = x->m; m < x->m + x->rows; m++) {
    float *c = args->c + m * args->c_stride + x->n;
    for (int j = 0; j < 2; j++, c += LANES) {
      const lanes_live live = x->live[j];
      lanes sum = load_first(c, live);
      if (args->residual) {
        const float *from = args->residual + m * args->residual_stride + x->n + (size_t)j * LANES;
        sum = add_lanes(sum, load_first(from, live));
      }
      sum = clamp_lanes(sum, lo, hi);
      if (args->finish.hard_swish) sum = hard_swish_lanes(sum);
      store_first(c, sum, live);
    }
  }
}

/* Sums after the last product of a piece, into c. */
MN_INLINE void end_sums(const piece *x, lanes *sum, size_t rows, const int height,
                        const int vectors) {
  const mn_gemm_f32_args *args = x->args;
  const bool last = x->to == args->k, more = args->residual || args->finish.hard_swish;
  const size_t stride = args->c_stride;
  const lanes_live first = x->live[0], second = x->live[1];
  float *c = args->c + x->m * stride + x->n;
  if (last && !more) {
    const lanes lo = set_lanes(args->finish.lo), hi = set_lanes(args->finish.hi);
    MN_UNROLL for (int i = 0; i < height * vectors; i++) sum[i] = clamp_lanes(sum[i], lo, hi);
  }
  MN_UNROLL for (int i = 0; i < height; i++, c += stride) {
    if ((size_t)i >= rows) break;
    __asm__("" : "+r"(c));
    store_first(c, sum[vectors * i], first);
    if (vectors == 2) store_first(c + LANES, sum[2 * i + 1], second);
  }
  if (last && more) finish_in_memory(x);
}

/* At most ROWS rows by two vectors; rows that do not exist repeat the last. */
MN_INLINE void tile(const piece *x) {
  const mn_gemm_f32_args *args = x->args;
  const size_t depth = x->to - x->from;
  const float *b = args->b + x->n * args->k + x->from * COLS;
  const float *row[ROWS];
  lanes sum[ROWS * 2];
  row[0] = args->a + x->m * args->a_stride + x->from;
  MN_UNROLL for (int i = 1; i < ROWS; i++) {
    row[i] = row[i - 1] + ((size_t)i < x->rows ? args->a_stride : 0);
  }
  begin_sums(x, sum, x->rows, ROWS, 2);
  for (size_t p = 0; p < depth; p++, b += COLS) {
    const lanes w0 = load_lanes(b), w1 = load_lanes(b + LANES);
    MN_UNROLL for (int i = 0; i < ROWS; i++) {
      const lanes value = set_lanes(row[i][p]);
      sum[2 * i] = multiply_add(value, w0, sum[2 * i]);
      sum[2 * i + 1] = multiply_add(value, w1, sum[2 * i + 1]);
    }
  }
  end_sums(x, sum, x->rows, ROWS, 2);
}

/* TALL rows by one vector. So many row pointers would not fit the registers: five rows are reached
 * from one base by multiples of two strides. */
MN_INLINE void tall_tile(const piece *x) {
  const mn_gemm_f32_args *args = x->args;
  const float *b = args->b + x->n * args->k + x->from * COLS;
  size_t stride = args->a_stride * sizeof(float), thrice = 3 * stride;
  const char *base[3];
  lanes sum[TALL];
  base[0] = (const char *)(args->a + x->m * args->a_stride + x->from);
  base[1] = base[0] + 5 * stride;
  base[2] = base[1] + 5 * stride;
  const char *end = base[0] + (x->to - x->from) * sizeof(float);
  __asm__("" : "+r"(stride), "+r"(thrice), "+r"(base[1]), "+r"(base[2])); /* not to be undone */
  begin_sums(x, sum, TALL, TALL, 1);
  for (; base[0] < end; b += COLS) {
    const lanes w = load_lanes(b);
    MN_UNROLL for (int i = 0; i < TALL; i++) {
      const char *at = base[i / 5] + (i % 5 == 3 ? thrice : (size_t)(i % 5) * stride);
      sum[i] = multiply_add(set_lanes(*(const float *)(const void *)at), w, sum[i]);
    }
    MN_UNROLL for (int i = 0; i < 3; i++) base[i] += sizeof(float);
  }
  end_sums(x, sum, TALL, TALL, 1);
}

/* Rows [x.m, end) of a piece. */
static void rows_of_piece(piece x, size_t end) {
  x.rows = TALL;
  for (; x.args->n - x.n <= LANES && end - x.m >= TALL; x.m += TALL) tall_tile(&x);
  for (; x.m < end; x.m += ROWS) {
    x.rows = end - x.m < ROWS ? end - x.m : ROWS;
    tile(&x);
  }
}

/* Row m, the four whole panels from column n. */
static void one_row(const mn_gemm_f32_args *args, size_t m, size_t n) {
  const size_t k = args->k;
  const bool more = args->residual || args->finish.hard_swish;
  const float *a = args->a + m * args->a_stride;
  const float *b = args->b + n * k;
  float *c = args->c + m * args->c_stride + n;
  lanes sum[8];
  MN_UNROLL for (int j = 0; j < 8; j++) sum[j] = load_lanes(args->bias + n + LANES * j);
  for (size_t p = 0; p < k; p++, b += COLS) {
    const lanes x = set_lanes(a[p]);
    MN_UNROLL for (int j = 0; j < 8; j++) {
      const float *w = b + (size_t)(j / 2) * k * COLS + LANES * (j % 2);
      sum[j] = multiply_add(x, load_lanes(w), sum[j]);
    }
  }
  if (!more) {
    const lanes lo = set_lanes(args->finish.lo), hi = set_lanes(args->finish.hi);
    MN_UNROLL for (int j = 0; j < 8; j++) sum[j] = clamp_lanes(sum[j], lo, hi);
  }
  MN_UNROLL for (int j = 0; j < 8; j++) store_lanes(c + LANES * j, sum[j]);
  for (size_t j = 0; more && j < 4; j++) {
    const piece x = panel_at(args, m, n + j * COLS);
    finish_in_memory(&x);
  }
}

/* Rows [m, end), all columns. */
static void block(const mn_gemm_f32_args *args, size_t m, size_t end) {
  const size_t pieces = (args->k + DEPTH - 1) / DEPTH, depth = (args->k + pieces - 1) / pieces;
  size_t n = 0;
  if (end - m == 1) {
    for (; args->n - n >= 4 * COLS; n += 4 * COLS) one_row(args, m, n);
  }
  for (; n < args->n; n += COLS) {
    piece x = panel_at(args, m, n);
    for (; x.from < args->k; x.from = x.to) {
      x.to = args->k - x.from < depth ? args->k : x.from + depth;
      rows_of_piece(x, end);
    }
  }
}

MN_INLINE void product(const mn_gemm_f32_args *args) {
  const size_t fit = BLOCK_FLOATS / (args->k + 1) / TALL * TALL;
  const size_t step = fit > TALL ? fit : TALL;
  for (size_t m = 0; m < args->m; m += step) {
    block(args, m, args->m - m > step ? m + step : args->m);
  }
}
#endif
