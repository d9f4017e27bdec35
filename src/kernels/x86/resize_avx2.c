/* SPDX-License-Identifier: Apache-2.0
 * Bilinear interpolation of an output row, 8 channels at a time: what depends on the row alone is
 * done once for every input pixel, in scratch. Float products and sums are those of the reference,
 * in its order; the integers of i8 are exact in any. */
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/x86/simd_avx2.h"

enum { LANES = 8 };

/* Channels of one pixel in scratch. */
MN_INLINE size_t wide_of(const mn_resize_row_args *args) {
  return (args->channels + LANES - 1) / LANES * LANES;
}

MN_INLINE __m128i load_8(const uint8_t *from, size_t live) {
  if (live >= LANES) return _mm_loadl_epi64((const __m128i *)(const void *)from);
  uint64_t bytes = 0;
  memcpy(&bytes, from, live);
  return _mm_cvtsi64_si128((int64_t)bytes);
}

MN_INLINE void store_8(uint8_t *to, __m128i x, size_t live) {
  if (live >= LANES) {
    _mm_storel_epi64((__m128i *)(void *)to, x);
  } else {
    const int64_t bytes = _mm_cvtsi128_si64(x);
    memcpy(to, &bytes, live);
  }
}

/* How many lanes of a pixel's last vector may be stored: all, where the next pixel of a dense row
 * overwrites what is too much. */
MN_INLINE size_t lanes_of(const mn_resize_row_args *args, size_t x, size_t c) {
  const size_t live = args->channels - c;
  const size_t behind = (args->out_width - 1 - x) * args->channels;
  if (live >= LANES) return LANES;
  return args->out_stride == args->channels && live + behind >= LANES ? LANES : live;
}

MN_INLINE __m256 load_real(const void *row, size_t at, size_t live, const int is_byte) {
  if (!is_byte) return load_f32_avx2((const float *)row + at, live);
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(load_8((const uint8_t *)row + at, live)));
}

/* Both rows of the input times their weights. */
MN_INLINE void weigh_rows(const mn_resize_row_args *args, float *lower, float *upper,
                          const int is_byte) {
  const __m256 upper_y = _mm256_set1_ps(args->row->weight);
  const __m256 lower_y = _mm256_set1_ps(1.0f - args->row->weight);
  const size_t wide = wide_of(args);
  for (size_t x = 0; x < args->in_width; x++) {
    for (size_t c = 0; c < args->channels; c += LANES) {
      const size_t at = x * args->in_stride + c, live = args->channels - c;
      const __m256 below = load_real(args->lower, at, live, is_byte);
      const __m256 above = load_real(args->upper, at, live, is_byte);
      _mm256_storeu_ps(lower + x * wide + c, _mm256_mul_ps(below, lower_y));
      _mm256_storeu_ps(upper + x * wide + c, _mm256_mul_ps(above, upper_y));
    }
  }
}

MN_INLINE void resize_real(const mn_resize_row_args *args, const int is_byte) {
  const size_t wide = wide_of(args);
  float *lower = args->scratch, *upper = lower + args->in_width * wide; /* [in_width][wide] */
  weigh_rows(args, lower, upper, is_byte);
  for (size_t x = 0; x < args->out_width; x++) {
    const mn_resize_tap *tap = &args->columns[x];
    const size_t l = (size_t)tap->lower * wide, u = (size_t)tap->upper * wide;
    const __m256 upper_x = _mm256_set1_ps(tap->weight);
    const __m256 lower_x = _mm256_set1_ps(1.0f - tap->weight);
    for (size_t c = 0; c < args->channels; c += LANES) {
      __m256 y = _mm256_mul_ps(_mm256_loadu_ps(lower + l + c), lower_x);
      y = _mm256_add_ps(y, _mm256_mul_ps(_mm256_loadu_ps(upper + l + c), lower_x));
      y = _mm256_add_ps(y, _mm256_mul_ps(_mm256_loadu_ps(lower + u + c), upper_x));
      y = _mm256_add_ps(y, _mm256_mul_ps(_mm256_loadu_ps(upper + u + c), upper_x));
      const size_t at = x * args->out_stride + c, lanes = lanes_of(args, x, c);
      if (!is_byte) {
        store_f32_avx2((float *)args->out + at, y, lanes);
        continue;
      }
      const __m256i whole = _mm256_cvttps_epi32(_mm256_add_ps(y, _mm256_set1_ps(0.5f)));
      const __m128i words =
          _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
      store_8((uint8_t *)args->out + at, _mm_packus_epi16(words, words), lanes);
    }
  }
}

void mn_resize_f32_avx2(const mn_resize_row_args *args) { resize_real(args, 0); }
void mn_resize_u8_avx2(const mn_resize_row_args *args) { resize_real(args, 1); }

/* The column of each input pixel, with 10 fractional bits. */
static void blend_rows_i8(const mn_resize_row_args *args, int32_t *blended) {
  const __m256i upper_y = _mm256_set1_epi32(args->row->fixed);
  const __m256i lower_y = _mm256_set1_epi32((1 << 10) - args->row->fixed);
  const size_t wide = wide_of(args);
  for (size_t x = 0; x < args->in_width; x++) {
    for (size_t c = 0; c < args->channels; c += LANES) {
      const size_t at = x * args->in_stride + c, live = args->channels - c;
      const __m256i below = _mm256_cvtepi8_epi32(load_8((const uint8_t *)args->lower + at, live));
      const __m256i above = _mm256_cvtepi8_epi32(load_8((const uint8_t *)args->upper + at, live));
      const __m256i sum =
          _mm256_add_epi32(_mm256_mullo_epi32(below, lower_y), _mm256_mullo_epi32(above, upper_y));
      _mm256_storeu_si256((__m256i *)(void *)(blended + x * wide + c), sum);
    }
  }
}

MN_INLINE __m256i column_i8(const int32_t *blended, __m256i weight) {
  return _mm256_mullo_epi32(_mm256_loadu_si256((const __m256i *)(const void *)blended), weight);
}

void mn_resize_i8_avx2(const mn_resize_row_args *args) {
  const __m256i half = _mm256_set1_epi32(1 << 19);
  const size_t wide = wide_of(args);
  int32_t *blended = args->scratch; /* [in_width][wide] */
  blend_rows_i8(args, blended);
  for (size_t x = 0; x < args->out_width; x++) {
    const mn_resize_tap *tap = &args->columns[x];
    const int32_t *l = blended + (size_t)tap->lower * wide;
    const int32_t *u = blended + (size_t)tap->upper * wide;
    const __m256i upper_x = _mm256_set1_epi32(tap->fixed);
    const __m256i lower_x = _mm256_set1_epi32((1 << 10) - tap->fixed);
    for (size_t c = 0; c < args->channels; c += LANES) {
      const __m256i sum = _mm256_add_epi32(column_i8(l + c, lower_x), column_i8(u + c, upper_x));
      /* half away from zero */
      const __m256i size = _mm256_srli_epi32(_mm256_add_epi32(_mm256_abs_epi32(sum), half), 20);
      const __m256i whole = _mm256_sign_epi32(size, sum);
      const __m128i words =
          _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
      store_8((uint8_t *)args->out + x * args->out_stride + c, _mm_packs_epi16(words, words),
              lanes_of(args, x, c));
    }
  }
}
