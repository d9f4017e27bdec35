/* SPDX-License-Identifier: Apache-2.0
 * Matrix product of bf16 where no instruction multiplies them: rows are rounded to scratch, and for
 * a block of rows each panel of weights is widened there once; then they are floats, for the float
 * kernel. */
#include "kernels/kernels.h"
#include "kernels/x86/lanes_avx2.h"

/* As mn_bfloat_of_float, in place. */
MN_INLINE lanes round_lanes(lanes x) {
  const __m256i bits = _mm256_castps_si256(x), ones = _mm256_set1_epi32(0x7fff);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, ones), odd);
  const __m256i kept = _mm256_andnot_si256(_mm256_set1_epi32(0xffff), up);
  return _mm256_blendv_ps(_mm256_castsi256_ps(kept), x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}
MN_INLINE __m256i load_pairs(const uint16_t *pairs) {
  return _mm256_loadu_si256((const __m256i *)(const void *)pairs);
}
MN_INLINE lanes even_lanes(const uint16_t *pairs) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(load_pairs(pairs), 16));
}
MN_INLINE lanes odd_lanes(const uint16_t *pairs) {
  return _mm256_castsi256_ps(_mm256_andnot_si256(_mm256_set1_epi32(0xffff), load_pairs(pairs)));
}

enum { COLS = 2 * LANES };

/* [count] floats rounded to bf16. */
MN_INLINE void round_floats(const float *from, size_t count, float *to) {
  for (size_t i = 0; i < count; i += LANES) {
    const lanes_live live = first_lanes(count - i);
    store_first(to + i, round_lanes(load_first(from + i, live)), live);
  }
}

static void round_rows(const mn_gemm_f32_args *args, size_t m, size_t rows, float *to) {
  for (size_t i = m; i < m + rows; i++) {
    for (size_t s = 0; s < args->segments; s++, to += args->segment) {
      round_floats(args->a[s] + i * args->a_stride, args->segment, to);
    }
  }
}

/* Pairs of k side by side to rows of COLS floats. */
static void widen_panel(const uint16_t *panel, size_t k, float *to) {
  for (size_t i = 0; i < k; i += 2, panel += 2 * COLS) {
    for (size_t j = 0; j < COLS; j += LANES, to += LANES) {
      store_lanes(to, even_lanes(panel + 2 * j));
      store_lanes(to + COLS, odd_lanes(panel + 2 * j));
    }
    to += COLS;
  }
}

void mn_gemm_bf16_6x16_avx2(const mn_gemm_bf16_args *args) {
  mn_gemm_f32_args part = args->f32;
  const size_t k = part.k, m = part.m, n = part.n;
  float *panel = args->scratch + args->scratch_rows * (k + k % 2);
  const float *rows[1] = {args->scratch};
  part.a = rows;
  part.a_stride = part.segment = k;
  part.segments = 1;
  part.b = panel;
  for (size_t i = 0; i < m; i += part.m) {
    part.m = m - i < args->scratch_rows ? m - i : args->scratch_rows;
    round_rows(&args->f32, i, part.m, args->scratch);
    for (size_t j = 0; j < n; j += COLS) {
      widen_panel(args->b + j * (k + k % 2), k, panel);
      part.n = n - j < COLS ? n - j : COLS;
      part.bias = args->f32.bias + j;
      part.c = args->f32.c + i * part.c_stride + j;
      mn_gemm_f32_6x16_avx2(&part);
    }
  }
}
