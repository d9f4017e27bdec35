/* SPDX-License-Identifier: Apache-2.0
 * From sums to codes, 64 channels at a time (kernels.h, mn_requant), for every kernel that has the
 * sums of some pixels together; and the sums of codes that products start from. */
#ifndef MN_KERNELS_X86_REQUANT_AVX512_H
#define MN_KERNELS_X86_REQUANT_AVX512_H

#include "kernels/kernels.h"
#include "kernels/x86/simd_avx512.h"

/* What a loop over rows is compiled for: one offset or one for each sign, both also with channels
 * that are not proven and rows that may be in doubt; or floats that are the definition. */
enum { REQUANT_PLAIN, REQUANT_SIGNS, REQUANT_DOUBT, REQUANT_DOUBT_SIGNS, REQUANT_REAL };

/* Four vectors of 16 channels of one layer. */
typedef struct requant_avx512 {
  __m512 scale[4], above[4], below[4];
  int kind;
  int by_lanes;     /* see mn_requant_by_lanes_avx512 */
  __m512i up;       /* 16 bits: from the base to the middle of the type's codes */
  __m512i min, max; /* bytes, signed codes */
  __m512i flips;    /* bytes: from signed codes to the output's type */
  __m512i multiplier[4], shift[4];
  int32_t zero; /* of the output, less the base */
} requant_avx512;

/* The codes less the base of 4 x 16 sums by the fixed form. */
void mn_requant_fixed_avx512(__m512i *codes, const __m512i *sums, const requant_avx512 *by);

MN_INLINE __m512 requant_real(__m512i x, const requant_avx512 *by, const int j, const int kind) {
  __m512 offset = by->above[j];
  if (kind != REQUANT_PLAIN && kind != REQUANT_DOUBT) {
    offset = _mm512_mask_mov_ps(offset, _mm512_movepi32_mask(x), by->below[j]);
  }
  const __m512 real = _mm512_fmadd_ps(_mm512_cvtepi32_ps(x), by->scale[j], offset);
  /* Beyond an int the conversion would give the least one; other constants never get there. */
  return kind == REQUANT_REAL ? _mm512_min_ps(real, _mm512_set1_ps(65536.0f)) : real;
}

/* Whether any of floats, at most `most` from integers, is within MN_REQUANT_DOUBT of the middle
 * between two. */
MN_INLINE int requant_in_doubt(__m512 most) {
  return _mm512_cmp_ps_mask(most, _mm512_set1_ps(0.5f - MN_REQUANT_DOUBT), _CMP_GE_OQ) != 0;
}

/* The codes of 4 x 16 sums, in order; `whole` has what rows in doubt need. Packing saturates beyond
 * what the clamp leaves, so the clamp can wait until there are bytes; it interleaves quarters,
 * which are put right last. */
MN_INLINE __m512i requant_codes(const __m512i *sums, const requant_avx512 *by,
                                const requant_avx512 *whole, const int kind) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const bool doubts = kind == REQUANT_DOUBT || kind == REQUANT_DOUBT_SIGNS;
  __m512 most = _mm512_setzero_ps();
  __m512i x[4];
  MN_UNROLL for (int j = 0; j < 4; j++) {
    const __m512 real = requant_real(sums[j], by, j, kind);
    x[j] = _mm512_cvtps_epi32(real);
    if (doubts) most = farther_avx512(most, real);
  }
  if (doubts && requant_in_doubt(most)) {
    __m512i again[4] = {sums[0], sums[1], sums[2], sums[3]};
    mn_requant_fixed_avx512(again, again, whole);
    MN_UNROLL for (int j = 0; j < 4; j++) x[j] = again[j];
  }
  __m512i first = _mm512_packs_epi32(x[0], x[1]), second = _mm512_packs_epi32(x[2], x[3]);
  if (kind == REQUANT_REAL) {
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
void mn_requant_by_lanes_avx512(requant_avx512 *x);

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
