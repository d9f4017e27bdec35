/* SPDX-License-Identifier: Apache-2.0
 * Vectors of floats under the names that the shared tiles (dw_f32_tile.h, gemm_f32_tile.h) use. */
#ifndef MN_KERNELS_X86_LANES_AVX2_H
#define MN_KERNELS_X86_LANES_AVX2_H

#include "kernels/x86/simd_avx2.h"

/* Loading fewer than LANES costs more than loading them all. */
enum { LANES = 8, WHOLE_IS_FASTER = 1 };
typedef __m256 lanes;
typedef size_t lanes_live; /* how many of the first lanes, or more than there are */

MN_INLINE lanes_live first_lanes(size_t count) { return count; }
MN_INLINE lanes load_first(const float *from, lanes_live live) { return load_f32_avx2(from, live); }
MN_INLINE void store_first(float *to, lanes x, lanes_live live) { store_f32_avx2(to, x, live); }
MN_INLINE lanes load_lanes(const float *from) { return _mm256_loadu_ps(from); }
MN_INLINE void store_lanes(float *to, lanes x) { _mm256_storeu_ps(to, x); }
MN_INLINE lanes set_lanes(float x) { return _mm256_set1_ps(x); }
MN_INLINE lanes multiply_add(lanes a, lanes b, lanes sum) { return _mm256_fmadd_ps(a, b, sum); }
MN_INLINE void add_product(lanes *sum, lanes a, lanes b) { *sum = multiply_add(a, b, *sum); }
/* The floats `offset` bytes from `base`, whose sum gcc 12 would compute first. */
MN_INLINE lanes load_at(const char *base, ptrdiff_t offset) {
  lanes x;
  __asm__("vmovups (%1,%2), %0" : "=x"(x) : "r"(base), "r"(offset) : "memory");
  return x;
}
MN_INLINE lanes clamp_lanes(lanes x, lanes lo, lanes hi) { return clamp_f32_avx2(x, lo, hi); }
MN_INLINE lanes hard_swish_lanes(lanes x) { return hard_swish_avx2(x); }

#endif
