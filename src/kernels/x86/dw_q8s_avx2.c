/* SPDX-License-Identifier: Apache-2.0
 * 8-bit depthwise convolution by vpmaddwd: the bytes of two input rows are interleaved and widened
 * to 16 bits; pairs are multiplied by those of the weights and added, exactly. Flipped codes are
 * signed ones plus 128, so they are widened as signed bytes and 128 times the sum of the weights
 * waits in the bias. */
#include "kernels/x86/dw_q8s_rows.h"

MN_INLINE void pair_up(__m256i *out, const __m128i *rows, uint8_t flip) {
  const __m128i low = _mm_unpacklo_epi8(rows[0], rows[1]);
  const __m128i high = _mm_unpackhi_epi8(rows[0], rows[1]);
  out[0] = flip ? _mm256_cvtepi8_epi16(low) : _mm256_cvtepu8_epi16(low);
  out[1] = flip ? _mm256_cvtepi8_epi16(high) : _mm256_cvtepu8_epi16(high);
}

MN_INLINE void dot_pairs(__m256i *sum, __m256i codes, __m256i weights) {
  accumulate_avx2(sum, _mm256_madd_epi16(codes, weights));
}

/* Weights of one pair of rows and one tap, the planes added up. */
static void sum_planes(const dw_block *x, __m256i *to, size_t k, size_t t) {
  const mn_dw_window *w = x->args->strip.window;
  const size_t plane_bytes = w->kernel_h * w->kernel_w * DW_COLS;
  const int8_t *plane = x->args->weights + x->channel / DW_COLS * x->args->planes * plane_bytes;
  to[0] = to[1] = _mm256_setzero_si256();
  for (size_t p = 0; p < x->args->planes; p++, plane += plane_bytes) {
    const __m128i rows[2] = {dw_load_weights(x, plane, k, t), dw_load_weights(x, plane, k + 1, t)};
    __m256i part[2];
    pair_up(part, rows, 0x80);
    to[0] = _mm256_add_epi16(to[0], part[0]);
    to[1] = _mm256_add_epi16(to[1], part[1]);
  }
}

static void load_pairs(dw_block *x) {
  const mn_dw_q8s_args *args = x->args;
  const size_t taps = args->strip.window->kernel_w;
  const __m256i flip = _mm256_set1_epi16(args->flip);
  for (size_t half = 0; half < 2; half++) {
    const void *from = args->bias + x->channel + 8 * half;
    x->bias[half] = _mm256_loadu_si256((const __m256i *)from);
  }
  for (size_t i = 0; i < x->groups * taps; i++) {
    sum_planes(x, x->weights[i][0], 2 * (i / taps), i % taps);
    sum_planes(x, x->weights[i][1], 2 * (i / taps) - 1, i % taps); /* wraps above the kernel */
    accumulate_avx2(&x->bias[0], _mm256_madd_epi16(x->weights[i][0][0], flip));
    accumulate_avx2(&x->bias[1], _mm256_madd_epi16(x->weights[i][0][1], flip));
  }
}

void mn_dw_q8s_16_avx2(const mn_dw_q8s_args *args) {
  static const dw_way pairs = {2, pair_up, dot_pairs, load_pairs};
  dw_run(args, &pairs);
}
