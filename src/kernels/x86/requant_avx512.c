/* SPDX-License-Identifier: Apache-2.0
 * See requant_avx512.h. The fixed form is that of ref/requant.h, both roundings at once. */
#include "kernels/x86/requant_avx512.h"

/* mn_multiply_quantized in each lane. 2^30 is half a unit of the high product, products are below
 * 2^62: with that added nothing is negative, and 2^(31 - right) is what it leaves to take off. */
MN_INLINE __m512i fixed_vector(__m512i x, __m512i multiplier, __m512i shift) {
  const __m512i none = _mm512_setzero_si512(), low = _mm512_set1_epi64(UINT32_MAX);
  const __m512i unit = _mm512_set1_epi64((int64_t)1 << 30);
  const __m512i first = _mm512_set1_epi64(((int64_t)1 << 62) + ((int64_t)1 << 30));
  const __m512i right = _mm512_sub_epi32(none, _mm512_min_epi32(shift, none));
  const __m512i left = _mm512_sllv_epi32(x, _mm512_max_epi32(shift, none));
  __m512i code[2];
  MN_UNROLL for (int odd = 0; odd < 2; odd++) {
    const __m512i one = odd ? _mm512_srli_epi64(left, 32) : left;
    const __m512i by = odd ? _mm512_srli_epi64(right, 32) : _mm512_and_si512(right, low);
    const __m512i half = _mm512_andnot_si512(unit, _mm512_sllv_epi64(unit, by)); /* or 0 */
    const __m512i negative = _mm512_min_epi64(half, _mm512_set1_epi64((int64_t)1 << 31));
    const __m512i product =
        _mm512_mul_epi32(one, odd ? _mm512_srli_epi64(multiplier, 32) : multiplier);
    const __m512i nudge =
        _mm512_sub_epi64(_mm512_add_epi64(first, half), _mm512_and_si512(one, negative));
    code[odd] = _mm512_srlv_epi64(_mm512_add_epi64(product, nudge),
                                  _mm512_add_epi64(by, _mm512_set1_epi64(31)));
  }
  const __m512i both = _mm512_mask_shuffle_epi32(code[0], 0xAAAA, code[1], _MM_PERM_CCAA);
  return _mm512_sub_epi32(both, _mm512_srlv_epi32(_mm512_set1_epi32(INT32_MIN), right));
}

void mn_requant_fixed_avx512(__m512i *codes, const __m512i *sums, const requant_avx512 *by) {
  for (int j = 0; j < 4; j++) {
    const __m512i code = fixed_vector(sums[j], by->multiplier[j], by->shift[j]);
    codes[j] = _mm512_add_epi32(code, _mm512_set1_epi32(by->zero));
  }
}

void mn_requant_load_avx512(requant_avx512 *x, const mn_requant *from, size_t n, int vectors) {
  const int32_t typical = from->out_min < 0 ? 0 : 128; /* of codes, signed or not negative */
  const int32_t middle = from->multiplier ? from->base : typical;
  int signs = 0, doubt = 0;
  x->by_lanes = 0;
  for (int j = 0; j < 4; j++) {
    const size_t at = n + 16 * (size_t)(j % vectors);
    const __m512 scale = _mm512_loadu_ps(from->scale + at);
    x->above[j] = _mm512_loadu_ps(from->above + at);
    x->below[j] = _mm512_loadu_ps(from->below + at);
    x->scale[j] = scale;
    signs |= _mm512_cmp_ps_mask(x->above[j], x->below[j], _CMP_NEQ_UQ) != 0;
    if (!from->multiplier) continue;
    doubt |= _mm512_movepi32_mask(_mm512_castps_si512(scale)) != 0;
    x->scale[j] = _mm512_abs_ps(scale);
    x->multiplier[j] = _mm512_loadu_si512(from->multiplier + at);
    x->shift[j] = _mm512_loadu_si512(from->shift + at);
  }
  x->kind = !from->multiplier ? REQUANT_REAL
            : doubt           ? REQUANT_DOUBT + signs
                              : REQUANT_PLAIN + signs;
  x->zero = from->out_zero - from->base;
  x->up = _mm512_set1_epi16((int16_t)(from->base - middle));
  x->min = _mm512_set1_epi8((char)(from->out_min - middle));
  x->max = _mm512_set1_epi8((char)(from->out_max - middle));
  x->flips = _mm512_set1_epi8((char)middle);
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

void mn_requant_by_lanes_avx512(requant_avx512 *x) {
  mn_turn_lanes_avx512((__m512i *)x->scale);
  mn_turn_lanes_avx512((__m512i *)x->above);
  mn_turn_lanes_avx512((__m512i *)x->below);
  if (x->kind != REQUANT_REAL) mn_turn_lanes_avx512(x->multiplier), mn_turn_lanes_avx512(x->shift);
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

/* With the constants in registers. */
MN_INLINE void requant_rows(uint8_t *to, size_t stride, const __m512i *sums, size_t rows,
                            size_t together, size_t count, const requant_avx512 *from,
                            const int kind) {
  const requant_avx512 by = *from;
  const __mmask64 live = first_bytes_avx512(count);
  for (size_t i = 0; i < rows; i += together, to += together * stride, sums += 4) {
    const size_t left = rows - i < together ? rows - i : together;
    const __m512i codes = requant_codes(sums, &by, from, kind);
    if (together == 1) {
      _mm512_mask_storeu_epi8(to, live, codes);
    } else {
      store_rows(to, stride, codes, left, together, live);
    }
  }
}

void mn_requant_store_avx512(uint8_t *to, size_t stride, const __m512i *sums, size_t rows,
                             int vectors, size_t count, const requant_avx512 *by) {
  const size_t together = vectors == 1 ? 4 : vectors == 2 ? 2 : 1;
  if (by->kind == REQUANT_REAL) {
    requant_rows(to, stride, sums, rows, together, count, by, REQUANT_REAL);
  } else if (together > 1 && by->kind >= REQUANT_DOUBT) { /* two equal offsets do too */
    requant_rows(to, stride, sums, rows, together, count, by, REQUANT_DOUBT_SIGNS);
  } else if (together > 1 && by->kind == REQUANT_SIGNS) {
    requant_rows(to, stride, sums, rows, together, count, by, REQUANT_SIGNS);
  } else if (together > 1) {
    requant_rows(to, stride, sums, rows, together, count, by, REQUANT_PLAIN);
  } else if (by->kind == REQUANT_DOUBT_SIGNS) {
    requant_rows(to, stride, sums, rows, 1, count, by, REQUANT_DOUBT_SIGNS);
  } else if (by->kind == REQUANT_DOUBT) {
    requant_rows(to, stride, sums, rows, 1, count, by, REQUANT_DOUBT);
  } else if (by->kind == REQUANT_SIGNS) {
    requant_rows(to, stride, sums, rows, 1, count, by, REQUANT_SIGNS);
  } else {
    requant_rows(to, stride, sums, rows, 1, count, by, REQUANT_PLAIN);
  }
}
