/* SPDX-License-Identifier: Apache-2.0
 * Sums over a window: channels side by side in registers while the window passes, so that every
 * channel is summed in the reference's order. Codes are summed in 16 bits, 256 pixels at most at a
 * time. */
#include "kernels/kernels.h"
#include "kernels/x86/simd_avx2.h"

enum {
  Q8_PIXELS = 256, /* times 255 fits 16 bits */
  AHEAD = 12       /* pixels: too far apart for what fetches by itself */
};

/* In elements. */
MN_INLINE size_t pixel_at(const mn_sum_args *args, size_t row, size_t col) {
  return row * args->row_stride + col * args->pixel_stride;
}

/* `vectors` of 8 channels, of the last of which `live` are. */
MN_INLINE void sum_channels_f32(const mn_sum_args *args, size_t c, const int vectors, size_t live) {
  float *sums = (float *)args->sums + c;
  __m256 sum[4];
  MN_UNROLL for (int j = 0; j < vectors; j++) sum[j] = load_f32_avx2(sums + 8 * j, live);
  for (size_t row = 0; row < args->rows; row++) {
    for (size_t col = 0; col < args->cols; col++) {
      const float *in = (const float *)args->in + pixel_at(args, row, col) + c;
      _mm_prefetch((const char *)(in + AHEAD * args->pixel_stride), _MM_HINT_T0);
      _mm_prefetch((const char *)(in + AHEAD * args->pixel_stride + 16), _MM_HINT_T0);
      MN_UNROLL for (int j = 0; j < vectors; j++) {
        sum[j] = _mm256_add_ps(sum[j], load_f32_avx2(in + 8 * j, live));
      }
    }
  }
  MN_UNROLL for (int j = 0; j < vectors; j++) store_f32_avx2(sums + 8 * j, sum[j], live);
}

void mn_sum_f32_avx2(const mn_sum_args *args) {
  size_t c = 0;
  for (; args->channels - c >= 32; c += 32) sum_channels_f32(args, c, 4, 8);
  for (; c < args->channels; c += 8) {
    sum_channels_f32(args, c, 1, args->channels - c < 8 ? args->channels - c : 8);
  }
}

/* sums[16] += 16 unsigned numbers of 16 bits. */
MN_INLINE void add_16(int32_t *sums, __m256i x) {
  __m256i *const to = (__m256i *)(void *)sums;
  const __m256i low = _mm256_cvtepu16_epi32(_mm256_castsi256_si128(x));
  const __m256i high = _mm256_cvtepu16_epi32(_mm256_extracti128_si256(x, 1));
  _mm256_storeu_si256(to, _mm256_add_epi32(_mm256_loadu_si256(to), low));
  _mm256_storeu_si256(to + 1, _mm256_add_epi32(_mm256_loadu_si256(to + 1), high));
}

/* `vectors` of 16 channels. */
MN_INLINE void sum_channels_q8(const mn_sum_args *args, size_t c, const int vectors) {
  const __m128i flips = _mm_set1_epi8((char)args->flip);
  int32_t *sums = (int32_t *)args->sums + c;
  __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                    _mm256_setzero_si256()};
  size_t room = Q8_PIXELS;
  for (size_t row = 0; row < args->rows; row++) {
    for (size_t col = 0; col < args->cols; col++) {
      const uint8_t *in = (const uint8_t *)args->in + pixel_at(args, row, col) + c;
      MN_UNROLL for (int j = 0; j < vectors; j++) {
        const __m128i codes = _mm_loadu_si128((const __m128i *)(const void *)(in + 16 * j));
        sum[j] = _mm256_add_epi16(sum[j], _mm256_cvtepu8_epi16(_mm_xor_si128(codes, flips)));
      }
      if (--room > 0) continue;
      MN_UNROLL for (int j = 0; j < vectors; j++) {
        add_16(sums + 16 * j, sum[j]);
        sum[j] = _mm256_setzero_si256();
      }
      room = Q8_PIXELS;
    }
  }
  MN_UNROLL for (int j = 0; j < vectors; j++) add_16(sums + 16 * j, sum[j]);
}

/* 8 channels. */
static void sum_eight_q8(const mn_sum_args *args, size_t c) {
  const __m128i flips = _mm_set1_epi8((char)args->flip);
  __m256i *const sums = (__m256i *)(void *)((int32_t *)args->sums + c);
  __m256i sum = _mm256_loadu_si256(sums);
  for (size_t row = 0; row < args->rows; row++) {
    const uint8_t *in = (const uint8_t *)args->in + pixel_at(args, row, 0) + c;
    for (size_t col = 0; col < args->cols; col++, in += args->pixel_stride) {
      const __m128i codes = _mm_loadl_epi64((const __m128i *)(const void *)in);
      sum = _mm256_add_epi32(sum, _mm256_cvtepu8_epi32(_mm_xor_si128(codes, flips)));
    }
  }
  _mm256_storeu_si256(sums, sum);
}

void mn_sum_q8_avx2(const mn_sum_args *args) {
  size_t c = 0;
  for (; args->channels - c >= 64; c += 64) sum_channels_q8(args, c, 4);
  for (; args->channels - c >= 32; c += 32) sum_channels_q8(args, c, 2);
  for (; args->channels - c >= 16; c += 16) sum_channels_q8(args, c, 1);
  for (; args->channels - c >= 8; c += 8) sum_eight_q8(args, c);
  mn_sum_args rest = *args;
  rest.in = (const uint8_t *)args->in + c;
  rest.sums = (int32_t *)args->sums + c;
  rest.channels -= c;
  if (rest.channels > 0) mn_sum_q8_ref(&rest);
}
