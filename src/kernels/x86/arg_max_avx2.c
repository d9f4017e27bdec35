/* SPDX-License-Identifier: Apache-2.0
 * Index of the first largest of a row: first the largest, then where it first is. */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"
#include "kernels/x86/largest_avx2.h"

static size_t index_f32(const float *in, size_t count) {
  const __m256 max = largest_f32_avx2(in, count);
  for (size_t i = 0; i < count; i += 8) {
    const size_t left = count - i;
    const __m256 same = _mm256_cmp_ps(load_f32_avx2(in + i, left), max, _CMP_EQ_OQ);
    unsigned found = (unsigned)_mm256_movemask_ps(same);
    if (left < 8) found &= (1u << left) - 1;
    if (found) return i + (size_t)__builtin_ctz(found);
  }
  return 0; /* all are NaN */
}

void mn_arg_max_f32_avx2(const mn_arg_max_args *args) {
  const unsigned char *in = args->in;
  for (size_t row = 0; row < args->rows; row++, in += args->apart) {
    mn_put_index(args, row, index_f32((const float *)(const void *)in, args->count));
  }
}

/* ---- Codes ---------------------------------------------------------------------------------- */

MN_INLINE __m128i load_16(const uint8_t *in) {
  return _mm_loadu_si128((const __m128i *)(const void *)in);
}

/* The largest of 16 in all of them: as the least of their complements, which words find. */
MN_INLINE __m128i spread_largest(__m128i x) {
  const __m128i ones = _mm_set1_epi8(-1), rest = _mm_xor_si128(x, ones);
  const __m128i pairs = _mm_min_epu8(rest, _mm_srli_epi16(rest, 8));
  const __m128i least = _mm_minpos_epu16(_mm_and_si128(pairs, _mm_set1_epi16(0xFF)));
  return _mm_xor_si128(_mm_shuffle_epi8(least, _mm_setzero_si128()), ones);
}

MN_INLINE unsigned places_of(__m128i x, __m128i code) {
  return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, code));
}

/* 16 and more; the last 16 overlap those before them. */
static size_t index_long(const uint8_t *in, size_t count, __m128i flips) {
  __m128i max = _mm_xor_si128(load_16(in + count - 16), flips);
  for (size_t i = 0; i + 16 <= count; i += 16) {
    max = _mm_max_epu8(max, _mm_xor_si128(load_16(in + i), flips));
  }
  max = _mm_xor_si128(spread_largest(max), flips);
  for (size_t i = 0; i + 16 <= count; i += 16) {
    const unsigned found = places_of(load_16(in + i), max);
    if (found) return i + (size_t)__builtin_ctz(found);
  }
  return count - 16 + (size_t)__builtin_ctz(places_of(load_16(in + count - 16), max));
}

/* 8 to 15: the first and the last eight. */
static size_t index_short(const uint8_t *in, size_t count, __m128i flips) {
  const __m128i low = _mm_loadl_epi64((const __m128i *)(const void *)in);
  const __m128i high = _mm_loadl_epi64((const __m128i *)(const void *)(in + count - 8));
  const __m128i x = _mm_xor_si128(_mm_unpacklo_epi64(low, high), flips);
  const size_t place = (size_t)__builtin_ctz(places_of(x, spread_largest(x)));
  return place < 8 ? place : count - 16 + place;
}

void mn_arg_max_q8_avx2(const mn_arg_max_args *args) {
  const __m128i flips = _mm_set1_epi8((char)args->flip);
  const uint8_t *in = args->in;
  const size_t count = args->count;
  for (size_t row = 0; row < args->rows; row++, in += args->apart) {
    const size_t found = count >= 16  ? index_long(in, count, flips)
                         : count >= 8 ? index_short(in, count, flips)
                                      : mn_largest_q8_ref(in, count, 1, args->flip);
    mn_put_index(args, row, found);
  }
}
