/* SPDX-License-Identifier: Apache-2.0
 * 8-bit depthwise convolution, 4 pixels x 16 channels, two taps at a time: the codes of two taps
 * are put side by side as 16-bit halves of a lane and multiplied and added by vpmaddwd. */
#include "kernels/kernels.h"
#include "kernels/x86/requant_avx512.h"
#include "kernels/x86/simd_avx512.h"

enum { PIXELS = 4, COLS = 16, RUN = 64 };

/* One channel block. */
typedef struct block {
  const mn_dw_q8_args *args;
  size_t channel;
  size_t count;
  __mmask16 live;
  const int16_t *weights; /* [ceil(taps_count/2)][COLS][2] */
  __m512i bias;
  requant_avx512 requant;
} block;

MN_INLINE __m512i lanes_of(const uint8_t *from, __mmask16 live) {
  return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(live, from));
}

MN_INLINE void tile(const block *x, size_t p, const int pixels) {
  const mn_dw_q8_args *args = x->args;
  const size_t taps_count = args->taps_count, c = x->channel;
  const uint8_t *const *taps = args->taps + p * taps_count; /* [pixels][taps_count] */
  const int16_t *weights = x->weights;
  const __m512i flips = _mm512_set1_epi32(args->flip | args->flip << 16);
  __m512i sum[PIXELS];
  MN_UNROLL for (int i = 0; i < PIXELS; i++) sum[i] = x->bias;
  for (size_t t = 0; t < taps_count; t += 2, weights += 2 * COLS) {
    const __m512i w = _mm512_loadu_si512(weights);
    const size_t next = t + 1 < taps_count ? t + 1 : t; /* an odd last tap meets a zero weight */
    MN_UNROLL for (int i = 0; i < pixels; i++) {
      const uint8_t *const *row = taps + (size_t)i * taps_count;
      const __m512i second = _mm512_slli_epi32(lanes_of(row[next] + c, x->live), 16);
      const __m512i pair = _mm512_or_si512(lanes_of(row[t] + c, x->live), second);
      accumulate_avx512(&sum[i], _mm512_madd_epi16(_mm512_xor_si512(pair, flips), w));
    }
  }
  requant_store_avx512(args->out + p * args->out_stride + c, args->out_stride, sum, (size_t)pixels,
                       1, x->count, &x->requant);
}

void mn_dw_q8_4x16_avx512(const mn_dw_q8_args *args) {
  for (size_t start = 0; start < args->pixels; start += RUN) {
    const size_t end = args->pixels - start > RUN ? start + RUN : args->pixels;
    for (size_t c = 0; c < args->channels; c += COLS) {
      const block x = {.args = args,
                       .channel = c,
                       .count = args->channels - c < COLS ? args->channels - c : COLS,
                       .live = first_lanes_avx512(args->channels - c),
                       .weights = args->weights + c * ((args->taps_count + 1) & ~(size_t)1),
                       .bias = _mm512_loadu_si512(args->bias + c),
                       .requant = requant_load_avx512(&args->requant, c, 1)};
      size_t p = start;
      for (; end - p >= PIXELS; p += PIXELS) tile(&x, p, PIXELS);
      for (; p < end; p++) tile(&x, p, 1);
    }
  }
}
