/* SPDX-License-Identifier: Apache-2.0
 * See requant_avx512.h. Vectors of 16 channels that have no float form take the integers of
 * ref/requant.h, both roundings at once. */
#include "kernels/x86/requant_avx512.h"

/* Constants of requant_exact: 2^30 is half a unit of the high product, products are below 2^62. */
MN_INLINE void load_exact(requant_exact_avx512 *x, __m512i multiplier, __m512i shift,
                          int32_t zero) {
  const __m512i none = _mm512_setzero_si512(), low = _mm512_set1_epi64(UINT32_MAX);
  const __m512i right = _mm512_sub_epi32(none, _mm512_min_epi32(shift, none));
  const __m512i unit = _mm512_set1_epi64((int64_t)1 << 30);
  const __m512i first = _mm512_set1_epi64(((int64_t)1 << 62) + ((int64_t)1 << 30));
  x->left = _mm512_max_epi32(shift, none);
  x->less = _mm512_sub_epi32(_mm512_srlv_epi32(_mm512_set1_epi32(INT32_MIN), right),
                             _mm512_set1_epi32(zero));
  for (int odd = 0; odd < 2; odd++) {
    const __m512i by = odd ? _mm512_srli_epi64(right, 32) : _mm512_and_si512(right, low);
    const __m512i half = _mm512_andnot_si512(unit, _mm512_sllv_epi64(unit, by)); /* or 0 */
    x->multiplier[odd] = odd ? _mm512_srli_epi64(multiplier, 32) : multiplier;
    x->nudge[odd] = _mm512_add_epi64(first, half);
    x->negative[odd] = _mm512_min_epi64(half, _mm512_set1_epi64((int64_t)1 << 31));
    x->right[odd] = _mm512_add_epi64(by, _mm512_set1_epi64(31));
  }
}

/* What depends on all channels. */
static void requant_judge(requant_avx512 *x, const mn_requant *from) {
  int signs = 0;
  x->fixed = 0;
  MN_UNROLL for (int j = 0; j < 4; j++) {
    const __mmask16 unproven = _mm512_cmplt_ps_mask(x->scale[j], _mm512_setzero_ps());
    x->fixed |= unproven && from->multiplier ? 1u << j : 0;
    signs |= _mm512_cmp_ps_mask(x->above[j], x->below[j], _CMP_NEQ_UQ) != 0;
  }
  for (int j = 0; j < 4 && x->fixed; j++) {
    load_exact(&x->exact[j], x->multiplier[j], x->shift[j], from->out_zero - from->base);
  }
  const int centred = from->base == (from->out_min < 0 ? 0 : 128);
  x->kind = !from->multiplier      ? REQUANT_REAL
            : x->fixed || !centred ? REQUANT_EXACT
            : signs                ? REQUANT_SIGNS
                                   : REQUANT_PLAIN;
}

void mn_requant_load_avx512(requant_avx512 *x, const mn_requant *from, size_t n, int vectors) {
  const int32_t middle = from->out_min < 0 ? 0 : 128; /* of the codes, signed or not negative */
  x->by_lanes = 0;
  for (int j = 0; j < 4; j++) {
    const size_t at = n + 16 * (size_t)(j % vectors);
    x->scale[j] = _mm512_loadu_ps(from->scale + at);
    x->above[j] = _mm512_loadu_ps(from->above + at);
    x->below[j] = _mm512_loadu_ps(from->below + at);
    if (!from->multiplier) continue;
    x->multiplier[j] = _mm512_loadu_si512(from->multiplier + at);
    x->shift[j] = _mm512_loadu_si512(from->shift + at);
  }
  x->up = _mm512_set1_epi16((int16_t)(from->base - middle));
  x->min = _mm512_set1_epi8((char)(from->out_min - middle));
  x->max = _mm512_set1_epi8((char)(from->out_max - middle));
  x->flips = _mm512_set1_epi8((char)middle);
  requant_judge(x, from);
}

void mn_turn_lanes_avx512(__m512i *x) {
  const __m512i a = _mm512_shuffle_i32x4(x[0], x[1], 0x44),
                b = _mm512_shuffle_i32x4(x[0], x[1], 0xEE);
  const __m512i c = _mm512_shuffle_i32x4(x[2], x[3], 0x44),
                d = _mm512_shuffle_i32x4(x[2], x[3], 0xEE);
  x[0] = _mm512_shuffle_i32x4(a, c, 0x88);
  x[1] = _mm512_shuffle_i32x4(a, c, 0xDD);
  x[2] = _mm512_shuffle_i32x4(b, d, 0x88);
  x[3] = _mm512_shuffle_i32x4(b, d, 0xDD);
}

void mn_requant_by_lanes_avx512(requant_avx512 *x, const mn_requant *from) {
  mn_turn_lanes_avx512((__m512i *)x->scale);
  mn_turn_lanes_avx512((__m512i *)x->above);
  mn_turn_lanes_avx512((__m512i *)x->below);
  if (from->multiplier) mn_turn_lanes_avx512(x->multiplier), mn_turn_lanes_avx512(x->shift);
  requant_judge(x, from);
  x->by_lanes = 1;
}

uint32_t mn_sum_codes_avx512(const uint8_t *from, size_t k, uint8_t flip) {
  const __m512i flips = _mm512_set1_epi8((char)flip), none = _mm512_setzero_si512();
  __m512i sum = none;
  for (size_t i = 0; i < k; i += 64) {
    const __mmask64 live = first_bytes_avx512(k - i);
    const __m512i codes = _mm512_maskz_loadu_epi8(live, from + i);
    const __m512i plain = _mm512_maskz_mov_epi8(live, _mm512_xor_si512(codes, flips));
    sum = _mm512_add_epi64(sum, _mm512_sad_epu8(plain, none));
  }
  return (uint32_t)_mm512_reduce_add_epi64(sum);
}

/* Of four vectors of codes, the rows that lie there: `rows` of 4, 2 or 1. */
MN_INLINE void store_rows(uint8_t *to, size_t stride, __m512i codes, size_t rows, size_t together,
                          __mmask64 live) {
  for (size_t i = 0; i < rows; i++, to += stride) {
    _mm512_mask_storeu_epi8(to, live, codes);
    codes = together == 4 ? _mm512_shuffle_i32x4(codes, codes, 0x39) /* the next 16 bytes first */
                          : _mm512_shuffle_i32x4(codes, codes, 0x4E);
  }
}

MN_INLINE void requant_rows(uint8_t *to, size_t stride, const __m512i *sums, size_t rows,
                            size_t together, size_t count, const requant_avx512 *by,
                            const int kind) {
  const __mmask64 live = first_bytes_avx512(count);
  for (size_t i = 0; i < rows; i += together, to += together * stride, sums += 4) {
    const size_t left = rows - i < together ? rows - i : together;
    store_rows(to, stride, requant_codes(sums, by, kind), left, together, live);
  }
}

/* Rows of 64, with the constants in registers. */
MN_INLINE void requant_whole_rows(uint8_t *to, size_t stride, const __m512i *sums, size_t rows,
                                  size_t count, const requant_avx512 *from, const int kind) {
  const requant_avx512 by = *from;
  const __mmask64 live = first_bytes_avx512(count);
  for (size_t i = 0; i < rows; i++, to += stride, sums += 4) {
    _mm512_mask_storeu_epi8(to, live, requant_codes(sums, &by, kind));
  }
}

void mn_requant_store_avx512(uint8_t *to, size_t stride, const __m512i *sums, size_t rows,
                             int vectors, size_t count, const requant_avx512 *by) {
  const size_t together = vectors == 1 ? 4 : vectors == 2 ? 2 : 1;
  if (by->kind == REQUANT_REAL) {
    requant_rows(to, stride, sums, rows, together, count, by, REQUANT_REAL);
  } else if (by->kind == REQUANT_EXACT) {
    requant_rows(to, stride, sums, rows, together, count, by, REQUANT_EXACT);
  } else if (together > 1) { /* two equal offsets do too */
    requant_rows(to, stride, sums, rows, together, count, by, REQUANT_SIGNS);
  } else if (by->kind == REQUANT_SIGNS) {
    requant_whole_rows(to, stride, sums, rows, count, by, REQUANT_SIGNS);
  } else {
    requant_whole_rows(to, stride, sums, rows, count, by, REQUANT_PLAIN);
  }
}
