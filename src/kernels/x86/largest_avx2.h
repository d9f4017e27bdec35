/* SPDX-License-Identifier: Apache-2.0
 * The largest float of a row. */
#ifndef MN_KERNELS_X86_LARGEST_AVX2_H
#define MN_KERNELS_X86_LARGEST_AVX2_H

#include <math.h>

#include "kernels/x86/simd_avx2.h"

/* In all lanes. max_ps gives its second operand when the first is NaN: NaN is never the largest. */
MN_INLINE __m256 largest_f32_avx2(const float *in, size_t count) {
  const __m256 least = _mm256_set1_ps(-INFINITY);
  __m256 max = least;
  size_t i = 0;
  for (; count - i >= 8; i += 8) max = _mm256_max_ps(_mm256_loadu_ps(in + i), max);
  if (i < count) {
    const __m256i live = first_lanes_avx2(count - i);
    const __m256 x = _mm256_maskload_ps(in + i, live);
    max = _mm256_max_ps(_mm256_blendv_ps(least, x, _mm256_castsi256_ps(live)), max);
  }
  max = _mm256_max_ps(max, _mm256_permute2f128_ps(max, max, 1));
  max = _mm256_max_ps(max, _mm256_shuffle_ps(max, max, 0x4E));
  return _mm256_max_ps(max, _mm256_shuffle_ps(max, max, 0xB1));
}

#endif
