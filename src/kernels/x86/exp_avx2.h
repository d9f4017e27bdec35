/* SPDX-License-Identifier: Apache-2.0
 * ref/exp_f32.h's exponential in eight lanes: the same operations in the same order. */
#ifndef MN_KERNELS_X86_EXP_AVX2_H
#define MN_KERNELS_X86_EXP_AVX2_H

#include "kernels/x86/simd_avx2.h"

/* 2^n in each lane, -126 <= n <= 127 */
MN_INLINE __m256 power_of_two_avx2(__m256i n) {
  const __m256i biased = _mm256_add_epi32(n, _mm256_set1_epi32(127));
  return _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
}

MN_INLINE __m256 times_plus_avx2(__m256 p, __m256 r, float c) {
  return _mm256_add_ps(_mm256_mul_ps(p, r), _mm256_set1_ps(c));
}

/* mn_exp_one_f32 for x <= 0 or NaN: its steps, none fused. Below -104 the caller replaces it. */
MN_INLINE __m256 exp_negative_avx2(__m256 x) {
  const __m256 scaled = _mm256_mul_ps(x, _mm256_set1_ps(1.44269504f));
  const __m256i n = _mm256_cvttps_epi32(_mm256_sub_ps(scaled, _mm256_set1_ps(0.5f)));
  const __m256 f = _mm256_cvtepi32_ps(n);
  __m256 r = _mm256_sub_ps(x, _mm256_mul_ps(f, _mm256_set1_ps(0.693145752f)));
  r = _mm256_sub_ps(r, _mm256_mul_ps(f, _mm256_set1_ps(1.42860677e-6f)));
  __m256 p = _mm256_set1_ps(1.97902482e-4f);
  p = times_plus_avx2(p, r, 1.39447593e-3f);
  p = times_plus_avx2(p, r, 8.33349768e-3f);
  p = times_plus_avx2(p, r, 4.16662954e-2f);
  p = times_plus_avx2(p, r, 1.66666657e-1f);
  p = times_plus_avx2(p, r, 0.5f);
  const __m256 tail = _mm256_add_ps(r, _mm256_mul_ps(_mm256_mul_ps(r, r), p));
  const __m256 e = _mm256_add_ps(_mm256_set1_ps(1.0f), tail);
  const __m256i half = _mm256_srai_epi32(_mm256_add_epi32(n, _mm256_srli_epi32(n, 31)), 1);
  return _mm256_mul_ps(_mm256_mul_ps(e, power_of_two_avx2(half)),
                       power_of_two_avx2(_mm256_sub_epi32(n, half)));
}

#endif
