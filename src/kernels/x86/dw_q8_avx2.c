/* SPDX-License-Identifier: Apache-2.0
 * 8-bit depthwise convolution, 4 pixels x 16 channels, two taps at a time: the bytes of two taps
 * are interleaved, widened to 16 bits and multiplied and added in pairs by vpmaddwd, exactly. */
#include "kernels/kernels.h"
#include "kernels/x86/requant_avx2.h"
#include "kernels/x86/simd_avx2.h"

enum { PIXELS = 4, COLS = 16, RUN = 64 };

/* One channel block. Flipped codes are signed ones plus 128, so they are widened as signed bytes
 * and 128 times the sum of the weights waits in the bias. */
typedef struct block {
  const mn_dw_q8_args *args;
  size_t channel;
  const int16_t *weights; /* [ceil(taps_count/2)][COLS][2] */
  __m256i bias[2];
  requant_avx2 requant;
} block;

MN_INLINE __m256i widen(__m128i codes, const int flipped) {
  return flipped ? _mm256_cvtepi8_epi16(codes) : _mm256_cvtepu8_epi16(codes);
}

/* sum[2] += two taps of 16 channels. */
MN_INLINE void add_pair(__m256i *sum, __m128i first, __m128i second, const __m256i *w,
                        const int flipped) {
  const __m256i low = widen(_mm_unpacklo_epi8(first, second), flipped);
  accumulate_avx2(&sum[0], _mm256_madd_epi16(low, w[0]));
  const __m256i high = widen(_mm_unpackhi_epi8(first, second), flipped);
  accumulate_avx2(&sum[1], _mm256_madd_epi16(high, w[1]));
}

MN_INLINE void tile(const block *x, size_t p, size_t count, const int pixels, const int flipped) {
  const mn_dw_q8_args *args = x->args;
  const size_t taps_count = args->taps_count, c = x->channel;
  const uint8_t *const *taps = args->taps + p * taps_count; /* [pixels][taps_count] */
  const int16_t *weights = x->weights;
  __m256i sum[2 * PIXELS], w[2];
  MN_UNROLL for (int i = 0; i < pixels; i++) sum[2 * i] = x->bias[0], sum[2 * i + 1] = x->bias[1];
  for (size_t t = 0; t < taps_count; t += 2, weights += 2 * COLS) {
    w[0] = _mm256_loadu_si256((const __m256i *)weights);
    w[1] = _mm256_loadu_si256((const __m256i *)(weights + 16));
    const size_t next = t + 1 < taps_count ? t + 1 : t; /* an odd last tap meets a zero weight */
    MN_UNROLL for (int i = 0; i < pixels; i++) {
      const uint8_t *const *row = taps + (size_t)i * taps_count;
      const __m128i first = load_bytes_avx2(row[t] + c, count);
      const __m128i second = load_bytes_avx2(row[next] + c, count);
      add_pair(sum + 2 * i, first, second, w, flipped);
    }
  }
  uint8_t *out = args->out + p * args->out_stride + c;
  requant_store_avx2(out, args->out_stride, sum, (size_t)pixels, count, &x->requant);
}

/* Whatever there is: odd channels, last pixels. */
static __attribute__((noinline)) void run_rest(const block *x, size_t p, size_t end, size_t count) {
  const int flipped = x->args->flip != 0;
  for (; end - p >= PIXELS; p += PIXELS) tile(x, p, count, PIXELS, flipped);
  for (; p < end; p++) tile(x, p, count, 1, flipped);
}

MN_INLINE void run_channels(const block *x, size_t p, size_t end, const int flipped) {
  const size_t left = x->args->channels - x->channel;
  for (; left >= COLS && end - p >= PIXELS; p += PIXELS) tile(x, p, COLS, PIXELS, flipped);
  if (p < end) run_rest(x, p, end, left < COLS ? left : COLS);
}

static block block_make(const mn_dw_q8_args *args, size_t c) {
  const size_t pairs = (args->taps_count + 1) / 2;
  block x = {.args = args,
             .channel = c,
             .weights = args->weights + c * 2 * pairs,
             .bias = {_mm256_loadu_si256((const __m256i *)(args->bias + c)),
                      _mm256_loadu_si256((const __m256i *)(args->bias + c + 8))},
             .requant = requant_load_avx2(&args->requant, c)};
  const __m256i flip = _mm256_set1_epi16(args->flip);
  for (size_t i = 0; i < 2 * pairs; i++) {
    const __m256i w = _mm256_loadu_si256((const __m256i *)(x.weights + 16 * i));
    accumulate_avx2(&x.bias[i % 2], _mm256_madd_epi16(w, flip));
  }
  return x;
}

void mn_dw_q8_4x16_avx2(const mn_dw_q8_args *args) {
  for (size_t p = 0; p < args->pixels; p += RUN) {
    const size_t end = args->pixels - p > RUN ? p + RUN : args->pixels;
    for (size_t c = 0; c < args->channels; c += COLS) {
      const block x = block_make(args, c);
      if (args->flip) {
        run_channels(&x, p, end, 1);
      } else {
        run_channels(&x, p, end, 0);
      }
    }
  }
}
