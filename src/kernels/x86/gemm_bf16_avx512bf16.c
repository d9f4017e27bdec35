/* SPDX-License-Identifier: Apache-2.0
 * Matrix product of bf16 by vdpbf16ps, tiles of 7 rows x 32 columns as in float. */
#include <math.h>

#include "kernels/x86/bf16_blocks.h"
#include "kernels/x86/simd_avx512.h"

enum { ROWS = 7, COLS = MN_BF16_COLS };

/* Pair k of the products of a row. */
MN_INLINE void add_pair(__m512 *sum, const uint16_t *a, const __m512bh *w, const int vectors) {
  int32_t pair;
  memcpy(&pair, a, sizeof pair);
  const __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
  MN_UNROLL for (int j = 0; j < vectors; j++) sum[j] = _mm512_dpbf16_ps(sum[j], x, w[j]);
}

/* A tile's columns lie in `vectors` of 16. Each row goes to the output with the last pair it takes
 * part in; where one does not exist (scratch has whole tiles of them, whatever lies there), or more
 * is to be done than to clamp, all go to the stack as they are: by the same code, since adding -0
 * and clamping to infinities change nothing. */
MN_INLINE void multiply_tile(const mn_bf16_block *at, const int height, const int vectors) {
  const mn_finish_f32 finish = at->args->finish;
  const bool apart = at->rows < (size_t)height || finish.hard_swish;
  const __m512 lo = _mm512_set1_ps(apart ? -INFINITY : finish.lo);
  const __m512 hi = _mm512_set1_ps(apart ? INFINITY : finish.hi);
  float sums[ROWS * COLS], *c = apart ? sums : at->c;
  const size_t stride = apart ? COLS : at->args->c_stride, cols = apart ? COLS : at->cols;
  __m512 sum[ROWS][2], bias[2];
  __m512bh w[2];
  __mmask16 live[2];
  const uint16_t *row[ROWS], *b = at->b;
  MN_UNROLL for (int j = 0; j < vectors; j++) {
    bias[j] = apart ? _mm512_set1_ps(-0.0f) : _mm512_loadu_ps(at->bias + 16 * j);
    live[j] = first_lanes_avx512(cols - 16 * (size_t)j);
    MN_UNROLL for (int i = 0; i < height; i++) sum[i][j] = _mm512_setzero_ps();
  }
  MN_UNROLL for (int i = 0; i < height; i++) row[i] = at->a + (size_t)i * at->depth;
  size_t k = 0;
  for (; k + 2 < at->depth; k += 2, b += 2 * COLS) {
    MN_UNROLL for (int j = 0; j < vectors; j++) w[j] = (__m512bh)_mm512_loadu_si512(b + COLS * j);
    MN_UNROLL for (int i = 0; i < height; i++) add_pair(sum[i], row[i] + k, w, vectors);
  }
  MN_UNROLL for (int j = 0; j < vectors; j++) w[j] = (__m512bh)_mm512_loadu_si512(b + COLS * j);
  MN_UNROLL for (int i = 0; i < height; i++, c += stride) {
    add_pair(sum[i], row[i] + k, w, vectors);
    MN_UNROLL for (int j = 0; j < vectors; j++) {
      const __m512 y = clamp_f32_avx512(_mm512_add_ps(sum[i][j], bias[j]), lo, hi);
      _mm512_mask_storeu_ps(c + 16 * j, live[j], y);
    }
  }
  if (apart) mn_bf16_finish(at, sums);
}

static void multiply(const mn_bf16_block *at) {
  if (at->cols <= 16) {
    multiply_tile(at, ROWS, 1);
  } else if (at->rows == 1) {
    multiply_tile(at, 1, 2);
  } else {
    multiply_tile(at, ROWS, 2);
  }
}

void mn_gemm_bf16_7x32_avx512bf16(const mn_gemm_bf16_args *args) {
  mn_bf16_product(args, 2, ROWS, multiply);
}
