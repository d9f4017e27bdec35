/* SPDX-License-Identifier: Apache-2.0
 * ref/requant.h for 16 channels at a time, step by step the same integers; see requant_avx2.h. */
#ifndef MN_KERNELS_X86_REQUANT_AVX512_H
#define MN_KERNELS_X86_REQUANT_AVX512_H

#include "kernels/kernels.h"
#include "kernels/x86/simd_avx512.h"

/* The constants of 16 channels, one a lane. */
typedef struct requant_lanes_avx512 {
  __m512i multiplier, multiplier_odd; /* the odd lanes moved to the even places */
  __m512i left, right;                /* shifts, one of them 0 */
  __m512i mask, half;                 /* 2^right - 1, and that shifted right */
} requant_lanes_avx512;

/* All columns of a panel, at most 32. */
typedef struct requant_avx512 {
  requant_lanes_avx512 lanes[2];
  __m512i zero, min, max;
} requant_avx512;

MN_INLINE requant_lanes_avx512 requant_lanes_from(__m512i multiplier, __m512i shift) {
  const __m512i none = _mm512_setzero_si512(), one = _mm512_set1_epi32(1);
  requant_lanes_avx512 x;
  x.multiplier = multiplier;
  x.multiplier_odd = _mm512_srli_epi64(multiplier, 32);
  x.left = _mm512_max_epi32(shift, none);
  x.right = _mm512_sub_epi32(none, _mm512_min_epi32(shift, none));
  x.mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, x.right), one);
  x.half = _mm512_srli_epi32(x.mask, 1);
  return x;
}

/* Channels [c, c + 16 * vectors) of arrays padded to hold them. */
MN_INLINE requant_avx512 requant_load_avx512(const mn_requant *from, size_t c, const int vectors) {
  requant_avx512 x;
  MN_UNROLL for (int j = 0; j < 2; j++) {
    const size_t at = c + (size_t)(j < vectors ? 16 * j : 0);
    x.lanes[j] = requant_lanes_from(_mm512_loadu_si512(from->multiplier + at),
                                    _mm512_loadu_si512(from->shift + at));
  }
  x.zero = _mm512_set1_epi32(from->out_zero);
  x.min = _mm512_set1_epi32(from->out_min);
  x.max = _mm512_set1_epi32(from->out_max);
  return x;
}

/* mn_multiply_quantized in each lane. */
MN_INLINE __m512i multiply_quantized_avx512(__m512i x, const requant_lanes_avx512 *by) {
  const __m512i nudge = _mm512_set1_epi64((int64_t)1 << 30);
  x = _mm512_sllv_epi32(x, by->left);
  __m512i even = _mm512_mul_epi32(x, by->multiplier);
  __m512i odd = _mm512_mul_epi32(_mm512_srli_epi64(x, 32), by->multiplier_odd);
  even = _mm512_srli_epi64(_mm512_add_epi64(even, nudge), 31);
  odd = _mm512_slli_epi64(_mm512_add_epi64(odd, nudge), 1);
  x = _mm512_mask_mov_epi32(even, 0xAAAA, odd);
  const __m512i threshold = _mm512_sub_epi32(by->half, _mm512_srai_epi32(x, 31));
  const __mmask16 up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(x, by->mask), threshold);
  x = _mm512_srav_epi32(x, by->right);
  return _mm512_mask_add_epi32(x, up, x, _mm512_set1_epi32(1));
}

/* Writes the codes of `vectors` * 16 sums; `last` masks the last vector. */
MN_INLINE void requant_store_avx512(uint8_t *to, const __m512i *sums, const requant_avx512 *by,
                                    __mmask16 last, const int vectors) {
  MN_UNROLL for (int j = 0; j < vectors; j++) {
    __m512i x = multiply_quantized_avx512(sums[j], &by->lanes[j]);
    x = _mm512_add_epi32(x, by->zero);
    x = _mm512_min_epi32(_mm512_max_epi32(x, by->min), by->max);
    const __mmask16 live = j == vectors - 1 ? last : (__mmask16)0xFFFF;
    _mm_mask_storeu_epi8(to + 16 * j, live, _mm512_cvtepi32_epi8(x));
  }
}

#endif
