/* SPDX-License-Identifier: Apache-2.0
 * Elementwise kernels in 8 bits, 32 codes at a time: sum and product in the reference's integers,
 * and the product in float where its constants have that form. A last part is copied to a padded
 * buffer. */
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/x86/requant_avx2.h"
#include "kernels/x86/simd_avx2.h"

enum { RUN = 32 };

/* 8 codes less their zero point. */
MN_INLINE __m256i centred(const uint8_t *from, __m128i flips, __m256i zero) {
  const __m128i codes = _mm_loadl_epi64((const __m128i *)(const void *)from);
  return _mm256_sub_epi32(_mm256_cvtepu8_epi32(_mm_xor_si128(codes, flips)), zero);
}

/* What 32 codes of a and b come to. */
typedef __m256i apply_fn(const void *by, const uint8_t *a, const uint8_t *b);

MN_INLINE void apply_all(apply_fn *apply, const void *by, const uint8_t *a, const uint8_t *b,
                         uint8_t *out, size_t count) {
  uint8_t last[3][RUN] = {{0}}, *to = out;
  for (; count > 0; a += RUN, b += RUN, out += RUN, to += RUN) {
    const size_t left = count < RUN ? count : RUN;
    if (left < RUN) {
      memcpy(last[0], a, left);
      memcpy(last[1], b, left);
      a = last[0], b = last[1], to = last[2];
    }
    _mm256_storeu_si256((__m256i *)(void *)to, apply(by, a, b));
    if (left < RUN) memcpy(out, to, left);
    count -= left;
  }
}

MN_INLINE requant_lanes_avx2 same_lanes(int32_t multiplier, int32_t shift) {
  return requant_lanes_from(_mm256_set1_epi32(multiplier), _mm256_set1_epi32(shift), 0);
}

/* From int32 results to bytes: one multiplier and shift for all. */
typedef struct finish {
  requant_lanes_avx2 lanes;
  requant_output_avx2 out;
} finish;

/* The codes of 4 vectors of results. */
MN_INLINE __m256i finish_codes(const __m256i *results, const finish *by) {
  __m256i x[4];
  for (int i = 0; i < 4; i++) x[i] = multiply_quantized_avx2(results[i], &by->lanes);
  return requant_pack_avx2(x, &by->out, 0);
}

MN_INLINE finish finish_from(int32_t multiplier, int32_t shift, int32_t zero, int32_t min,
                             int32_t max) {
  return (finish){same_lanes(multiplier, shift),
                  requant_output_from(zero, requant_middle(min), min, max)};
}

/* ---- Sum ------------------------------------------------------------------------------------ */

typedef struct adder {
  finish out;
  requant_lanes_avx2 a, b;
  __m256i a_zero, b_zero;
  __m128i flips, left_shift;
} adder;

/* 32 codes: their sums. The inputs' shifts are to the right. */
MN_INLINE __m256i add_32(const void *from, const uint8_t *a, const uint8_t *b) {
  const adder *by = from;
  __m256i sums[4];
  for (int i = 0; i < 4; i++) {
    const __m256i u = _mm256_sll_epi32(centred(a + 8 * i, by->flips, by->a_zero), by->left_shift);
    const __m256i v = _mm256_sll_epi32(centred(b + 8 * i, by->flips, by->b_zero), by->left_shift);
    sums[i] =
        _mm256_add_epi32(multiply_quantized_avx2(u, &by->a), multiply_quantized_avx2(v, &by->b));
  }
  return finish_codes(sums, &by->out);
}

void mn_add_q8_avx2(const mn_add_q8_args *args) {
  adder by = {.out = finish_from(args->out_multiplier, args->out_shift, args->out_zero,
                                 args->out_min, args->out_max),
              .a = same_lanes(args->a_multiplier, args->a_shift),
              .b = same_lanes(args->b_multiplier, args->b_shift),
              .a_zero = _mm256_set1_epi32(args->a_zero),
              .b_zero = _mm256_set1_epi32(args->b_zero),
              .flips = _mm_set1_epi8((char)args->flip),
              .left_shift = _mm_cvtsi32_si128(args->left_shift)};
  apply_all(add_32, &by, args->a, args->b, args->out, args->count);
}

/* ---- Product -------------------------------------------------------------------------------- */

typedef struct multiplier {
  finish out;
  __m256i a_zero, b_zero;
  __m128i flips;
} multiplier;

/* 32 codes: their products. */
MN_INLINE __m256i multiply_32(const void *from, const uint8_t *a, const uint8_t *b) {
  const multiplier *by = from;
  __m256i products[4];
  for (int i = 0; i < 4; i++) {
    products[i] = _mm256_mullo_epi32(centred(a + 8 * i, by->flips, by->a_zero),
                                     centred(b + 8 * i, by->flips, by->b_zero));
  }
  return finish_codes(products, &by->out);
}

static void multiply_exactly(const mn_mul_q8_args *args) {
  multiplier by = {.out = finish_from(args->multiplier, args->shift, args->out_zero, args->out_min,
                                      args->out_max),
                   .a_zero = _mm256_set1_epi32(args->a_zero),
                   .b_zero = _mm256_set1_epi32(args->b_zero),
                   .flips = _mm_set1_epi8((char)args->flip)};
  apply_all(multiply_32, &by, args->a, args->b, args->out, args->count);
}

typedef struct float_multiplier {
  __m256 scale, above, below;
  bool signs;      /* the two differ */
  __m256i zero[2]; /* 16 bits */
  __m128i flips;
  __m256i min, max, back; /* bytes: the interval of signed codes, and from these to the type's */
} float_multiplier;

/* 16 codes less their zero point, in 16 bits. */
MN_INLINE __m256i centred_16(const uint8_t *from, __m128i flips, __m256i zero) {
  const __m128i codes = _mm_loadu_si128((const __m128i *)(const void *)from);
  return _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm_xor_si128(codes, flips)), zero);
}

MN_INLINE __m256i round_products(const float_multiplier *by, __m256i products) {
  const __m256 x = _mm256_cvtepi32_ps(products);
  const __m256 offset = by->signs ? _mm256_blendv_ps(by->above, by->below, x) : by->above;
  return _mm256_cvtps_epi32(_mm256_fmadd_ps(x, by->scale, offset));
}

/* 16 products as codes of 16 bits: packing undoes what unpacking does to their order. */
MN_INLINE __m256i multiply_16(const float_multiplier *by, const uint8_t *a, const uint8_t *b) {
  const __m256i none = _mm256_setzero_si256();
  const __m256i x = centred_16(a, by->flips, by->zero[0]);
  const __m256i y = centred_16(b, by->flips, by->zero[1]);
  const __m256i low =
      _mm256_madd_epi16(_mm256_unpacklo_epi16(x, none), _mm256_unpacklo_epi16(y, none));
  const __m256i high =
      _mm256_madd_epi16(_mm256_unpackhi_epi16(x, none), _mm256_unpackhi_epi16(y, none));
  return _mm256_packs_epi32(round_products(by, low), round_products(by, high));
}

MN_INLINE __m256i multiply_floats_32(const void *from, const uint8_t *a, const uint8_t *b) {
  const float_multiplier *by = from;
  const __m256i bytes = _mm256_packs_epi16(multiply_16(by, a, b), multiply_16(by, a + 16, b + 16));
  const __m256i codes = _mm256_min_epi8(_mm256_max_epi8(bytes, by->min), by->max);
  return _mm256_xor_si256(_mm256_permute4x64_epi64(codes, 0xd8), by->back);
}

void mn_mul_q8_avx2(const mn_mul_q8_args *args) {
  if (!args->proven) {
    multiply_exactly(args);
    return;
  }
  const int32_t middle = args->out_min < 0 ? 0 : 128; /* of the codes */
  const float_multiplier by = {
      .scale = _mm256_set1_ps(args->scale),
      .above = _mm256_set1_ps(args->above),
      .below = _mm256_set1_ps(args->below),
      .signs = args->above != args->below,
      .zero = {_mm256_set1_epi16((short)args->a_zero), _mm256_set1_epi16((short)args->b_zero)},
      .flips = _mm_set1_epi8((char)args->flip),
      .min = _mm256_set1_epi8((char)(args->out_min - middle)),
      .max = _mm256_set1_epi8((char)(args->out_max - middle)),
      .back = _mm256_set1_epi8((char)middle)};
  apply_all(multiply_floats_32, &by, args->a, args->b, args->out, args->count);
}
