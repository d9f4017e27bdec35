/* SPDX-License-Identifier: Apache-2.0
 * From sums to codes, 64 channels at a time (kernels.h, mn_requant), for every kernel that has the
 * sums of some pixels together; and the sums of codes that products start from. */
#ifndef MN_KERNELS_X86_REQUANT_AVX512_H
#define MN_KERNELS_X86_REQUANT_AVX512_H

#include "kernels/kernels.h"
#include "kernels/x86/simd_avx512.h"

/* What a loop over rows is compiled for: one offset, one for each sign, some vectors in integers,
 * or floats that are the definition. */
enum { REQUANT_PLAIN, REQUANT_SIGNS, REQUANT_EXACT, REQUANT_REAL };

/* The fixed form of 16 channels, for both roundings at once: see requant_exact in requant_avx512.c.
 * Of pairs the even channels' and the odd ones', 64 bits a lane. */
typedef struct requant_exact_avx512 {
  __m512i left, less; /* 32 bits a lane */
  __m512i multiplier[2], nudge[2], negative[2], right[2];
} requant_exact_avx512;

/* Four vectors of 16 channels of one layer. */
typedef struct requant_avx512 {
  __m512 scale[4], above[4], below[4];
  int kind;
  int by_lanes;     /* see mn_requant_by_lanes_avx512 */
  __m512i up;       /* 16 bits: from the base to the middle of the type's codes */
  __m512i min, max; /* bytes, signed codes */
  __m512i flips;    /* bytes: from signed codes to the output's type */
  unsigned fixed;   /* bit j: vector j takes its fixed form */
  __m512i multiplier[4], shift[4];
  requant_exact_avx512 exact[4]; /* of those that do */
} requant_avx512;

/* mn_multiply_quantized in each lane, both roundings at once (ref/requant.h); the code less the
 * base. With 2^62 added nothing is negative; it leaves 2^(31 - right) to be taken off. */
MN_INLINE __m512i requant_exact(__m512i x, const requant_exact_avx512 *by) {
  x = _mm512_sllv_epi32(x, by->left);
  const __m512i pair[2] = {x, _mm512_srli_epi64(x, 32)};
  __m512i code[2];
  MN_UNROLL for (int odd = 0; odd < 2; odd++) {
    const __m512i less = _mm512_and_si512(pair[odd], by->negative[odd]);
    const __m512i product = _mm512_mul_epi32(pair[odd], by->multiplier[odd]);
    const __m512i sum = _mm512_add_epi64(product, _mm512_sub_epi64(by->nudge[odd], less));
    code[odd] = _mm512_srlv_epi64(sum, by->right[odd]);
  }
  const __m512i both = _mm512_mask_shuffle_epi32(code[0], 0xAAAA, code[1], _MM_PERM_CCAA);
  return _mm512_sub_epi32(both, by->less);
}

MN_INLINE __m512i requant_vector(__m512i x, const requant_avx512 *by, const int j, const int kind) {
  if (kind == REQUANT_EXACT && by->fixed >> j & 1) return requant_exact(x, &by->exact[j]);
  __m512 offset = by->above[j];
  if (kind) offset = _mm512_mask_mov_ps(offset, _mm512_movepi32_mask(x), by->below[j]);
  __m512 real = _mm512_fmadd_ps(_mm512_cvtepi32_ps(x), by->scale[j], offset);
  /* Beyond an int the conversion would give the least one; proven constants never get there. */
  if (kind == REQUANT_REAL) real = _mm512_min_ps(real, _mm512_set1_ps(65536.0f));
  return _mm512_cvtps_epi32(real);
}

/* The codes of 4 x 16 sums, in order. Packing saturates beyond what the clamp leaves, so the clamp
 * can wait until there are bytes; it interleaves quarters, which are put right last. */
MN_INLINE __m512i requant_codes(const __m512i *sums, const requant_avx512 *by, const int kind) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i x[4];
  MN_UNROLL for (int j = 0; j < 4; j++) x[j] = requant_vector(sums[j], by, j, kind);
  __m512i first = _mm512_packs_epi32(x[0], x[1]), second = _mm512_packs_epi32(x[2], x[3]);
  if (kind == REQUANT_EXACT || kind == REQUANT_REAL) {
    first = _mm512_adds_epi16(first, by->up);
    second = _mm512_adds_epi16(second, by->up);
  }
  __m512i codes = _mm512_packs_epi16(first, second);
  codes = _mm512_min_epi8(_mm512_max_epi8(codes, by->min), by->max);
  codes = _mm512_xor_si512(codes, by->flips);
  return by->by_lanes ? codes : _mm512_permutexvar_epi32(order, codes);
}

/* Channels from n on in `vectors` vectors, which repeat where there are but one or two. */
void mn_requant_load_avx512(requant_avx512 *x, const mn_requant *from, size_t n, int vectors);

/* Constants loaded so, for sums in the order of bytes that were interleaved by unpacking: lane l of
 * vector j holds channels 16 l + 4 j to 16 l + 4 j + 3. Packing then restores the order by itself.
 */
void mn_requant_by_lanes_avx512(requant_avx512 *x, const mn_requant *from);

/* Four vectors as a square of 128-bit lanes, turned about its diagonal: from one order to the
 * other. */
void mn_turn_lanes_avx512(__m512i *x);

/* The sum of a row's k codes, which a zero point of the weights multiplies. */
uint32_t mn_sum_codes_avx512(const uint8_t *from, size_t k, uint8_t flip);

/* Writes `rows` rows of sums[rows][vectors], the first `count` channels of each; 1, 2 or 4 vectors.
 * What is left of the last four sums may be anything. */
void mn_requant_store_avx512(uint8_t *to, size_t stride, const __m512i *sums, size_t rows,
                             int vectors, size_t count, const requant_avx512 *by);

#endif
