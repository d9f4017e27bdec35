/* SPDX-License-Identifier: Apache-2.0
 * ref/requant.h for 16 channels at a time, step by step the same integers: left shift (wraps),
 * high half of the doubled product with 2^30 added, right shift rounding half away from zero, zero
 * point, clamp. Nothing here saturates where the reference does not. */
#ifndef MN_KERNELS_X86_REQUANT_AVX2_H
#define MN_KERNELS_X86_REQUANT_AVX2_H

#include <string.h>

#include "kernels/kernels.h"
#include "kernels/x86/simd_avx2.h"

/* The constants of 8 channels, one a lane. */
typedef struct requant_lanes_avx2 {
  __m256i multiplier, multiplier_odd; /* the odd lanes moved to the even places */
  __m256i left, right;                /* shifts, one of them 0 */
  __m256i mask, half;                 /* 2^right - 1, and that shifted right */
} requant_lanes_avx2;

typedef struct requant_avx2 {
  requant_lanes_avx2 lanes[2];
  __m256i zero, min, max;
} requant_avx2;

MN_INLINE requant_lanes_avx2 requant_lanes_from(__m256i multiplier, __m256i shift) {
  const __m256i none = _mm256_setzero_si256(), one = _mm256_set1_epi32(1);
  requant_lanes_avx2 x;
  x.multiplier = multiplier;
  x.multiplier_odd = _mm256_srli_epi64(multiplier, 32);
  x.left = _mm256_max_epi32(shift, none);
  x.right = _mm256_sub_epi32(none, _mm256_min_epi32(shift, none));
  x.mask = _mm256_sub_epi32(_mm256_sllv_epi32(one, x.right), one);
  x.half = _mm256_srli_epi32(x.mask, 1);
  return x;
}

/* Channels [c, c + 16) of arrays padded to hold them. */
MN_INLINE requant_avx2 requant_load_avx2(const mn_requant *from, size_t c) {
  requant_avx2 x;
  MN_UNROLL for (int j = 0; j < 2; j++) {
    x.lanes[j] =
        requant_lanes_from(_mm256_loadu_si256((const __m256i *)(from->multiplier + c + 8 * j)),
                           _mm256_loadu_si256((const __m256i *)(from->shift + c + 8 * j)));
  }
  x.zero = _mm256_set1_epi32(from->out_zero);
  x.min = _mm256_set1_epi32(from->out_min);
  x.max = _mm256_set1_epi32(from->out_max);
  return x;
}

/* mn_multiply_quantized in each lane. */
MN_INLINE __m256i multiply_quantized_avx2(__m256i x, const requant_lanes_avx2 *by) {
  const __m256i nudge = _mm256_set1_epi64x((int64_t)1 << 30);
  x = _mm256_sllv_epi32(x, by->left);
  __m256i even = _mm256_mul_epi32(x, by->multiplier);
  __m256i odd = _mm256_mul_epi32(_mm256_srli_epi64(x, 32), by->multiplier_odd);
  even = _mm256_srli_epi64(_mm256_add_epi64(even, nudge), 31);
  odd = _mm256_slli_epi64(_mm256_add_epi64(odd, nudge), 1);
  x = _mm256_blend_epi32(even, odd, 0xAA);
  /* Subtracting the all-ones of a comparison adds one. */
  const __m256i threshold = _mm256_sub_epi32(by->half, _mm256_srai_epi32(x, 31));
  const __m256i round = _mm256_cmpgt_epi32(_mm256_and_si256(x, by->mask), threshold);
  return _mm256_sub_epi32(_mm256_srav_epi32(x, by->right), round);
}

/* The 8-bit codes of 8 sums, one in the low byte of each lane, zeros above. */
MN_INLINE __m256i requant_codes_avx2(__m256i sum, const requant_avx2 *by, int half) {
  __m256i x = multiply_quantized_avx2(sum, &by->lanes[half]);
  x = _mm256_add_epi32(x, by->zero);
  x = _mm256_min_epi32(_mm256_max_epi32(x, by->min), by->max);
  return _mm256_and_si256(x, _mm256_set1_epi32(255));
}

/* The low bytes of 2 x 8 lanes, in order. */
MN_INLINE __m128i pack_codes_avx2(__m256i low, __m256i high) {
  const __m256i words = _mm256_packus_epi32(low, high);
  const __m256i bytes = _mm256_packus_epi16(words, words);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 0, 0, 0, 0);
  return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order));
}

MN_INLINE void store_bytes_avx2(uint8_t *to, __m128i x, size_t count) {
  if (count >= 16) {
    _mm_storeu_si128((__m128i *)to, x);
  } else if (count == 8) {
    _mm_storel_epi64((__m128i *)to, x);
  } else {
    uint8_t bytes[16];
    _mm_storeu_si128((__m128i *)bytes, x);
    memcpy(to, bytes, count);
  }
}

/* The first `count` (at most 16; 0 above them) bytes. */
MN_INLINE __m128i load_bytes_avx2(const uint8_t *from, size_t count) {
  if (count >= 16) return _mm_loadu_si128((const __m128i *)from);
  if (count == 8) return _mm_loadl_epi64((const __m128i *)from);
  uint8_t bytes[16] = {0};
  memcpy(bytes, from, count);
  return _mm_loadu_si128((const __m128i *)bytes);
}

#endif
