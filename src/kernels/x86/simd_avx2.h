/* SPDX-License-Identifier: Apache-2.0
 * What every AVX2 kernel shares: forced inlining and unrolling (an accumulator array lives in
 * registers only if its loops vanish), loads and stores of the first few lanes, the float clamp. */
#ifndef MN_KERNELS_X86_SIMD_AVX2_H
#define MN_KERNELS_X86_SIMD_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define MN_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define MN_UNROLL _Pragma("unroll")
#else
#define MN_UNROLL _Pragma("GCC unroll 32")
#endif

/* sum += x by 32-bit lanes, in place: gcc 12 copies or spills the sums of an intrinsic addition in
 * a loop that has many. */
MN_INLINE void accumulate_avx2(__m256i *sum, __m256i x) {
  __m256i y = *sum;
  __asm__("vpaddd %1, %0, %0" : "+x"(y) : "x"(x));
  *sum = y;
}

/* All-ones in the first `count` (0..8) 32-bit lanes. */
MN_INLINE __m256i first_lanes_avx2(size_t count) {
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lane);
}

MN_INLINE __m256 load_f32_avx2(const float *from, size_t count) {
  return count >= 8 ? _mm256_loadu_ps(from) : _mm256_maskload_ps(from, first_lanes_avx2(count));
}

MN_INLINE void store_f32_avx2(float *to, __m256 x, size_t count) {
  if (count >= 8) {
    _mm256_storeu_ps(to, x);
  } else {
    _mm256_maskstore_ps(to, first_lanes_avx2(count), x);
  }
}

/* max_ps gives its second operand when the first is NaN: clamp(NaN) = lo. */
MN_INLINE __m256 clamp_f32_avx2(__m256 x, __m256 lo, __m256 hi) {
  return _mm256_min_ps(_mm256_max_ps(x, lo), hi);
}

/* x * (clamp(x + 3, 0, 6) * (1/6)) */
MN_INLINE __m256 hard_swish_avx2(__m256 x) {
  const __m256 shifted = _mm256_add_ps(x, _mm256_set1_ps(3.0f));
  const __m256 gate = clamp_f32_avx2(shifted, _mm256_setzero_ps(), _mm256_set1_ps(6.0f));
  return _mm256_mul_ps(x, _mm256_mul_ps(gate, _mm256_set1_ps(1.0f / 6.0f)));
}

#endif
