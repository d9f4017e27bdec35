/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution in 8 bits, the plain definition. Panels of one channel and one tap, so
 * weights are [c][taps]. mn_graph_verify bounds every partial sum. */
#include "kernels/kernels.h"
#include "kernels/ref/requant_code.h"

void mn_dw_q8_ref(const mn_dw_q8_args *args) {
  const mn_requant *requant = &args->requant;
  for (size_t p = 0; p < args->pixels; p++) {
    const uint8_t *const *taps = args->taps + p * args->taps_count; /* [taps] of [c] */
    uint8_t *out = args->out + p * args->out_stride;                /* [c] */
    for (size_t c = 0; c < args->channels; c++) {
      const int16_t *weights = args->weights + c * args->taps_count; /* [taps] */
      int32_t sum = args->bias[c];
      for (size_t t = 0; t < args->taps_count; t++) {
        sum += (int32_t)(taps[t][c] ^ args->flip) * weights[t];
      }
      out[c] = mn_requant_code(requant, c, sum);
    }
  }
}
