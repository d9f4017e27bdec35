/* SPDX-License-Identifier: Apache-2.0
 * See bf16_blocks.h. */
#include "kernels/x86/bf16_blocks.h"

#include "kernels/x86/simd_avx512.h"

/* Up to 16 products of every row. */
MN_INLINE void round_few(const float *a, size_t stride, size_t rows, size_t count, uint16_t *to,
                         size_t depth) {
  const __mmask16 live = first_lanes_avx512(count);
  for (; rows > 0; rows--, a += stride, to += depth) {
    const __m512 x = _mm512_maskz_loadu_ps(live, a);
    _mm256_mask_storeu_epi16(to, live, (__m256i)_mm512_cvtneps_pbh(x));
  }
}

/* `count` products of a row, a multiple of 32. */
MN_INLINE void round_many(const float *a, size_t count, uint16_t *to) {
  for (size_t i = 0; i < count; i += 32) {
    const __m512 low = _mm512_loadu_ps(a + i), high = _mm512_loadu_ps(a + i + 16);
    _mm512_storeu_si512(to + i, (__m512i)_mm512_cvtne2ps_pbh(high, low));
  }
}

/* Rows of a from row m on as bf16 [rows][depth], zeros after k. */
static void round_rows(const mn_gemm_f32_args *args, size_t m, size_t rows, uint16_t *to,
                       size_t depth) {
  const size_t whole = args->segment / 32 * 32;
  const __mmask32 padding = (__mmask32)((1u << (depth - args->k)) - 1);
  for (size_t i = 0; i < rows && padding; i++) {
    _mm512_mask_storeu_epi16(to + i * depth + args->k, padding, _mm512_setzero_si512());
  }
  for (size_t s = 0; s < args->segments; s++, to += args->segment) {
    const float *a = args->a[s] + m * args->a_stride;
    for (size_t i = 0; i < rows && whole > 0; i++) {
      round_many(a + i * args->a_stride, whole, to + i * depth);
    }
    for (size_t j = whole; j < args->segment; j += 16) {
      round_few(a + j, args->a_stride, rows, args->segment - j, to + j, depth);
    }
  }
}

void mn_bf16_finish(const mn_bf16_block *at, const float *sums) {
  const mn_finish_f32 x = at->args->finish;
  const __m512 lo = _mm512_set1_ps(x.lo), hi = _mm512_set1_ps(x.hi);
  const size_t rows = at->rows, cols = at->cols, stride = at->args->c_stride;
  for (size_t j = 0; j < cols; j += 16) {
    const __mmask16 live = first_lanes_avx512(cols - j);
    const __m512 bias = _mm512_loadu_ps(at->bias + j);
    float *c = at->c + j;
    for (size_t i = 0; i < rows; i++, c += stride) {
      const __m512 sum = _mm512_add_ps(_mm512_loadu_ps(sums + i * MN_BF16_COLS + j), bias);
      const __m512 y = x.hard_swish ? hard_swish_avx512(sum) : clamp_f32_avx512(sum, lo, hi);
      _mm512_mask_storeu_ps(c, live, y);
    }
  }
}

void mn_bf16_product(const mn_gemm_bf16_args *args, size_t deep, size_t height,
                     mn_bf16_multiply *multiply) {
  const mn_gemm_f32_args *f32 = &args->f32;
  const size_t depth = (f32->k + deep - 1) / deep * deep;
  uint16_t *rows = (uint16_t *)args->scratch;
  for (size_t m = 0, count; m < f32->m; m += count) {
    count = f32->m - m < args->scratch_rows ? f32->m - m : args->scratch_rows;
    round_rows(f32, m, count, rows, depth);
    __asm__ volatile("" ::: "memory"); /* tile loads do not say what they read */
    for (size_t n = 0; n < f32->n; n += MN_BF16_COLS) {
      mn_bf16_block at = {f32,        rows,   args->b + n * depth, depth, f32->bias + n,
                          f32->c + n, height, MN_BF16_COLS};
      at.c += m * f32->c_stride;
      if (f32->n - n < MN_BF16_COLS) at.cols = f32->n - n;
      for (size_t i = 0; i < count; i += height) {
        if (count - i < height) at.rows = count - i;
        multiply(&at);
        at.a += height * depth;
        at.c += height * f32->c_stride;
      }
    }
  }
}
