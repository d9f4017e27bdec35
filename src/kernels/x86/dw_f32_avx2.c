/* SPDX-License-Identifier: Apache-2.0
 * Float depthwise convolution, any number of taps: 4 pixels x 16 channels at a time, so that a
 * tap's weights are loaded once for four pixels and a tap's pointer once for two vectors. Pixels
 * go in runs short enough for their input to stay in L1 from one channel block to the next. */
#include "kernels/kernels.h"
#include "kernels/x86/simd_avx2.h"

enum { PIXELS = 4, COLS = 16, RUN = 16 };

/* `pixels` x `count` channels (at most COLS; `vectors` of 8 hold them) from pixel p, channel c. */
MN_INLINE void tile(const mn_dw_f32_args *args, size_t p, size_t c, size_t count, const int pixels,
                    const int vectors) {
  const size_t taps_count = args->taps_count;
  const float *const *taps = args->taps + p * taps_count; /* [pixels][taps_count] */
  const float *w = args->weights + c * taps_count;        /* [taps_count][COLS] */
  const int tail = vectors - 1;
  const size_t last = count - (size_t)(8 * tail); /* channels in the last vector */
  __m256 sum[PIXELS][2];
  MN_UNROLL for (int i = 0; i < pixels; i++) {
    MN_UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = _mm256_loadu_ps(args->bias + c + 8 * j);
  }
  for (size_t t = 0; t < taps_count; t++, w += COLS) {
    const __m256 w0 = _mm256_loadu_ps(w), w1 = _mm256_loadu_ps(w + 8);
    MN_UNROLL for (int i = 0; i < pixels; i++) {
      const float *x = taps[(size_t)i * taps_count + t] + c;
      if (vectors == 2) sum[i][0] = _mm256_fmadd_ps(_mm256_loadu_ps(x), w0, sum[i][0]);
      sum[i][tail] =
          _mm256_fmadd_ps(load_f32_avx2(x + 8 * tail, last), tail ? w1 : w0, sum[i][tail]);
    }
  }
  const __m256 lo = _mm256_set1_ps(args->lo), hi = _mm256_set1_ps(args->hi);
  MN_UNROLL for (int i = 0; i < pixels; i++) {
    float *out = args->out + (p + (size_t)i) * args->out_stride + c;
    if (vectors == 2) _mm256_storeu_ps(out, clamp_f32_avx2(sum[i][0], lo, hi));
    store_f32_avx2(out + 8 * tail, clamp_f32_avx2(sum[i][tail], lo, hi), last);
  }
}

/* Pixels [p, end), `count` channels from c; whole vectors get code without masks. */
MN_INLINE void run(const mn_dw_f32_args *args, size_t p, size_t end, size_t c, size_t count,
                   const int vectors) {
  for (; end - p >= PIXELS; p += PIXELS) tile(args, p, c, count, PIXELS, vectors);
  for (; p < end; p++) tile(args, p, c, count, 1, vectors);
}

void mn_dw_f32_4x16_avx2(const mn_dw_f32_args *args) {
  for (size_t p = 0; p < args->pixels; p += RUN) {
    const size_t end = args->pixels - p > RUN ? p + RUN : args->pixels;
    for (size_t c = 0; c < args->channels; c += COLS) {
      const size_t count = args->channels - c;
      if (count >= COLS) {
        run(args, p, end, c, COLS, 2);
      } else if (count > 8) {
        run(args, p, end, c, count, 2);
      } else if (count == 8) {
        run(args, p, end, c, 8, 1);
      } else {
        run(args, p, end, c, count, 1);
      }
    }
  }
}
