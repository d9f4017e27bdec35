/* SPDX-License-Identifier: Apache-2.0
 * From sums to codes, 64 channels at a time (kernels.h, mn_requant). Vectors of 16 channels that
 * have no float form take ref/requant.h's integers, step by step the same. */
#ifndef MN_KERNELS_X86_REQUANT_AVX512_H
#define MN_KERNELS_X86_REQUANT_AVX512_H

#include "kernels/kernels.h"
#include "kernels/x86/simd_avx512.h"

/* What a loop over rows is compiled for: one offset, one for each sign, or whatever there is. */
enum { REQUANT_PLAIN, REQUANT_SIGNS, REQUANT_ANY };

/* Four vectors of 16 channels of one layer, from channel n on; the last ones repeat the first where
 * there are but one or two. */
typedef struct requant_avx512 {
  const mn_requant *from;
  __m512 scale[4], above[4], below[4];
  size_t channel[4];
  unsigned fixed; /* bit j: vector j takes the fixed form */
  int kind;
  __m512i shift;    /* 16 bits: from the base to the middle of the type's codes */
  __m512i min, max; /* bytes, signed codes */
  __m512i flips;    /* bytes: from signed codes to the output's type */
} requant_avx512;

MN_INLINE requant_avx512 requant_load_avx512(const mn_requant *from, size_t n, int vectors) {
  const int32_t middle = from->out_min < 0 ? 0 : 128; /* of the codes, signed or not negative */
  requant_avx512 x = {.from = from};
  int signs = 0;
  MN_UNROLL for (int j = 0; j < 4; j++) {
    const size_t at = n + 16 * (size_t)(j % vectors);
    x.channel[j] = at;
    x.scale[j] = _mm512_loadu_ps(from->scale + at);
    x.above[j] = _mm512_loadu_ps(from->above + at);
    x.below[j] = _mm512_loadu_ps(from->below + at);
    const __mmask16 none = _mm512_cmplt_ps_mask(x.scale[j], _mm512_setzero_ps());
    x.fixed |= none && from->multiplier ? 1u << j : 0;
    signs |= _mm512_cmp_ps_mask(x.above[j], x.below[j], _CMP_NEQ_UQ) != 0;
  }
  const int plain = !x.fixed && from->multiplier && from->base == middle;
  x.kind = !plain ? REQUANT_ANY : signs ? REQUANT_SIGNS : REQUANT_PLAIN;
  x.shift = _mm512_set1_epi16((int16_t)(from->base - middle));
  x.min = _mm512_set1_epi8((char)(from->out_min - middle));
  x.max = _mm512_set1_epi8((char)(from->out_max - middle));
  x.flips = _mm512_set1_epi8((char)middle);
  return x;
}

/* mn_multiply_quantized in each lane; the code less the base. */
static __attribute__((noinline)) __m512i requant_fixed_avx512(__m512i x, const mn_requant *from,
                                                              size_t n) {
  const __m512i multiplier = _mm512_loadu_si512(from->multiplier + n);
  const __m512i shift = _mm512_loadu_si512(from->shift + n), none = _mm512_setzero_si512();
  const __m512i one = _mm512_set1_epi32(1), nudge = _mm512_set1_epi64((int64_t)1 << 30);
  const __m512i right = _mm512_sub_epi32(none, _mm512_min_epi32(shift, none));
  const __m512i mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, right), one);
  x = _mm512_sllv_epi32(x, _mm512_max_epi32(shift, none));
  __m512i even = _mm512_mul_epi32(x, multiplier);
  __m512i odd = _mm512_mul_epi32(_mm512_srli_epi64(x, 32), _mm512_srli_epi64(multiplier, 32));
  even = _mm512_srli_epi64(_mm512_add_epi64(even, nudge), 31);
  odd = _mm512_slli_epi64(_mm512_add_epi64(odd, nudge), 1);
  x = _mm512_mask_mov_epi32(even, 0xAAAA, odd);
  const __m512i threshold = _mm512_sub_epi32(_mm512_srli_epi32(mask, 1), _mm512_srai_epi32(x, 31));
  const __mmask16 up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(x, mask), threshold);
  x = _mm512_srav_epi32(x, right);
  x = _mm512_mask_add_epi32(x, up, x, one);
  return _mm512_add_epi32(x, _mm512_set1_epi32(from->out_zero - from->base));
}

MN_INLINE __m512i requant_vector_avx512(__m512i x, const requant_avx512 *by, const int j,
                                        const int kind) {
  if (kind == REQUANT_ANY && by->fixed >> j & 1) {
    return requant_fixed_avx512(x, by->from, by->channel[j]);
  }
  __m512 offset = by->above[j];
  if (kind) offset = _mm512_mask_mov_ps(offset, _mm512_movepi32_mask(x), by->below[j]);
  __m512 real = _mm512_fmadd_ps(_mm512_cvtepi32_ps(x), by->scale[j], offset);
  /* Beyond an int the conversion would give the least one; proven constants never get there. */
  if (kind == REQUANT_ANY) real = _mm512_min_ps(real, _mm512_set1_ps(65536.0f));
  return _mm512_cvtps_epi32(real);
}

/* The codes of 4 x 16 sums, in order. Packing saturates beyond what the clamp leaves, so the clamp
 * can wait until there are bytes; it interleaves quarters, which are put right last. */
MN_INLINE __m512i requant_codes_avx512(const __m512i *sums, const requant_avx512 *by,
                                       const int kind) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i x[4];
  MN_UNROLL for (int j = 0; j < 4; j++) x[j] = requant_vector_avx512(sums[j], by, j, kind);
  __m512i first = _mm512_packs_epi32(x[0], x[1]), second = _mm512_packs_epi32(x[2], x[3]);
  if (kind == REQUANT_ANY) {
    first = _mm512_adds_epi16(first, by->shift);
    second = _mm512_adds_epi16(second, by->shift);
  }
  __m512i codes = _mm512_packs_epi16(first, second);
  codes = _mm512_min_epi8(_mm512_max_epi8(codes, by->min), by->max);
  return _mm512_permutexvar_epi32(order, _mm512_xor_si512(codes, by->flips));
}

/* Of four vectors of codes, the rows that lie there: `rows` of 4, 2 or 1. */
MN_INLINE void store_rows_avx512(uint8_t *to, size_t stride, __m512i codes, size_t rows,
                                 size_t together, __mmask64 live) {
  for (size_t i = 0; i < rows; i++, to += stride) {
    _mm512_mask_storeu_epi8(to, live, codes);
    codes = together == 4 ? _mm512_shuffle_i32x4(codes, codes, 0x39) /* the next 16 bytes first */
                          : _mm512_shuffle_i32x4(codes, codes, 0x4E);
  }
}

MN_INLINE void requant_rows_avx512(uint8_t *to, size_t stride, const __m512i *sums, size_t rows,
                                   size_t together, size_t count, const requant_avx512 *from,
                                   const int kind) {
  const requant_avx512 by = *from;
  const __mmask64 live = first_bytes_avx512(count);
  if (together == 1) {
    for (size_t i = 0; i < rows; i++, to += stride, sums += 4) {
      _mm512_mask_storeu_epi8(to, live, requant_codes_avx512(sums, &by, kind));
    }
    return;
  }
  for (size_t i = 0; i < rows; i += together, to += together * stride, sums += 4) {
    const size_t left = rows - i < together ? rows - i : together;
    store_rows_avx512(to, stride, requant_codes_avx512(sums, &by, kind), left, together, live);
  }
}

/* Writes `rows` rows of sums[rows][vectors], the first `count` channels of each; 3 vectors lie like
 * 4. What is left of the last four sums may be anything. */
static __attribute__((noinline)) void requant_store_avx512(uint8_t *to, size_t stride,
                                                           const __m512i *sums, size_t rows,
                                                           int vectors, size_t count,
                                                           const requant_avx512 *by) {
  const size_t together = vectors == 1 ? 4 : vectors == 2 ? 2 : 1;
  switch (by->kind) {
    case REQUANT_PLAIN:
      requant_rows_avx512(to, stride, sums, rows, together, count, by, REQUANT_PLAIN);
      break;
    case REQUANT_SIGNS:
      requant_rows_avx512(to, stride, sums, rows, together, count, by, REQUANT_SIGNS);
      break;
    default: requant_rows_avx512(to, stride, sums, rows, together, count, by, REQUANT_ANY); break;
  }
}

#endif
