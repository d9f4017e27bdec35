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
  int any_left;     /* whether a shift is to the left: rare, so it has code of its own */
  __m256i zero;     /* of the output */
  __m256i offset;   /* 16 bits: from there to unsigned codes */
  __m256i min, max; /* bytes, unsigned codes */
  __m256i flips;    /* bytes: from unsigned codes back to the output's type */
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

/* What does not depend on the channel. A negative least code means a signed output. */
MN_INLINE void requant_output_avx2(requant_avx2 *x, int32_t zero, int32_t min, int32_t max) {
  const int32_t offset = min < 0 ? 128 : 0;
  x->zero = _mm256_set1_epi32(zero);
  x->offset = _mm256_set1_epi16((int16_t)offset);
  x->min = _mm256_set1_epi8((char)(min + offset));
  x->max = _mm256_set1_epi8((char)(max + offset));
  x->flips = _mm256_set1_epi8((char)offset);
}

/* Channels [c, c + 16) of arrays padded to hold them. */
MN_INLINE requant_avx2 requant_load_avx2(const mn_requant *from, size_t c) {
  requant_avx2 x;
  MN_UNROLL for (int j = 0; j < 2; j++) {
    x.lanes[j] =
        requant_lanes_from(_mm256_loadu_si256((const __m256i *)(from->multiplier + c + 8 * j)),
                           _mm256_loadu_si256((const __m256i *)(from->shift + c + 8 * j)));
  }
  const __m256i left = _mm256_or_si256(x.lanes[0].left, x.lanes[1].left);
  x.any_left = !_mm256_testz_si256(left, left);
  requant_output_avx2(&x, from->out_zero, from->out_min, from->out_max);
  return x;
}

/* mn_multiply_quantized in each lane; `any_left` is 0 only when no shift is to the left. */
MN_INLINE __m256i multiply_quantized_avx2(__m256i x, const requant_lanes_avx2 *by, int any_left) {
  const __m256i nudge = _mm256_set1_epi64x((int64_t)1 << 30);
  if (any_left) x = _mm256_sllv_epi32(x, by->left);
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

/* The codes of two rows of 2 x 8 sums: the first in the low half. Packing saturates beyond what the
 * clamp leaves, so the clamp can wait until there are bytes. */
MN_INLINE __m256i requant_rows_avx2(const __m256i *sums, const requant_avx2 *by, int any_left) {
  __m256i x[4];
  MN_UNROLL for (int i = 0; i < 4; i++) {
    x[i] = multiply_quantized_avx2(sums[i], &by->lanes[i % 2], any_left);
    x[i] = _mm256_add_epi32(x[i], by->zero);
  }
  const __m256i first = _mm256_adds_epi16(_mm256_packs_epi32(x[0], x[1]), by->offset);
  const __m256i second = _mm256_adds_epi16(_mm256_packs_epi32(x[2], x[3]), by->offset);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  __m256i codes = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(first, second), order);
  codes = _mm256_min_epu8(_mm256_max_epu8(codes, by->min), by->max);
  return _mm256_xor_si256(codes, by->flips);
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

/* Writes `count` (at most 16) codes of each of `rows` rows of sums[rows][2]. */
MN_INLINE void requant_store_avx2(uint8_t *to, size_t stride, const __m256i *sums, size_t rows,
                                  size_t count, const requant_avx2 *by, int any_left) {
  size_t i = 0;
  for (; i + 2 <= rows; i += 2) {
    const __m256i codes = requant_rows_avx2(sums + 2 * i, by, any_left);
    store_bytes_avx2(to + i * stride, _mm256_castsi256_si128(codes), count);
    store_bytes_avx2(to + (i + 1) * stride, _mm256_extracti128_si256(codes, 1), count);
  }
  if (i == rows) return;
  const __m256i twice[4] = {sums[2 * i], sums[2 * i + 1], sums[2 * i], sums[2 * i + 1]};
  const __m256i codes = requant_rows_avx2(twice, by, any_left);
  store_bytes_avx2(to + i * stride, _mm256_castsi256_si128(codes), count);
}

#endif
