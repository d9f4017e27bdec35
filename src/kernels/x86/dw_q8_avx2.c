/* SPDX-License-Identifier: Apache-2.0
 * 8-bit depthwise convolution, 4 pixels x 16 channels, two taps at a time: the bytes of two taps
 * are interleaved, widened to 16 bits and multiplied and added in pairs by vpmaddwd, exactly. */
#include "kernels/kernels.h"
#include "kernels/x86/requant_avx2.h"
#include "kernels/x86/simd_avx2.h"

enum { PIXELS = 4, COLS = 16, RUN = 64 };

/* One run of pixels in one channel block. */
typedef struct block {
  const mn_dw_q8_args *args;
  size_t channel;
  const int16_t *weights; /* [ceil(taps_count/2)][COLS][2] */
  __m256i bias[2];
  requant_avx2 requant;
} block;

/* sum[2 i + j] += the taps at `first` and `second` (none when NULL) of pixel i. */
MN_INLINE void add_pair(__m256i *sum, __m128i first, __m128i second, const __m256i *w,
                        const int vectors) {
  const __m256i low = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(first, second));
  accumulate_avx2(&sum[0], _mm256_madd_epi16(low, w[0]));
  if (vectors == 1) return;
  const __m256i high = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(first, second));
  accumulate_avx2(&sum[1], _mm256_madd_epi16(high, w[1]));
}

MN_INLINE void tile(const block *x, size_t p, size_t count, const int pixels, const int vectors) {
  const mn_dw_q8_args *args = x->args;
  const size_t taps_count = args->taps_count, c = x->channel;
  const uint8_t *const *taps = args->taps + p * taps_count; /* [pixels][taps_count] */
  const int16_t *weights = x->weights;
  const __m128i flips = _mm_set1_epi8((char)args->flip);
  __m256i sum[2 * PIXELS], w[2];
  MN_UNROLL for (int i = 0; i < pixels; i++) sum[2 * i] = x->bias[0], sum[2 * i + 1] = x->bias[1];
  for (size_t t = 0; t < taps_count; t += 2, weights += 2 * COLS) {
    w[0] = _mm256_loadu_si256((const __m256i *)weights);
    w[1] = _mm256_loadu_si256((const __m256i *)(weights + 16));
    const size_t next = t + 1 < taps_count ? t + 1 : t; /* an odd last tap meets a zero weight */
    MN_UNROLL for (int i = 0; i < pixels; i++) {
      const uint8_t *const *row = taps + (size_t)i * taps_count;
      const __m128i first = _mm_xor_si128(load_bytes_avx2(row[t] + c, count), flips);
      const __m128i second = _mm_xor_si128(load_bytes_avx2(row[next] + c, count), flips);
      add_pair(sum + 2 * i, first, second, w, vectors);
    }
  }
  MN_UNROLL for (int i = 0; i < pixels; i++) {
    const __m256i low = requant_codes_avx2(sum[2 * i], &x->requant, 0);
    const __m256i high = vectors == 2 ? requant_codes_avx2(sum[2 * i + 1], &x->requant, 1) : low;
    store_bytes_avx2(args->out + (p + (size_t)i) * args->out_stride + c, pack_codes_avx2(low, high),
                     count);
  }
}

MN_INLINE void run(const block *x, size_t p, size_t end, size_t count, const int vectors) {
  for (; end - p >= PIXELS; p += PIXELS) tile(x, p, count, PIXELS, vectors);
  for (; p < end; p++) tile(x, p, count, 1, vectors);
}

static void run_channels(const mn_dw_q8_args *args, size_t p, size_t end, size_t c) {
  const size_t left = args->channels - c;
  const block x = {.args = args,
                   .channel = c,
                   .weights = args->weights + c * ((args->taps_count + 1) & ~(size_t)1),
                   .bias = {_mm256_loadu_si256((const __m256i *)(args->bias + c)),
                            _mm256_loadu_si256((const __m256i *)(args->bias + c + 8))},
                   .requant = requant_load_avx2(&args->requant, c)};
  if (left >= COLS) {
    run(&x, p, end, COLS, 2);
  } else if (left == 8) {
    run(&x, p, end, 8, 1);
  } else {
    run(&x, p, end, left, 2);
  }
}

void mn_dw_q8_4x16_avx2(const mn_dw_q8_args *args) {
  for (size_t p = 0; p < args->pixels; p += RUN) {
    const size_t end = args->pixels - p > RUN ? p + RUN : args->pixels;
    for (size_t c = 0; c < args->channels; c += COLS) run_channels(args, p, end, c);
  }
}
