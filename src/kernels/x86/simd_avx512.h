/* SPDX-License-Identifier: Apache-2.0
 * What every AVX-512 kernel shares. MN_EMULATE_AVX512 builds the same sources on portable code, so
 * that their arithmetic is tested on machines without AVX-512 too (tests/kernels). */
#ifndef MN_KERNELS_X86_SIMD_AVX512_H
#define MN_KERNELS_X86_SIMD_AVX512_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef MN_EMULATE_AVX512
#include <emulate_avx512.h>
#else
#include <immintrin.h>
#endif

#define MN_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define MN_UNROLL _Pragma("unroll")
#else
#define MN_UNROLL _Pragma("GCC unroll 32")
#endif

/* The first `count` of 16 lanes; all of them for 16 and more. */
MN_INLINE __mmask16 first_lanes_avx512(size_t count) {
  return (__mmask16)(count >= 16 ? 0xFFFFu : (1u << count) - 1u);
}

/* The first `count` of 64 bytes; all of them for 64 and more. */
MN_INLINE __mmask64 first_bytes_avx512(size_t count) {
  return count >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << count) - 1;
}

/* max_ps gives its second operand when the first is NaN: clamp(NaN) = lo. */
MN_INLINE __m512 clamp_f32_avx512(__m512 x, __m512 lo, __m512 hi) {
  return _mm512_min_ps(_mm512_max_ps(x, lo), hi);
}

/* x * (clamp(x + 3, 0, 6) * (1/6)) */
MN_INLINE __m512 hard_swish_avx512(__m512 x) {
  const __m512 shifted = _mm512_add_ps(x, _mm512_set1_ps(3.0f));
  const __m512 gate = clamp_f32_avx512(shifted, _mm512_setzero_ps(), _mm512_set1_ps(6.0f));
  return _mm512_mul_ps(x, _mm512_mul_ps(gate, _mm512_set1_ps(1.0f / 6.0f)));
}

/* The larger distance from an integer, `most` or how far x is. Where nothing is optimized these are
 * macros of gcc's, whose masks it warns of. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
MN_INLINE __m512 farther_avx512(__m512 most, __m512 x) {
  return _mm512_range_ps(most, _mm512_reduce_ps(x, 8), 11);
}
#pragma GCC diagnostic pop

/* sum += x by 32-bit lanes, in place: gcc 12 copies or spills the sums of an intrinsic addition in
 * a loop that has many. */
MN_INLINE void accumulate_avx512(__m512i *sum, __m512i x) {
#ifdef MN_EMULATE_AVX512
  *sum = _mm512_add_epi32(*sum, x);
#else
  __m512i y = *sum;
  __asm__("vpaddd %1, %0, %0" : "+v"(y) : "v"(x));
  *sum = y;
#endif
}

/* x from its register: gcc 12 would load again what it knows to be in memory. */
MN_INLINE __m512i copy_avx512(__m512i x) {
#ifndef MN_EMULATE_AVX512
  __asm__("" : "+v"(x));
#endif
  return x;
}

/* sum += the products of four unsigned bytes of a and four signed ones of w, in place. */
#if defined(MN_EMULATE_AVX512)
MN_INLINE void dot_avx512(__m512i *sum, __m512i a, __m512i w) {
  *sum = _mm512_dpbusd_epi32(*sum, a, w);
}
#elif defined(__AVX512VNNI__)
MN_INLINE void dot_avx512(__m512i *sum, __m512i a, __m512i w) {
  __m512i y = *sum;
  __asm__("vpdpbusd %2, %1, %0" : "+v"(y) : "v"(a), "v"(w));
  *sum = y;
}
#endif

#endif
