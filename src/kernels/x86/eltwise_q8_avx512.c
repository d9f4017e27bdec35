/* SPDX-License-Identifier: Apache-2.0
 * Sums and products of codes in float, 64 at a time: add_real_q8 by its definition, mul_q8 where
 * its constants have a float form. A last part is copied to a padded buffer. */
#include "kernels/kernels.h"
#include "kernels/x86/simd_avx512.h"

enum { RUN = 64, LANES = 16 };

typedef struct float_codes {
  __m512i magic;  /* 2^23 and the bits that make a byte an unsigned code */
  __m512 zero[2]; /* 2^23, and more where the code's zero point is taken out */
  __m512 scale[2], above, below;
  bool signs;              /* the two differ */
  __m512i min, max, flips; /* bytes */
} float_codes;

/* 16 codes less their zero point. A byte under 2^23 is the fraction of a float. */
MN_INLINE __m512 load_16(const uint8_t *from, const float_codes *by, const int side) {
  const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
  const __m512i bits = _mm512_xor_si512(_mm512_cvtepu8_epi32(bytes), by->magic);
  return _mm512_sub_ps(_mm512_castsi512_ps(bits), by->zero[side]);
}

/* NaN passes: its integer is the least, as the least code is what it must give. */
MN_INLINE __m512i sum_16(const uint8_t *a, const uint8_t *b, const float_codes *by) {
  const __m512 part = _mm512_fmadd_ps(load_16(b, by, 1), by->scale[1], by->above);
  const __m512 code = _mm512_fmadd_ps(load_16(a, by, 0), by->scale[0], part);
  return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_set1_ps(65536.0f), code));
}

MN_INLINE __m512i product_16(const uint8_t *a, const uint8_t *b, const float_codes *by) {
  const __m512 product = _mm512_mul_ps(load_16(a, by, 0), load_16(b, by, 1));
  if (!by->signs) return _mm512_cvtps_epi32(_mm512_fmadd_ps(product, by->scale[0], by->above));
  const __mmask16 negative = _mm512_cmplt_ps_mask(product, _mm512_setzero_ps());
  const __m512 offset = _mm512_mask_mov_ps(by->above, negative, by->below);
  return _mm512_cvtps_epi32(_mm512_fmadd_ps(product, by->scale[0], offset));
}

/* Packing saturates to unsigned codes for sums and to signed ones for products, and interleaves
 * quarters. */
MN_INLINE __m512i apply_64(const uint8_t *a, const uint8_t *b, const float_codes *by,
                           const int is_sum) {
  const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  __m512i x[4];
  MN_UNROLL for (int i = 0; i < 4; i++, a += LANES, b += LANES) {
    x[i] = is_sum ? sum_16(a, b, by) : product_16(a, b, by);
  }
  const __m512i low = _mm512_packs_epi32(x[0], x[1]), high = _mm512_packs_epi32(x[2], x[3]);
  __m512i codes;
  if (is_sum) {
    codes = _mm512_packus_epi16(low, high);
    codes = _mm512_min_epu8(_mm512_max_epu8(codes, by->min), by->max);
  } else {
    codes = _mm512_packs_epi16(low, high);
    codes = _mm512_min_epi8(_mm512_max_epi8(codes, by->min), by->max);
  }
  return _mm512_permutexvar_epi32(order, _mm512_xor_si512(codes, by->flips));
}

MN_INLINE void apply_all(const float_codes *from, const uint8_t *a, const uint8_t *b, uint8_t *out,
                         size_t count, const int is_sum) {
  const float_codes by = *from;
  uint8_t last[3][RUN], *to = out;
  for (; count > 0; a += RUN, b += RUN, out += RUN, to += RUN) {
    const __mmask64 live = first_bytes_avx512(count);
    if (count < RUN) {
      _mm512_storeu_si512(last[0], _mm512_maskz_loadu_epi8(live, a));
      _mm512_storeu_si512(last[1], _mm512_maskz_loadu_epi8(live, b));
      a = last[0], b = last[1], to = last[2];
    }
    _mm512_storeu_si512(to, apply_64(a, b, &by, is_sum));
    if (count < RUN) break;
    count -= RUN;
  }
  if (count > 0) {
    const __mmask64 live = first_bytes_avx512(count);
    _mm512_mask_storeu_epi8(out, live, _mm512_loadu_si512(last[2]));
  }
}

MN_INLINE float_codes codes_from(uint8_t flip, int32_t a_zero, int32_t b_zero) {
  return (float_codes){
      .magic = _mm512_set1_epi32(0x4B000000 | flip),
      .zero = {_mm512_set1_ps(0x1p23f + (float)a_zero), _mm512_set1_ps(0x1p23f + (float)b_zero)}};
}

void mn_add_real_q8_avx512(const mn_add_real_q8_args *args) {
  float_codes by = codes_from(args->flip, 0, 0);
  by.scale[0] = _mm512_set1_ps(args->a_scale);
  by.scale[1] = _mm512_set1_ps(args->b_scale);
  by.above = _mm512_set1_ps(args->constant);
  by.min = _mm512_set1_epi8((char)args->out_min);
  by.max = _mm512_set1_epi8((char)args->out_max);
  by.flips = _mm512_set1_epi8((char)args->flip);
  apply_all(&by, args->a, args->b, args->out, args->count, 1);
}

void mn_mul_q8_avx512(const mn_mul_q8_args *args) {
  if (!args->proven) {
    mn_mul_q8_avx2(args);
    return;
  }
  const int32_t middle = args->out_min < 0 ? 0 : 128; /* of the codes */
  float_codes by = codes_from(args->flip, args->a_zero, args->b_zero);
  by.scale[0] = _mm512_set1_ps(args->scale);
  by.above = _mm512_set1_ps(args->above);
  by.below = _mm512_set1_ps(args->below);
  by.signs = args->above != args->below;
  by.min = _mm512_set1_epi8((char)(args->out_min - middle));
  by.max = _mm512_set1_epi8((char)(args->out_max - middle));
  by.flips = _mm512_set1_epi8((char)middle);
  apply_all(&by, args->a, args->b, args->out, args->count, 0);
}
