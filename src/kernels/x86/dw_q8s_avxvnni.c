/* SPDX-License-Identifier: Apache-2.0
 * 8-bit depthwise convolution by vpdpbusd for CPUs without AVX-512: the bytes of four input rows
 * are interleaved, so that a 32-bit lane holds one channel's column of four. */
#include "kernels/x86/dot_avxvnni.h"
#include "kernels/x86/dw_q8s_rows.h"

MN_INLINE void interleave(__m256i *out, const __m128i *rows) {
  const __m128i a = _mm_unpacklo_epi8(rows[0], rows[1]), b = _mm_unpackhi_epi8(rows[0], rows[1]);
  const __m128i c = _mm_unpacklo_epi8(rows[2], rows[3]), d = _mm_unpackhi_epi8(rows[2], rows[3]);
  out[0] = _mm256_set_m128i(_mm_unpackhi_epi16(a, c), _mm_unpacklo_epi16(a, c));
  out[1] = _mm256_set_m128i(_mm_unpackhi_epi16(b, d), _mm_unpacklo_epi16(b, d));
}

MN_INLINE void join_quads(__m256i *out, const __m128i *rows, uint8_t flip) {
  const __m256i flips = _mm256_set1_epi8((char)flip);
  __m256i quads[2];
  interleave(quads, rows);
  MN_UNROLL for (int i = 0; i < 2; i++) out[i] = _mm256_xor_si256(quads[i], flips);
}

static void load_quads(dw_block *x) {
  const mn_dw_q8s_args *args = x->args;
  const mn_dw_window *w = args->strip.window;
  const int8_t *plane = args->weights + x->channel * w->kernel_h * w->kernel_w;
  for (size_t half = 0; half < 2; half++) {
    const void *from = args->bias + x->channel + 8 * half;
    x->bias[half] = _mm256_loadu_si256((const __m256i *)from);
  }
  for (size_t i = 0; i < 2 * x->groups * w->kernel_w; i++) {
    const size_t o = i % 2, first = 4 * (i / 2 / w->kernel_w) - o; /* wraps above the kernel */
    __m128i rows[4];
    for (size_t k = 0; k < 4; k++) {
      rows[k] = dw_load_weights(x, plane, first + k, i / 2 % w->kernel_w);
    }
    interleave(x->weights[i / 2][o], rows);
  }
}

/* Weights of more than a byte are seldom. */
void mn_dw_q8s_16_avxvnni(const mn_dw_q8s_args *args) {
  static const dw_way quads = {4, join_quads, dot_avxvnni, load_quads};
  if (args->planes > 1) {
    mn_dw_q8s_16_avx2(args);
  } else {
    dw_run(args, &quads);
  }
}
