/* SPDX-License-Identifier: Apache-2.0
 * Float matrix product, tiles of up to 8 rows x 8 columns. Four products at a time: a vector of
 * each row, of which every lane meets two vectors of weights, so that 64 multiply-adds take 16
 * loads. Rows are dealt evenly to their tiles, since a tile of few has too few sums in flight. A
 * panel of weights goes by DEPTH products at a time, few enough for the piece to stay in L1 while
 * rows pass; meanwhile sums wait in c, which changes no bit of them. One row (dense layers) takes
 * four panels at once. */
#include "kernels/arm/simd_neon.h"
#include "kernels/kernels.h"

enum { ROWS = 8, COLS = 8, DEPTH = 256, BLOCK_FLOATS = 32 * 1024, PANELS = 4 };

/* Products of the panel at column n: of `segments` segments from `segment` on the products [from,
 * to). */
typedef struct piece {
  const mn_gemm_f32_args *args;
  size_t n, segment, segments, from, to;
  const float *b; /* its first weights */
  bool begun, last;
} piece;

/* Sums before the first product: the bias, or what the piece before left in c. */
MN_INLINE void begin_sums(const piece *x, size_t m, float32x4_t sum[ROWS][2], const int rows) {
  const mn_gemm_f32_args *args = x->args;
  const float *from = x->begun ? args->c + m * args->c_stride + x->n : args->bias + x->n;
  const size_t step = x->begun ? args->c_stride : 0;
  MN_UNROLL for (int i = 0; i < rows; i++, from += step) {
    sum[i][0] = vld1q_f32(from);
    sum[i][1] = vld1q_f32(from + 4);
  }
}

MN_INLINE float32x4_t finish(float32x4_t x, const mn_finish_f32 *by) {
  if (by->hard_swish) return hard_swish_neon(x);
  return clamp_f32_neon(x, vdupq_n_f32(by->lo), vdupq_n_f32(by->hi));
}

/* Rows of sums that are more than clamped, or not all of whose columns exist. */
static __attribute__((noinline)) void store_aside(const mn_gemm_f32_args *args, float *c,
                                                  const float32x4_t *sum, size_t rows,
                                                  size_t count) {
  for (size_t i = 0; i < rows; i++, c += args->c_stride, sum += 2) {
    store_f32_neon(c, finish(sum[0], &args->finish), count);
    if (count > 4) store_f32_neon(c + 4, finish(sum[1], &args->finish), count - 4);
  }
}

/* A piece that is not the last has all its columns. */
MN_INLINE void end_sums(const piece *x, size_t m, float32x4_t sum[ROWS][2], const int rows) {
  const mn_gemm_f32_args *args = x->args;
  float *c = args->c + m * args->c_stride + x->n;
  const size_t count = args->n - x->n;
  if (x->last && (args->finish.hard_swish || count < COLS)) {
    float32x4_t aside[2 * ROWS];
    MN_UNROLL for (int i = 0; i < 2 * rows; i++) aside[i] = sum[i / 2][i % 2];
    store_aside(args, c, aside, (size_t)rows, count);
    return;
  }
  if (x->last) {
    const float32x4_t lo = vdupq_n_f32(args->finish.lo), hi = vdupq_n_f32(args->finish.hi);
    MN_UNROLL for (int i = 0; i < 2 * rows; i++) {
      sum[i / 2][i % 2] = clamp_f32_neon(sum[i / 2][i % 2], lo, hi);
    }
  }
  MN_UNROLL for (int i = 0; i < rows; i++, c += args->c_stride) {
    vst1q_f32(c, sum[i][0]);
    vst1q_f32(c + 4, sum[i][1]);
  }
}

/* sum += lane `lane` of every row times eight weights. */
#define MULTIPLY(lane)                                        \
  do {                                                        \
    const float32x4_t w0 = vld1q_f32(b + 8 * lane);           \
    const float32x4_t w1 = vld1q_f32(b + 8 * lane + 4);       \
    MN_UNROLL for (int i = 0; i < rows; i++) {                \
      sum[i][0] = vfmaq_laneq_f32(sum[i][0], w0, a[i], lane); \
      sum[i][1] = vfmaq_laneq_f32(sum[i][1], w1, a[i], lane); \
    }                                                         \
  } while (0)

MN_INLINE void tile(const piece *x, size_t m, const int rows) {
  const mn_gemm_f32_args *args = x->args;
  const float *b = x->b;
  float32x4_t sum[ROWS][2], a[ROWS];
  begin_sums(x, m, sum, rows);
  for (size_t s = x->segment; s < x->segment + x->segments; s++) {
    const float *row[ROWS];
    row[0] = args->a[s] + m * args->a_stride + x->from;
    MN_UNROLL for (int i = 1; i < rows; i++) row[i] = row[i - 1] + args->a_stride;
    size_t p = x->to - x->from;
    for (; p >= 4; p -= 4, b += 4 * COLS) {
      MN_UNROLL for (int i = 0; i < rows; i++) a[i] = vld1q_f32(row[i]), row[i] += 4;
      MULTIPLY(0);
      MULTIPLY(1);
      MULTIPLY(2);
      MULTIPLY(3);
    }
    for (; p > 0; p--, b += COLS) {
      MN_UNROLL for (int i = 0; i < rows; i++) a[i] = vld1q_dup_f32(row[i]++);
      MULTIPLY(0);
    }
  }
  end_sums(x, m, sum, rows);
}

static void tile_1(const piece *x, size_t m) { tile(x, m, 1); }
static void tile_2(const piece *x, size_t m) { tile(x, m, 2); }
static void tile_3(const piece *x, size_t m) { tile(x, m, 3); }
static void tile_4(const piece *x, size_t m) { tile(x, m, 4); }
static void tile_5(const piece *x, size_t m) { tile(x, m, 5); }
static void tile_6(const piece *x, size_t m) { tile(x, m, 6); }
static void tile_7(const piece *x, size_t m) { tile(x, m, 7); }
static void tile_8(const piece *x, size_t m) { tile(x, m, 8); }

/* Rows [m, end) of a piece. */
static void rows_of_piece(const piece *x, size_t m, size_t end) {
  static void (*const run[ROWS])(const piece *, size_t) = {tile_1, tile_2, tile_3, tile_4,
                                                           tile_5, tile_6, tile_7, tile_8};
  for (size_t tiles = (end - m + ROWS - 1) / ROWS; tiles > 0; tiles--) {
    const size_t rows = (end - m + tiles - 1) / tiles;
    run[rows - 1](x, m);
    m += rows;
  }
}

/* One panel for rows [m, end): all segments at once when they are short, or when c has no room for
 * the sums of a whole panel; else a part of one at a time. */
static void panel(const mn_gemm_f32_args *args, size_t m, size_t end, size_t n) {
  const bool whole = args->k <= DEPTH || args->n - n < COLS;
  const size_t pieces = whole ? 1 : (args->segment + DEPTH - 1) / DEPTH;
  const size_t depth = (args->segment + pieces - 1) / pieces;
  piece x = {.args = args, .n = n, .b = args->b + n * args->k};
  x.segments = whole ? args->segments : 1;
  for (; x.segment < args->segments; x.segment += x.segments) {
    for (x.from = 0; x.from < args->segment; x.from = x.to) {
      x.to = args->segment - x.from < depth ? args->segment : x.from + depth;
      x.last = x.segment + x.segments == args->segments && x.to == args->segment;
      rows_of_piece(&x, m, end);
      x.b += x.segments * (x.to - x.from) * COLS;
      x.begun = true;
    }
  }
}

/* Row m, four panels from column n; those that do not exist repeat the last, unseen. */
static void one_row(const mn_gemm_f32_args *args, size_t m, size_t n) {
  const size_t left = (args->n - n + COLS - 1) / COLS;
  const float *a = args->a[0] + m * args->a_stride, *b[PANELS];
  float32x4_t sum[PANELS][2];
  MN_UNROLL for (int j = 0; j < PANELS; j++) {
    const size_t at = n + ((size_t)j < left ? (size_t)j : left - 1) * COLS;
    b[j] = args->b + at * args->k;
    sum[j][0] = vld1q_f32(args->bias + at);
    sum[j][1] = vld1q_f32(args->bias + at + 4);
  }
  for (size_t p = 0; p < args->k; p++) {
    const float32x4_t x = vld1q_dup_f32(a + p);
    MN_UNROLL for (int j = 0; j < PANELS; j++) {
      sum[j][0] = vfmaq_f32(sum[j][0], vld1q_f32(b[j]), x);
      sum[j][1] = vfmaq_f32(sum[j][1], vld1q_f32(b[j] + 4), x);
      b[j] += COLS;
    }
  }
  float *c = args->c + m * args->c_stride;
  for (int j = 0; j < PANELS && n < args->n; j++, n += COLS) {
    store_aside(args, c + n, sum[j], 1, args->n - n);
  }
}

/* Rows [m, end), all columns. */
static void block(const mn_gemm_f32_args *args, size_t m, size_t end) {
  if (end - m == 1 && args->segments == 1) {
    for (size_t n = 0; n < args->n; n += PANELS * COLS) one_row(args, m, n);
    return;
  }
  for (size_t n = 0; n < args->n; n += COLS) panel(args, m, end, n);
}

/* Rows go in blocks that stay in L2 while all panels pass. */
void mn_gemm_f32_8x8_neon(const mn_gemm_f32_args *args) {
  const size_t fit = BLOCK_FLOATS / (args->k + 1) / ROWS * ROWS;
  const size_t step = fit > ROWS ? fit : ROWS;
  for (size_t m = 0; m < args->m; m += step) {
    block(args, m, args->m - m > step ? m + step : args->m);
  }
}
