/* SPDX-License-Identifier: Apache-2.0
 * From sums to codes, 16 channels at a time (kernels.h, mn_requant). The fixed form has the
 * integers of ref/requant.h: left shift (wraps), then both of its roundings at once. Nothing here
 * saturates where the reference does not. */
#ifndef MN_KERNELS_X86_REQUANT_AVX2_H
#define MN_KERNELS_X86_REQUANT_AVX2_H

#include <string.h>

#include "kernels/kernels.h"
#include "kernels/x86/simd_avx2.h"

/* The constants of 8 channels in fixed form. Pairs: those of the even ones and of the odd ones, 64
 * bits a lane. */
typedef struct requant_lanes_avx2 {
  __m256i left, less; /* 32 bits a lane */
  __m256i multiplier[2], nudge[2], negative[2], right[2];
} requant_lanes_avx2;

/* What does not depend on the channel. */
typedef struct requant_output_avx2 {
  __m256i up;       /* 16 bits: from the base to the middle of the type's codes */
  __m256i min, max; /* bytes, signed codes */
  __m256i flips;    /* bytes: from signed codes to the output's type */
} requant_output_avx2;

/* What a loop over rows is compiled for: one offset or one for each sign, both also with channels
 * that are not proven and rows that may be in doubt; or floats that are the definition. */
enum { REQUANT_PLAIN, REQUANT_SIGNS, REQUANT_DOUBT, REQUANT_DOUBT_SIGNS, REQUANT_REAL };

/* 16 channels of one layer. */
typedef struct requant_avx2 {
  __m256 scale[2], above[2], below[2];
  requant_output_avx2 out;
  int kind;
  __m256i multiplier[2], shift[2];
  int32_t zero; /* of the output, less the base */
} requant_avx2;

/* Constants of multiply_quantized_avx2, which adds `zero`. 2^30 is half a unit of the high product,
 * products are below 2^62. */
MN_INLINE requant_lanes_avx2 requant_lanes_from(__m256i multiplier, __m256i shift, int32_t zero) {
  const __m256i none = _mm256_setzero_si256(), low = _mm256_set1_epi64x(UINT32_MAX);
  const __m256i right = _mm256_sub_epi32(none, _mm256_min_epi32(shift, none));
  const __m256i unit = _mm256_set1_epi64x((int64_t)1 << 30);
  const __m256i first = _mm256_set1_epi64x(((int64_t)1 << 62) + ((int64_t)1 << 30));
  requant_lanes_avx2 x;
  x.left = _mm256_max_epi32(shift, none);
  x.less = _mm256_sub_epi32(_mm256_srlv_epi32(_mm256_set1_epi32(INT32_MIN), right),
                            _mm256_set1_epi32(zero));
  MN_UNROLL for (int odd = 0; odd < 2; odd++) {
    const __m256i by = odd ? _mm256_srli_epi64(right, 32) : _mm256_and_si256(right, low);
    const __m256i half = _mm256_andnot_si256(unit, _mm256_sllv_epi64(unit, by)); /* or 0 */
    x.multiplier[odd] = odd ? _mm256_srli_epi64(multiplier, 32) : multiplier;
    x.nudge[odd] = _mm256_add_epi64(first, half);
    x.negative[odd] =
        _mm256_and_si256(_mm256_cmpgt_epi64(half, none), _mm256_set1_epi64x((int64_t)1 << 31));
    x.right[odd] = _mm256_add_epi64(by, _mm256_set1_epi64x(31));
  }
  return x;
}

/* A negative least code means a signed output, whose codes' middle is 0; else it is 128. */
MN_INLINE int32_t requant_middle(int32_t min) { return min < 0 ? 0 : 128; }

MN_INLINE requant_output_avx2 requant_output_from(int32_t base, int32_t middle, int32_t min,
                                                  int32_t max) {
  return (requant_output_avx2){.up = _mm256_set1_epi16((int16_t)(base - middle)),
                               .min = _mm256_set1_epi8((char)(min - middle)),
                               .max = _mm256_set1_epi8((char)(max - middle)),
                               .flips = _mm256_set1_epi8((char)middle)};
}

/* Of arrays padded to hold 16 channels from n on. */
void mn_requant_load_avx2(requant_avx2 *x, const mn_requant *from, size_t n);

/* mn_multiply_quantized in each lane, both roundings at once (ref/requant.h), plus the constants'
 * zero. With 2^62 added nothing is negative; it leaves 2^(31 - right) to be taken off. */
MN_INLINE __m256i multiply_quantized_avx2(__m256i x, const requant_lanes_avx2 *by) {
  x = _mm256_sllv_epi32(x, by->left);
  const __m256i pair[2] = {x, _mm256_srli_epi64(x, 32)};
  __m256i code[2];
  MN_UNROLL for (int odd = 0; odd < 2; odd++) {
    const __m256i less = _mm256_and_si256(pair[odd], by->negative[odd]);
    const __m256i product = _mm256_mul_epi32(pair[odd], by->multiplier[odd]);
    const __m256i sum = _mm256_add_epi64(product, _mm256_sub_epi64(by->nudge[odd], less));
    code[odd] = _mm256_srlv_epi64(sum, by->right[odd]);
  }
  const __m256i both = _mm256_blend_epi32(code[0], _mm256_slli_epi64(code[1], 32), 0xAA);
  return _mm256_sub_epi32(both, by->less);
}

/* Bytes of two rows of 2 x 8 codes less the base, which may be `centred`: the first in the low
 * half. Packing saturates beyond what the clamp leaves, so the clamp can wait until there are
 * bytes. */
MN_INLINE __m256i requant_pack_avx2(const __m256i *x, const requant_output_avx2 *out,
                                    const int centred) {
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  __m256i first = _mm256_packs_epi32(x[0], x[1]), second = _mm256_packs_epi32(x[2], x[3]);
  if (!centred) {
    first = _mm256_adds_epi16(first, out->up);
    second = _mm256_adds_epi16(second, out->up);
  }
  __m256i codes = _mm256_packs_epi16(first, second);
  codes = _mm256_min_epi8(_mm256_max_epi8(codes, out->min), out->max);
  return _mm256_permutevar8x32_epi32(_mm256_xor_si256(codes, out->flips), order);
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
void mn_requant_store_avx2(uint8_t *to, size_t stride, const __m256i *sums, size_t rows,
                           size_t count, const requant_avx2 *by);

#endif
