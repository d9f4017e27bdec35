/* SPDX-License-Identifier: Apache-2.0
 * Sums over a window, channel by channel, in the input's order. */
#include "kernels/kernels.h"

void mn_sum_f32_ref(const mn_sum_args *args) {
  float *sums = args->sums;
  for (size_t i = 0; i < args->rows * args->cols; i++) {
    const float *in = (const float *)args->in + i / args->cols * args->row_stride +
                      i % args->cols * args->pixel_stride;
    for (size_t c = 0; c < args->channels; c++) sums[c] += in[c];
  }
}

void mn_sum_q8_ref(const mn_sum_args *args) {
  int32_t *sums = args->sums;
  for (size_t i = 0; i < args->rows * args->cols; i++) {
    const uint8_t *in = (const uint8_t *)args->in + i / args->cols * args->row_stride +
                        i % args->cols * args->pixel_stride;
    for (size_t c = 0; c < args->channels; c++) sums[c] += in[c] ^ args->flip;
  }
}
