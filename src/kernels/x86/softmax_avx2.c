/* SPDX-License-Identifier: Apache-2.0
 * Softmax of a row, 8 elements at a time: the reference's operations in its order, so that results
 * are equal to the last bit. Codes find their exponentials in the table by gathering. */
#include "kernels/kernels.h"
#include "kernels/ref/softmax_q8.h"
#include "kernels/x86/exp_avx2.h"
#include "kernels/x86/largest_avx2.h"

enum { SUMMED = 1 << 15 /* terms of Q12.19 that a sum of 32 bits in each lane holds */ };

/* e^x for x <= 0 or NaN. */
MN_INLINE __m256 exponential(__m256 x) {
  const __m256 least = _mm256_set1_ps(-104.0f);
  const __m256 tiny = _mm256_cmp_ps(x, least, _CMP_LE_OQ);
  return _mm256_andnot_ps(tiny, exp_negative_avx2(_mm256_max_ps(least, x)));
}

/* Of 16 sums, halves upon halves. */
static float fold(__m256 a, __m256 b) {
  const __m256 x = _mm256_add_ps(a, b);
  __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  y = _mm_add_ps(y, _mm_movehl_ps(y, y));
  return _mm_cvtss_f32(_mm_add_ss(y, _mm_shuffle_ps(y, y, 1)));
}

void mn_softmax_f32_avx2(const mn_softmax_f32_args *args) {
  const __m256 max = largest_f32_avx2(args->in, args->count);
  const __m256 beta = _mm256_set1_ps(args->beta);
  __m256 sums[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
  for (size_t i = 0, turn = 0; i < args->count; i += 8, turn ^= 1) {
    const size_t left = args->count - i;
    const __m256 x = _mm256_sub_ps(load_f32_avx2(args->in + i, left), max);
    __m256 e = exponential(_mm256_mul_ps(x, beta));
    if (left < 8) e = _mm256_and_ps(e, _mm256_castsi256_ps(first_lanes_avx2(left)));
    store_f32_avx2(args->out + i, e, left);
    sums[turn] = _mm256_add_ps(sums[turn], e);
  }
  const __m256 sum = _mm256_set1_ps(fold(sums[0], sums[1]));
  for (size_t i = 0; i < args->count; i += 8) {
    const size_t left = args->count - i;
    store_f32_avx2(args->out + i, _mm256_div_ps(load_f32_avx2(args->out + i, left), sum), left);
  }
}

/* ---- Codes ---------------------------------------------------------------------------------- */

static uint8_t largest_code(const mn_softmax_q8_args *args) {
  const __m128i flips = _mm_set1_epi8((char)args->flip);
  __m128i max = _mm_setzero_si128();
  uint8_t lanes[16], most = 0;
  size_t i = 0;
  for (; args->count - i >= 16; i += 16) {
    const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(args->in + i));
    max = _mm_max_epu8(max, _mm_xor_si128(x, flips));
  }
  _mm_storeu_si128((__m128i *)(void *)lanes, max);
  for (int j = 0; j < 16; j++) most = lanes[j] > most ? lanes[j] : most;
  for (; i < args->count; i++) {
    const uint8_t code = args->in[i] ^ args->flip;
    most = code > most ? code : most;
  }
  return most;
}

/* The exponentials of eight codes. */
MN_INLINE __m256i look_up(const mn_softmax_q8_args *args, size_t i, __m256i max) {
  const __m128i codes =
      _mm_xor_si128(_mm_loadl_epi64((const __m128i *)(const void *)(args->in + i)),
                    _mm_set1_epi8((char)args->flip));
  return _mm256_i32gather_epi32(args->table, _mm256_sub_epi32(max, _mm256_cvtepu8_epi32(codes)), 4);
}

/* Of elements [i, end), eights of them. */
static int64_t sum_terms(const mn_softmax_q8_args *args, size_t i, size_t end, __m256i max) {
  uint32_t lanes[8];
  __m256i sum = _mm256_setzero_si256();
  int64_t all = 0;
  for (; i < end; i += 8) {
    const __m256i e = _mm256_add_epi32(look_up(args, i, max), _mm256_set1_epi32(1 << 11));
    sum = _mm256_add_epi32(sum, _mm256_srli_epi32(e, 12));
  }
  _mm256_storeu_si256((__m256i *)(void *)lanes, sum);
  for (int j = 0; j < 8; j++) all += lanes[j];
  return all;
}

/* Eight codes: mn_softmax_code of numbers that are not negative. */
MN_INLINE __m128i codes_of(__m256i e, __m256i factor, int exponent) {
  const __m256i half = _mm256_set1_epi64x(1 << 30);
  __m256i even = _mm256_mul_epu32(e, factor),
          odd = _mm256_mul_epu32(_mm256_srli_epi64(e, 32), factor);
  even = _mm256_srli_epi64(_mm256_add_epi64(even, half), 31);
  odd = _mm256_slli_epi64(_mm256_srli_epi64(_mm256_add_epi64(odd, half), 31), 32);
  __m256i x = _mm256_blend_epi32(even, odd, 0xAA);
  x = _mm256_add_epi32(x, _mm256_set1_epi32((int32_t)(1u << (exponent - 1))));
  x = _mm256_min_epu32(_mm256_srli_epi32(x, exponent), _mm256_set1_epi32(255));
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  return _mm_packus_epi16(words, words);
}

void mn_softmax_q8_avx2(const mn_softmax_q8_args *args) {
  const size_t whole = args->count / 8 * 8;
  const uint8_t most = largest_code(args), flip = args->flip;
  const __m256i max = _mm256_set1_epi32(most);
  int64_t sum = 0;
  for (size_t i = 0; i < whole; i += SUMMED) {
    sum += sum_terms(args, i, whole - i < SUMMED ? whole : i + SUMMED, max);
  }
  for (size_t i = whole; i < args->count; i++) {
    sum += mn_softmax_term(args->table[most - (args->in[i] ^ flip)]);
  }
  const mn_softmax_scale scale = mn_softmax_scale_of(sum);
  const __m256i factor = _mm256_set1_epi64x(scale.factor);
  for (size_t i = 0; i < whole; i += 8) {
    __m128i codes = _mm_setzero_si128();
    if (scale.exponent <= 31) codes = codes_of(look_up(args, i, max), factor, scale.exponent);
    codes = _mm_xor_si128(codes, _mm_set1_epi8((char)flip));
    _mm_storel_epi64((__m128i *)(void *)(args->out + i), codes);
  }
  for (size_t i = whole; i < args->count; i++) {
    args->out[i] = mn_softmax_code(args->table[most - (args->in[i] ^ flip)], scale) ^ flip;
  }
}
