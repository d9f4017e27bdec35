/* SPDX-License-Identifier: Apache-2.0
 * Matrix product of bf16 by vdpbf16ps, tiles of 7 rows x 32 columns as in float. */
#include "kernels/x86/bf16_blocks.h"
#include "kernels/x86/simd_avx512.h"

enum { ROWS = 7, COLS = MN_BF16_COLS };

/* Rows that do not exist repeat the last. */
static void multiply(const mn_bf16_block *at) {
  float sums[ROWS * COLS];
  __m512 sum[2 * ROWS];
  const uint16_t *row[ROWS] = {at->a}, *b = at->b;
  MN_UNROLL for (int i = 0; i < 2 * ROWS; i++) sum[i] = _mm512_setzero_ps();
  MN_UNROLL for (int i = 1; i < ROWS; i++) {
    row[i] = row[i - 1] + ((size_t)i < at->rows ? at->depth : 0);
  }
  for (size_t k = 0; k < at->depth; k += 2, b += 2 * COLS) {
    const __m512bh w0 = (__m512bh)_mm512_loadu_si512(b);
    const __m512bh w1 = (__m512bh)_mm512_loadu_si512(b + COLS);
    MN_UNROLL for (int i = 0; i < ROWS; i++) {
      int32_t pair;
      memcpy(&pair, row[i] + k, sizeof pair);
      const __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
      sum[2 * i] = _mm512_dpbf16_ps(sum[2 * i], x, w0);
      sum[2 * i + 1] = _mm512_dpbf16_ps(sum[2 * i + 1], x, w1);
    }
  }
  MN_UNROLL for (int i = 0; i < 2 * ROWS; i++) _mm512_storeu_ps(sums + 16 * i, sum[i]);
  mn_bf16_finish(at, sums);
}

void mn_gemm_bf16_7x32_avx512bf16(const mn_gemm_bf16_args *args) {
  mn_bf16_product(args, 2, ROWS, multiply);
}
