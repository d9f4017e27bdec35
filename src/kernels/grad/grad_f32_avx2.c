/* SPDX-License-Identifier: Apache-2.0
 * Training kernels, vectors of 8 floats. */
#include <immintrin.h>
#include <stddef.h>

#define NAME avx2
enum { LANES = 8, ROWS = 6 };

static inline __attribute__((always_inline)) __m256i first_lanes(size_t count) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(count < 8 ? count : 8)), index);
}
#define LOAD_SOME(from, count) (vec) _mm256_maskload_ps(from, first_lanes(count))
#define STORE_SOME(to, x, count) _mm256_maskstore_ps(to, first_lanes(count), (__m256)(x))

#include "kernels/grad/grad_f32.h"
