/* SPDX-License-Identifier: Apache-2.0
 * Elementwise kernels in 8 bits, 16 codes at a time: sum and product in the reference's integers. A
 * last part is copied to a padded buffer. */
#include "kernels/kernels.h"
#include "kernels/x86/requant_avx2.h"
#include "kernels/x86/simd_avx2.h"

/* Codes 8 half .. 8 half + 7 of 16, less their zero point. */
MN_INLINE __m256i centred(__m128i codes, int half, __m256i zero) {
  const __m128i eight = half ? _mm_srli_si128(codes, 8) : codes;
  return _mm256_sub_epi32(_mm256_cvtepu8_epi32(eight), zero);
}

MN_INLINE requant_lanes_avx2 same_lanes(int32_t multiplier, int32_t shift) {
  return requant_lanes_from(_mm256_set1_epi32(multiplier), _mm256_set1_epi32(shift));
}

/* From int32 results to bytes: one multiplier and shift for all. */
typedef struct finish {
  requant_lanes_avx2 lanes;
  requant_output_avx2 out;
} finish;

/* Writes `count` (at most 32) codes of 4 vectors of results. */
MN_INLINE void finish_store(uint8_t *to, const __m256i *results, size_t count, const finish *by) {
  __m256i x[4];
  MN_UNROLL for (int i = 0; i < 4; i++) x[i] = multiply_quantized_avx2(results[i], &by->lanes);
  const __m256i codes = requant_pack_avx2(x, &by->out);
  store_bytes_avx2(to, _mm256_castsi256_si128(codes), count);
  if (count > 16) store_bytes_avx2(to + 16, _mm256_extracti128_si256(codes, 1), count - 16);
}

MN_INLINE finish finish_from(int32_t multiplier, int32_t shift, int32_t zero, int32_t min,
                             int32_t max) {
  return (finish){same_lanes(multiplier, shift), requant_output_from(zero, min, max)};
}

/* ---- Sum ------------------------------------------------------------------------------------ */

typedef struct adder {
  finish out;
  requant_lanes_avx2 a, b;
  __m256i a_zero, b_zero;
  __m128i flips, left_shift;
} adder;

/* sums[2] of 16 codes of a and b. The inputs' shifts are to the right. */
MN_INLINE void add_16(__m256i *sums, const adder *by, __m128i a, __m128i b) {
  a = _mm_xor_si128(a, by->flips);
  b = _mm_xor_si128(b, by->flips);
  MN_UNROLL for (int half = 0; half < 2; half++) {
    const __m256i u = _mm256_sll_epi32(centred(a, half, by->a_zero), by->left_shift);
    const __m256i v = _mm256_sll_epi32(centred(b, half, by->b_zero), by->left_shift);
    sums[half] =
        _mm256_add_epi32(multiply_quantized_avx2(u, &by->a), multiply_quantized_avx2(v, &by->b));
  }
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
  __m256i sums[4];
  size_t i = 0;
  for (; args->count - i >= 32; i += 32) {
    add_16(sums, &by, load_bytes_avx2(args->a + i, 16), load_bytes_avx2(args->b + i, 16));
    add_16(sums + 2, &by, load_bytes_avx2(args->a + i + 16, 16),
           load_bytes_avx2(args->b + i + 16, 16));
    finish_store(args->out + i, sums, 32, &by.out);
  }
  for (; i < args->count; i += 16) {
    const size_t left = args->count - i < 16 ? args->count - i : 16;
    add_16(sums, &by, load_bytes_avx2(args->a + i, left), load_bytes_avx2(args->b + i, left));
    sums[2] = sums[0], sums[3] = sums[1];
    finish_store(args->out + i, sums, left, &by.out);
  }
}

/* ---- Product -------------------------------------------------------------------------------- */

typedef struct multiplier {
  finish out;
  __m256i a_zero, b_zero;
  __m128i flips;
} multiplier;

/* sums[2] of 16 codes of a and b: their products. */
MN_INLINE void multiply_16(__m256i *sums, const multiplier *by, __m128i a, __m128i b) {
  a = _mm_xor_si128(a, by->flips);
  b = _mm_xor_si128(b, by->flips);
  MN_UNROLL for (int half = 0; half < 2; half++) {
    sums[half] = _mm256_mullo_epi32(centred(a, half, by->a_zero), centred(b, half, by->b_zero));
  }
}

void mn_mul_q8_avx2(const mn_mul_q8_args *args) {
  multiplier by = {.out = finish_from(args->multiplier, args->shift, args->out_zero, args->out_min,
                                      args->out_max),
                   .a_zero = _mm256_set1_epi32(args->a_zero),
                   .b_zero = _mm256_set1_epi32(args->b_zero),
                   .flips = _mm_set1_epi8((char)args->flip)};
  __m256i sums[4];
  size_t i = 0;
  for (; args->count - i >= 32; i += 32) {
    multiply_16(sums, &by, load_bytes_avx2(args->a + i, 16), load_bytes_avx2(args->b + i, 16));
    multiply_16(sums + 2, &by, load_bytes_avx2(args->a + i + 16, 16),
                load_bytes_avx2(args->b + i + 16, 16));
    finish_store(args->out + i, sums, 32, &by.out);
  }
  for (; i < args->count; i += 16) {
    const size_t left = args->count - i < 16 ? args->count - i : 16;
    multiply_16(sums, &by, load_bytes_avx2(args->a + i, left), load_bytes_avx2(args->b + i, left));
    sums[2] = sums[0], sums[3] = sums[1];
    finish_store(args->out + i, sums, left, &by.out);
  }
}
