/* SPDX-License-Identifier: Apache-2.0
 * Vectors of floats under the names that the shared tiles (dw_f32_tile.h, gemm_f32_tile.h) use. */
#ifndef MN_KERNELS_X86_LANES_AVX512_H
#define MN_KERNELS_X86_LANES_AVX512_H

#include "kernels/x86/simd_avx512.h"

enum { LANES = 16, WHOLE_IS_FASTER = 0 };
typedef __m512 lanes;
typedef __mmask16 lanes_live; /* the first few */

MN_INLINE lanes_live first_lanes(size_t count) { return first_lanes_avx512(count); }
MN_INLINE lanes load_first(const float *from, lanes_live live) {
  return _mm512_maskz_loadu_ps(live, from);
}
MN_INLINE void store_first(float *to, lanes x, lanes_live live) {
  _mm512_mask_storeu_ps(to, live, x);
}
MN_INLINE lanes load_lanes(const float *from) { return _mm512_loadu_ps(from); }
MN_INLINE void store_lanes(float *to, lanes x) { _mm512_storeu_ps(to, x); }
MN_INLINE lanes set_lanes(float x) { return _mm512_set1_ps(x); }
MN_INLINE lanes multiply_add(lanes a, lanes b, lanes sum) { return _mm512_fmadd_ps(a, b, sum); }
/* sum += a * b in place: gcc 12 moves the sums of a loop about. */
MN_INLINE void add_product(lanes *sum, lanes a, lanes b) {
#ifdef MN_EMULATE_AVX512
  *sum = multiply_add(a, b, *sum);
#else
  lanes y = *sum;
  __asm__("vfmadd231ps %2, %1, %0" : "+v"(y) : "v"(a), "v"(b));
  *sum = y;
#endif
}
/* The floats `offset` bytes from `base`, whose sum gcc 12 would compute first. */
MN_INLINE lanes load_at(const char *base, ptrdiff_t offset) {
#ifdef MN_EMULATE_AVX512
  return load_lanes((const float *)(const void *)(base + offset));
#else
  lanes x;
  __asm__("vmovups (%1,%2), %0" : "=v"(x) : "r"(base), "r"(offset) : "memory");
  return x;
#endif
}
MN_INLINE lanes clamp_lanes(lanes x, lanes lo, lanes hi) { return clamp_f32_avx512(x, lo, hi); }
MN_INLINE lanes hard_swish_lanes(lanes x) { return hard_swish_avx512(x); }

#endif
