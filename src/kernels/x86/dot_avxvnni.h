/* SPDX-License-Identifier: Apache-2.0
 * vpdpbusd of 256 bits, as CPUs without AVX-512 have it. */
#ifndef MN_KERNELS_X86_DOT_AVXVNNI_H
#define MN_KERNELS_X86_DOT_AVXVNNI_H

#include "kernels/x86/simd_avx2.h"

/* sum += the products of four unsigned bytes of a and four signed ones of w, in place. */
#ifdef MN_EMULATE_AVX512 /* by AVX2, for the parity test */
MN_INLINE void dot_avxvnni(__m256i *sum, __m256i a, __m256i w) {
  const __m256i even = _mm256_and_si256(a, _mm256_set1_epi16(255)), odd = _mm256_srli_epi16(a, 8);
  const __m256i even_w = _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8);
  accumulate_avx2(sum, _mm256_madd_epi16(even, even_w));
  accumulate_avx2(sum, _mm256_madd_epi16(odd, _mm256_srai_epi16(w, 8)));
}
#else
MN_INLINE void dot_avxvnni(__m256i *sum, __m256i a, __m256i w) {
  __m256i y = *sum;
  __asm__("%{vex%} vpdpbusd %2, %1, %0" : "+x"(y) : "x"(a), "x"(w));
  *sum = y;
}
#endif

#endif
