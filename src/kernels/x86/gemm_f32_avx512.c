/* SPDX-License-Identifier: Apache-2.0
 * Float matrix product, tiles of 7 rows x 32 columns: 14 sums hide the latency of two FMAs a
 * cycle, 9 loads for 14 FMAs leave the load ports idle, the row pointers fit the registers, and 7
 * divides the 49, 196, 784 and 3136 pixels of MobileNets. Blocking as in gemm_f32_avx2.c. */
#include "kernels/kernels.h"
#include "kernels/x86/simd_avx512.h"

enum { ROWS = 7, COLS = 32, BLOCK_FLOATS = 96 * 1024 };

/* `rows` x (16 * vectors) outputs at row m, panel n / COLS; `vectors` is 1 or 2. */
MN_INLINE void tile(const mn_gemm_f32_args *args, size_t m, size_t n, const int rows,
                    const int vectors) {
  const size_t k = args->k;
  const float *b = args->b + n * k; /* [k][COLS] */
  const float *row[ROWS];
  __m512 sum[ROWS][2];
  MN_UNROLL for (int i = 0; i < rows; i++) {
    row[i] = args->a + (m + (size_t)i) * args->a_stride;
    MN_UNROLL for (int j = 0; j < vectors; j++) {
      sum[i][j] = _mm512_loadu_ps(args->bias + n + 16 * j);
    }
  }
  for (size_t p = 0; p < k; p++, b += COLS) {
    __m512 w[2];
    MN_UNROLL for (int j = 0; j < vectors; j++) w[j] = _mm512_loadu_ps(b + 16 * j);
    MN_UNROLL for (int i = 0; i < rows; i++) {
      const __m512 x = _mm512_set1_ps(row[i][p]);
      MN_UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = _mm512_fmadd_ps(x, w[j], sum[i][j]);
    }
  }
  const __m512 lo = _mm512_set1_ps(args->lo), hi = _mm512_set1_ps(args->hi);
  const int tail = vectors - 1;
  const __mmask16 last = first_lanes_avx512(args->n - n - (size_t)(16 * tail));
  MN_UNROLL for (int i = 0; i < rows; i++) {
    float *c = args->c + (m + (size_t)i) * args->c_stride + n;
    if (tail) _mm512_storeu_ps(c, clamp_f32_avx512(sum[i][0], lo, hi));
    _mm512_mask_storeu_ps(c + 16 * tail, last, clamp_f32_avx512(sum[i][tail], lo, hi));
  }
}

/* Rows [m, end) of the panel at column n. */
MN_INLINE void panel(const mn_gemm_f32_args *args, size_t m, size_t end, size_t n,
                     const int vectors) {
  for (; end - m >= ROWS; m += ROWS) tile(args, m, n, ROWS, vectors);
  switch (end - m) {
    case 1: tile(args, m, n, 1, vectors); break;
    case 2: tile(args, m, n, 2, vectors); break;
    case 3: tile(args, m, n, 3, vectors); break;
    case 4: tile(args, m, n, 4, vectors); break;
    case 5: tile(args, m, n, 5, vectors); break;
    case 6: tile(args, m, n, 6, vectors); break;
    default: break;
  }
}

/* Row m, the four whole panels from column n: one row alone has too few sums in flight. */
static void one_row(const mn_gemm_f32_args *args, size_t m, size_t n) {
  const size_t k = args->k;
  const float *a = args->a + m * args->a_stride;
  const float *b = args->b + n * k;
  const __m512 lo = _mm512_set1_ps(args->lo), hi = _mm512_set1_ps(args->hi);
  float *c = args->c + m * args->c_stride + n;
  __m512 sum[8];
  MN_UNROLL for (int j = 0; j < 8; j++) sum[j] = _mm512_loadu_ps(args->bias + n + 16 * j);
  for (size_t p = 0; p < k; p++, b += COLS) {
    const __m512 x = _mm512_set1_ps(a[p]);
    MN_UNROLL for (int j = 0; j < 8; j++) {
      const float *w = b + (size_t)(j / 2) * k * COLS + 16 * (j % 2);
      sum[j] = _mm512_fmadd_ps(x, _mm512_loadu_ps(w), sum[j]);
    }
  }
  MN_UNROLL for (int j = 0; j < 8; j++)
      _mm512_storeu_ps(c + 16 * j, clamp_f32_avx512(sum[j], lo, hi));
}

static void block(const mn_gemm_f32_args *args, size_t m, size_t end) {
  size_t n = 0;
  if (end - m == 1) {
    for (; args->n - n >= 4 * COLS; n += 4 * COLS) one_row(args, m, n);
  }
  for (; n < args->n; n += COLS) {
    if (args->n - n > 16) {
      panel(args, m, end, n, 2);
    } else {
      panel(args, m, end, n, 1);
    }
  }
}

void mn_gemm_f32_7x32_avx512(const mn_gemm_f32_args *args) {
  const size_t fit = BLOCK_FLOATS / (args->k + 1) / ROWS * ROWS;
  const size_t step = fit > ROWS ? fit : ROWS;
  for (size_t m = 0; m < args->m; m += step) {
    block(args, m, args->m - m > step ? m + step : args->m);
  }
}
