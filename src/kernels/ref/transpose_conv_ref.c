/* SPDX-License-Identifier: Apache-2.0
 * Transposed convolution, one output pixel: taps are added one by one, then the sums become the
 * pixel. The sums of the 8-bit one are those of LiteRT's reference kernel
 * (reference/transpose_conv.h and reference/integer_ops/transpose_conv.h), in whatever order. */
#include "kernels/ref/clamp_f32.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/requant_code.h"

void mn_transpose_tap_f32_ref(const mn_transpose_tap_args *args, float *sums) {
  const float *x = args->x, *weights = args->weights;
  for (size_t i = 0; i < args->in_channels; i++, weights += args->out_channels) {
    for (size_t o = 0; o < args->out_channels; o++) sums[o] += x[i] * weights[o];
  }
}

void mn_transpose_tap_q8_ref(const mn_transpose_tap_args *args, int32_t *sums) {
  const uint8_t *x = args->x;
  const int16_t *weights = args->weights;
  for (size_t i = 0; i < args->in_channels; i++, weights += args->out_channels) {
    int32_t code = (x[i] ^ args->flip) - args->zero;
    for (size_t o = 0; o < args->out_channels; o++) sums[o] += code * weights[o];
  }
}

void mn_transpose_pixel_f32_ref(float *sums, size_t channels, float lo, float hi) {
  for (size_t o = 0; o < channels; o++) sums[o] = mn_clamp_one_f32(sums[o], lo, hi);
}

void mn_transpose_pixel_q8_ref(const int32_t *sums, uint8_t *out, size_t channels,
                               const mn_requant *requant) {
  for (size_t o = 0; o < channels; o++) out[o] = mn_requant_code(requant, o, sums[o]);
}
