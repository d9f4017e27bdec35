/* SPDX-License-Identifier: Apache-2.0
 * From sums to codes, 16 channels at a time (kernels.h, mn_requant). The fixed form is that of
 * ref/requant.h, step by step the same integers: left shift (wraps), high half of the doubled
 * product with 2^30 added, right shift rounding half away from zero. Nothing here saturates where
 * the reference does not. */
#ifndef MN_KERNELS_X86_REQUANT_AVX2_H
#define MN_KERNELS_X86_REQUANT_AVX2_H

#include <string.h>

#include "kernels/kernels.h"
#include "kernels/x86/simd_avx2.h"

/* The constants of 8 channels in fixed form, one a lane. */
typedef struct requant_lanes_avx2 {
  __m256i multiplier, multiplier_odd; /* the odd lanes moved to the even places */
  __m256i left, right;                /* shifts, one of them 0 */
  __m256i mask, half;                 /* 2^right - 1, and that shifted right */
} requant_lanes_avx2;

/* What does not depend on the channel. */
typedef struct requant_output_avx2 {
  __m256i base;     /* 16 bits: to unsigned codes */
  __m256i min, max; /* bytes, unsigned codes */
  __m256i flips;    /* bytes: from unsigned codes to the output's type */
} requant_output_avx2;

/* Channels [n, n + 16) of one layer. */
typedef struct requant_avx2 {
  const mn_requant *from;
  size_t n;
  __m256 scale[2], above[2], below[2];
  int fixed; /* some channel has no float form */
  requant_output_avx2 out;
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

/* A negative least code means a signed output. */
MN_INLINE requant_output_avx2 requant_output_from(int32_t base, int32_t min, int32_t max) {
  const int32_t offset = min < 0 ? 128 : 0;
  return (requant_output_avx2){.base = _mm256_set1_epi16((int16_t)(base + offset)),
                               .min = _mm256_set1_epi8((char)(min + offset)),
                               .max = _mm256_set1_epi8((char)(max + offset)),
                               .flips = _mm256_set1_epi8((char)offset)};
}

/* Of arrays padded to hold 16 channels from n on. */
void mn_requant_load_avx2(requant_avx2 *x, const mn_requant *from, size_t n);

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

/* Bytes of two rows of 2 x 8 codes less the base: the first in the low half. Packing saturates
 * beyond what the clamp leaves, so the clamp can wait until there are bytes. */
MN_INLINE __m256i requant_pack_avx2(const __m256i *x, const requant_output_avx2 *out) {
  const __m256i first = _mm256_adds_epi16(_mm256_packs_epi32(x[0], x[1]), out->base);
  const __m256i second = _mm256_adds_epi16(_mm256_packs_epi32(x[2], x[3]), out->base);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  __m256i codes = _mm256_packus_epi16(first, second);
  codes = _mm256_min_epu8(_mm256_max_epu8(codes, out->min), out->max);
  return _mm256_permutevar8x32_epi32(_mm256_xor_si256(codes, out->flips), order);
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

/* Writes `count` (at most 16) codes of each of `rows` rows of sums[rows][2], which are lost. */
void mn_requant_store_avx2(uint8_t *to, size_t stride, __m256i *sums, size_t rows, size_t count,
                           const requant_avx2 *by);

#endif
