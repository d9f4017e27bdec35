/* SPDX-License-Identifier: Apache-2.0
 * See requant_avx512.h. Vectors of 16 channels that have no float form take the integers of
 * ref/requant.h, step by step the same. */
#include "kernels/x86/requant_avx512.h"

/* What depends on all channels. */
MN_INLINE void requant_judge(requant_avx512 *x, const mn_requant *from, int32_t middle) {
  int signs = 0;
  x->fixed = 0;
  MN_UNROLL for (int j = 0; j < 4; j++) {
    const __mmask16 none = _mm512_cmplt_ps_mask(x->scale[j], _mm512_setzero_ps());
    x->fixed |= none && from->multiplier ? 1u << j : 0;
    signs |= _mm512_cmp_ps_mask(x->above[j], x->below[j], _CMP_NEQ_UQ) != 0;
  }
  const int plain = !x->fixed && from->multiplier && from->base == middle;
  x->kind = !plain ? REQUANT_ANY : signs ? REQUANT_SIGNS : REQUANT_PLAIN;
}

void mn_requant_load_avx512(requant_avx512 *x, const mn_requant *from, size_t n, int vectors) {
  const int32_t middle = from->out_min < 0 ? 0 : 128; /* of the codes, signed or not negative */
  x->by_lanes = 0;
  for (int j = 0; j < 4; j++) {
    const size_t at = n + 16 * (size_t)(j % vectors);
    x->scale[j] = _mm512_loadu_ps(from->scale + at);
    x->above[j] = _mm512_loadu_ps(from->above + at);
    x->below[j] = _mm512_loadu_ps(from->below + at);
    x->multiplier[j] = x->shift[j] = _mm512_setzero_si512();
    if (!from->multiplier) continue;
    x->multiplier[j] = _mm512_loadu_si512(from->multiplier + at);
    x->shift[j] = _mm512_loadu_si512(from->shift + at);
  }
  x->fixed_zero = _mm512_set1_epi32(from->out_zero - from->base);
  x->up = _mm512_set1_epi16((int16_t)(from->base - middle));
  x->min = _mm512_set1_epi8((char)(from->out_min - middle));
  x->max = _mm512_set1_epi8((char)(from->out_max - middle));
  x->flips = _mm512_set1_epi8((char)middle);
  requant_judge(x, from, middle);
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
  mn_turn_lanes_avx512(x->multiplier);
  mn_turn_lanes_avx512(x->shift);
  requant_judge(x, from, from->out_min < 0 ? 0 : 128);
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

/* mn_multiply_quantized in each lane; the code less the base. */
static __attribute__((noinline)) __m512i requant_fixed(__m512i x, const requant_avx512 *by, int j) {
  const __m512i multiplier = by->multiplier[j], shift = by->shift[j], none = _mm512_setzero_si512();
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
  return _mm512_add_epi32(x, by->fixed_zero);
}

MN_INLINE __m512i requant_vector(__m512i x, const requant_avx512 *by, const int j, const int kind) {
  if (kind == REQUANT_ANY && by->fixed >> j & 1) {
    return requant_fixed(x, by, j);
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
MN_INLINE __m512i requant_codes(const __m512i *sums, const requant_avx512 *by, const int kind) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i x[4];
  MN_UNROLL for (int j = 0; j < 4; j++) x[j] = requant_vector(sums[j], by, j, kind);
  __m512i first = _mm512_packs_epi32(x[0], x[1]), second = _mm512_packs_epi32(x[2], x[3]);
  if (kind == REQUANT_ANY) {
    first = _mm512_adds_epi16(first, by->up);
    second = _mm512_adds_epi16(second, by->up);
  }
  __m512i codes = _mm512_packs_epi16(first, second);
  codes = _mm512_min_epi8(_mm512_max_epi8(codes, by->min), by->max);
  codes = _mm512_xor_si512(codes, by->flips);
  return by->by_lanes ? codes : _mm512_permutexvar_epi32(order, codes);
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
                            size_t together, size_t count, const requant_avx512 *from,
                            const int kind) {
  const requant_avx512 by = *from;
  const __mmask64 live = first_bytes_avx512(count);
  if (together == 1 && kind != REQUANT_ANY) {
    for (size_t i = 0; i < rows; i++, to += stride, sums += 4) {
      _mm512_mask_storeu_epi8(to, live, requant_codes(sums, &by, kind));
    }
    return;
  }
  for (size_t i = 0; i < rows; i += together, to += together * stride, sums += 4) {
    const size_t left = rows - i < together ? rows - i : together;
    store_rows(to, stride, requant_codes(sums, &by, kind), left, together, live);
  }
}

void mn_requant_store_avx512(uint8_t *to, size_t stride, const __m512i *sums, size_t rows,
                             int vectors, size_t count, const requant_avx512 *by) {
  const size_t together = vectors == 1 ? 4 : vectors == 2 ? 2 : 1;
  switch (by->kind) {
    case REQUANT_PLAIN:
      if (together == 1) {
        requant_rows(to, stride, sums, rows, 1, count, by, REQUANT_PLAIN);
        break;
      }
      __attribute__((fallthrough)); /* few columns: two equal offsets do too */
    case REQUANT_SIGNS:
      requant_rows(to, stride, sums, rows, together, count, by, REQUANT_SIGNS);
      break;
    default: requant_rows(to, stride, sums, rows, together, count, by, REQUANT_ANY); break;
  }
}
