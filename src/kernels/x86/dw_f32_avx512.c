/* SPDX-License-Identifier: Apache-2.0
 * Float depthwise convolution, any number of taps: 4 pixels x 32 channels at a time; see
 * dw_f32_avx2.c. Masks make the last channels cost what a whole vector costs. */
#include "kernels/kernels.h"
#include "kernels/x86/simd_avx512.h"

enum { PIXELS = 4, COLS = 32, RUN = 16 };

/* `pixels` x 16 * vectors channels from pixel p, channel c; `last` masks the last vector. */
MN_INLINE void tile(const mn_dw_f32_args *args, size_t p, size_t c, __mmask16 last,
                    const int pixels, const int vectors) {
  const size_t taps_count = args->taps_count;
  const float *const *taps = args->taps + p * taps_count; /* [pixels][taps_count] */
  const float *w = args->weights + c * taps_count;        /* [taps_count][COLS] */
  const int tail = vectors - 1;
  __m512 sum[PIXELS][2];
  MN_UNROLL for (int i = 0; i < pixels; i++) {
    MN_UNROLL for (int j = 0; j < vectors; j++) {
      sum[i][j] = _mm512_loadu_ps(args->bias + c + 16 * j);
    }
  }
  for (size_t t = 0; t < taps_count; t++, w += COLS) {
    const __m512 w0 = _mm512_loadu_ps(w), w1 = _mm512_loadu_ps(w + 16);
    MN_UNROLL for (int i = 0; i < pixels; i++) {
      const float *x = taps[(size_t)i * taps_count + t] + c;
      if (tail) sum[i][0] = _mm512_fmadd_ps(_mm512_loadu_ps(x), w0, sum[i][0]);
      sum[i][tail] =
          _mm512_fmadd_ps(_mm512_maskz_loadu_ps(last, x + 16 * tail), tail ? w1 : w0, sum[i][tail]);
    }
  }
  const __m512 lo = _mm512_set1_ps(args->lo), hi = _mm512_set1_ps(args->hi);
  MN_UNROLL for (int i = 0; i < pixels; i++) {
    float *out = args->out + (p + (size_t)i) * args->out_stride + c;
    if (tail) _mm512_storeu_ps(out, clamp_f32_avx512(sum[i][0], lo, hi));
    _mm512_mask_storeu_ps(out + 16 * tail, last, clamp_f32_avx512(sum[i][tail], lo, hi));
  }
}

MN_INLINE void run(const mn_dw_f32_args *args, size_t p, size_t end, size_t c, const int vectors) {
  const __mmask16 last = first_lanes_avx512(args->channels - c - (size_t)(16 * (vectors - 1)));
  for (; end - p >= PIXELS; p += PIXELS) tile(args, p, c, last, PIXELS, vectors);
  for (; p < end; p++) tile(args, p, c, last, 1, vectors);
}

void mn_dw_f32_4x32_avx512(const mn_dw_f32_args *args) {
  for (size_t p = 0; p < args->pixels; p += RUN) {
    const size_t end = args->pixels - p > RUN ? p + RUN : args->pixels;
    for (size_t c = 0; c < args->channels; c += COLS) {
      if (args->channels - c > 16) {
        run(args, p, end, c, 2);
      } else {
        run(args, p, end, c, 1);
      }
    }
  }
}
