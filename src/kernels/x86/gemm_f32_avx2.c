/* SPDX-License-Identifier: Apache-2.0
 * Float matrix product, tiles of 6 rows x 16 columns: 12 accumulators, two vectors of b and one
 * broadcast of a fill the 16 registers. Rows are taken in blocks that stay in L2 while all panels
 * of b pass by; within a block a panel stays in L1 (or streams from L2) while the rows pass.
 * One row (dense layers) takes four panels at once, to have enough sums in flight. */
#include "kernels/kernels.h"
#include "kernels/x86/simd_avx2.h"

enum { ROWS = 6, COLS = 16, BLOCK_FLOATS = 40 * 1024 };

/* `rows` x (8 * vectors) outputs at row m, panel n / COLS; `vectors` is 1 or 2. */
MN_INLINE void tile(const mn_gemm_f32_args *args, size_t m, size_t n, const int rows,
                    const int vectors) {
  const size_t k = args->k;
  const float *a = args->a + m * args->a_stride; /* [rows][a_stride] */
  const float *b = args->b + n * k;              /* [k][COLS] */
  const float *row[ROWS];
  __m256 sum[ROWS][2];
  MN_UNROLL for (int i = 0; i < rows; i++) {
    row[i] = a + (size_t)i * args->a_stride;
    MN_UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = _mm256_loadu_ps(args->bias + n + 8 * j);
  }
  for (size_t p = 0; p < k; p++, b += COLS) {
    __m256 w[2];
    MN_UNROLL for (int j = 0; j < vectors; j++) w[j] = _mm256_loadu_ps(b + 8 * j);
    MN_UNROLL for (int i = 0; i < rows; i++) {
      const __m256 x = _mm256_broadcast_ss(row[i] + p);
      MN_UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = _mm256_fmadd_ps(x, w[j], sum[i][j]);
    }
  }
  const __m256 lo = _mm256_set1_ps(args->lo), hi = _mm256_set1_ps(args->hi);
  const size_t last = args->n - n - (size_t)(8 * (vectors - 1));
  MN_UNROLL for (int i = 0; i < rows; i++) {
    float *c = args->c + (m + (size_t)i) * args->c_stride + n;
    if (vectors == 2) _mm256_storeu_ps(c, clamp_f32_avx2(sum[i][0], lo, hi));
    store_f32_avx2(c + 8 * (vectors - 1), clamp_f32_avx2(sum[i][vectors - 1], lo, hi), last);
  }
}

MN_INLINE void tile_rest(const mn_gemm_f32_args *args, size_t m, size_t n, size_t rows,
                         const int vectors) {
  switch (rows) {
    case 1: tile(args, m, n, 1, vectors); break;
    case 2: tile(args, m, n, 2, vectors); break;
    case 3: tile(args, m, n, 3, vectors); break;
    case 4: tile(args, m, n, 4, vectors); break;
    case 5: tile(args, m, n, 5, vectors); break;
    default: break;
  }
}

/* Rows [m, end) of the panel at column n. */
MN_INLINE void panel(const mn_gemm_f32_args *args, size_t m, size_t end, size_t n,
                     const int vectors) {
  for (; end - m >= ROWS; m += ROWS) tile(args, m, n, ROWS, vectors);
  tile_rest(args, m, n, end - m, vectors);
}

/* Row m, the four whole panels from column n. */
static void one_row(const mn_gemm_f32_args *args, size_t m, size_t n) {
  const size_t k = args->k;
  const float *a = args->a + m * args->a_stride;
  const float *b = args->b + n * k;
  const __m256 lo = _mm256_set1_ps(args->lo), hi = _mm256_set1_ps(args->hi);
  float *c = args->c + m * args->c_stride + n;
  __m256 sum[8];
  MN_UNROLL for (int j = 0; j < 8; j++) sum[j] = _mm256_loadu_ps(args->bias + n + 8 * j);
  for (size_t p = 0; p < k; p++, b += COLS) {
    const __m256 x = _mm256_broadcast_ss(a + p);
    MN_UNROLL for (int j = 0; j < 8; j++) {
      const float *w = b + (size_t)(j / 2) * k * COLS + 8 * (j % 2);
      sum[j] = _mm256_fmadd_ps(x, _mm256_loadu_ps(w), sum[j]);
    }
  }
  MN_UNROLL for (int j = 0; j < 8; j++) _mm256_storeu_ps(c + 8 * j, clamp_f32_avx2(sum[j], lo, hi));
}

static void block(const mn_gemm_f32_args *args, size_t m, size_t end) {
  size_t n = 0;
  if (end - m == 1) {
    for (; args->n - n >= 4 * COLS; n += 4 * COLS) one_row(args, m, n);
  }
  for (; n < args->n; n += COLS) {
    if (args->n - n > 8) {
      panel(args, m, end, n, 2);
    } else {
      panel(args, m, end, n, 1);
    }
  }
}

void mn_gemm_f32_6x16_avx2(const mn_gemm_f32_args *args) {
  const size_t fit = BLOCK_FLOATS / (args->k + 1) / ROWS * ROWS;
  const size_t step = fit > ROWS ? fit : ROWS;
  for (size_t m = 0; m < args->m; m += step) {
    block(args, m, args->m - m > step ? m + step : args->m);
  }
}
