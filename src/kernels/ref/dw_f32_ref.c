/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution in float, the plain definition: bias first, then taps in ascending order,
 * each product rounded before it is added. Panels of one channel, so weights are [c][taps]. */
#include "kernels/kernels.h"
#include "kernels/ref/clamp_f32.h"

void mn_dw_f32_ref(const mn_dw_f32_args *args) {
  for (size_t p = 0; p < args->pixels; p++) {
    const float *const *taps = args->taps + p * args->taps_count; /* [taps] of [c] */
    float *out = args->out + p * args->out_stride;                /* [c] */
    for (size_t c = 0; c < args->channels; c++) {
      const float *weights = args->weights + c * args->taps_count; /* [taps] */
      float sum = args->bias[c];
      for (size_t t = 0; t < args->taps_count; t++) sum += taps[t][c] * weights[t];
      out[c] = mn_clamp_one_f32(sum, args->lo, args->hi);
    }
  }
}
