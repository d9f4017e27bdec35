/* SPDX-License-Identifier: Apache-2.0
 * The end of an 8-bit fully connected layer, four outputs at a time: from sums to codes in double,
 * step by step as dense_q8_ref.c rounds. */
#ifndef MN_KERNELS_X86_DENSE_FINISH_H
#define MN_KERNELS_X86_DENSE_FINISH_H

#include <string.h>

#include "kernels/kernels.h"
#ifdef MN_EMULATE_AVX512 /* what it shares with AVX-512 is emulated too */
#include "kernels/x86/simd_avx512.h"
#else
#include "kernels/x86/simd_avx2.h"
#endif

/* x rounded to whole numbers, ties away from zero, within +-2^30. */
MN_INLINE __m256d round_away_avx2(__m256d x) {
  const __m256d half = _mm256_set1_pd(0.5), one = _mm256_set1_pd(1.0);
  const __m256d most = _mm256_set1_pd(1073741824.0);
  x = _mm256_max_pd(_mm256_min_pd(x, most), _mm256_sub_pd(_mm256_setzero_pd(), most));
  const __m256d whole = _mm256_cvtepi32_pd(_mm256_cvttpd_epi32(x));
  const __m256d rest = _mm256_sub_pd(x, whole); /* exact */
  const __m256d up = _mm256_cmp_pd(rest, half, _CMP_GE_OQ);
  const __m256d down = _mm256_cmp_pd(rest, _mm256_sub_pd(_mm256_setzero_pd(), half), _CMP_LE_OQ);
  return _mm256_sub_pd(_mm256_add_pd(whole, _mm256_and_pd(up, one)), _mm256_and_pd(down, one));
}

/* Writes the codes of outputs [n, n + 4) of row m, or of those that there are. */
MN_INLINE void dense_finish_avx2(const mn_dense_q8_args *args, size_t m, size_t n, __m128i sums,
                                 int32_t row_sum) {
  const size_t count = args->n - n < 4 ? args->n - n : 4;
  const __m128i live = _mm_cmpgt_epi32(_mm_set1_epi32((int)count), _mm_setr_epi32(0, 1, 2, 3));
  const __m128i extra = _mm_set1_epi32((int32_t)((uint32_t)args->w_zero * (uint32_t)row_sum));
  sums = _mm_add_epi32(sums, _mm_maskload_epi32((const int *)args->bias + n, live));
  sums = _mm_sub_epi32(sums, extra);
  const __m256d scale = _mm256_maskload_pd(args->scale + n, _mm256_cvtepi32_epi64(live));
  const __m256d whole = round_away_avx2(_mm256_mul_pd(_mm256_cvtepi32_pd(sums), scale));
  __m128i codes = _mm_add_epi32(_mm256_cvttpd_epi32(whole), _mm_set1_epi32(args->out_zero));
  codes = _mm_max_epi32(codes, _mm_set1_epi32(args->out_min));
  codes = _mm_min_epi32(codes, _mm_set1_epi32(args->out_max));
  codes = _mm_shuffle_epi8(codes, _mm_set1_epi32(0x0C080400));
  const int32_t bytes = _mm_cvtsi128_si32(codes);
  memcpy(args->c + m * args->c_stride + n, &bytes, count);
}

/* The sum of each of four vectors, in order. */
MN_INLINE __m128i sum_four_avx2(const __m256i *x) {
  const __m256i pairs =
      _mm256_hadd_epi32(_mm256_hadd_epi32(x[0], x[1]), _mm256_hadd_epi32(x[2], x[3]));
  return _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
}

#endif
