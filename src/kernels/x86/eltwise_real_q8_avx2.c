/* SPDX-License-Identifier: Apache-2.0
 * Sum and product of codes in float, 16 at a time, as ref/eltwise_real_q8_ref.c. A last part is
 * copied to a padded buffer. */
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/x86/simd_avx2.h"

typedef struct real_codes {
  __m256 scale[2], constant;
  __m256i zero[2];
  __m256 min, max;
  __m128i flips;
} real_codes;

MN_INLINE __m256i eight_codes(__m128i codes, int half) {
  return _mm256_cvtepu8_epi32(half ? _mm_srli_si128(codes, 8) : codes);
}

MN_INLINE __m256 sum_8(const real_codes *by, __m256i a, __m256i b) {
  const __m256 sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(b), by->scale[1], by->constant);
  return _mm256_fmadd_ps(_mm256_cvtepi32_ps(a), by->scale[0], sum);
}

MN_INLINE __m256 product_8(const real_codes *by, __m256i a, __m256i b) {
  const __m256i product =
      _mm256_mullo_epi32(_mm256_sub_epi32(a, by->zero[0]), _mm256_sub_epi32(b, by->zero[1]));
  return _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(product), by->scale[0]), by->constant);
}

MN_INLINE __m128i apply_16(const real_codes *by, __m128i a, __m128i b, int is_sum) {
  __m256i codes[2];
  a = _mm_xor_si128(a, by->flips);
  b = _mm_xor_si128(b, by->flips);
  MN_UNROLL for (int half = 0; half < 2; half++) {
    const __m256i u = eight_codes(a, half), v = eight_codes(b, half);
    const __m256 code = is_sum ? sum_8(by, u, v) : product_8(by, u, v);
    codes[half] = _mm256_cvtps_epi32(clamp_f32_avx2(code, by->min, by->max));
  }
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(codes[0], codes[1]), 0xd8);
  const __m128i bytes =
      _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
  return _mm_xor_si128(bytes, by->flips);
}

MN_INLINE __m128i load_16(const uint8_t *from) { return _mm_loadu_si128((const __m128i *)from); }

MN_INLINE void apply_all(const real_codes *by, const uint8_t *a, const uint8_t *b, uint8_t *out,
                         size_t count, int is_sum) {
  uint8_t last[3][16] = {{0}};
  for (uint8_t *to = out; count > 0; a += 16, b += 16, out += 16) {
    if (count < 16) {
      memcpy(last[0], a, count);
      memcpy(last[1], b, count);
      a = last[0];
      b = last[1];
      to = last[2];
    }
    _mm_storeu_si128((__m128i *)to, apply_16(by, load_16(a), load_16(b), is_sum));
    if (count < 16) {
      memcpy(out, to, count);
      return;
    }
    to += 16;
    count -= 16;
  }
}

void mn_add_real_q8_avx2(const mn_add_real_q8_args *args) {
  const real_codes by = {.scale = {_mm256_set1_ps(args->a_scale), _mm256_set1_ps(args->b_scale)},
                         .constant = _mm256_set1_ps(args->constant),
                         .min = _mm256_set1_ps((float)args->out_min),
                         .max = _mm256_set1_ps((float)args->out_max),
                         .flips = _mm_set1_epi8((char)args->flip)};
  apply_all(&by, args->a, args->b, args->out, args->count, 1);
}

void mn_mul_real_q8_avx2(const mn_mul_real_q8_args *args) {
  const real_codes by = {.scale = {_mm256_set1_ps(args->scale)},
                         .constant = _mm256_set1_ps((float)args->out_zero),
                         .zero = {_mm256_set1_epi32(args->a_zero), _mm256_set1_epi32(args->b_zero)},
                         .min = _mm256_set1_ps((float)args->out_min),
                         .max = _mm256_set1_ps((float)args->out_max),
                         .flips = _mm_set1_epi8((char)args->flip)};
  apply_all(&by, args->a, args->b, args->out, args->count, 0);
}
