/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution in 8 bits, the plain definition. Panels of one channel, so weights are
 * [c][planes][taps]. mn_graph_verify bounds every partial sum. */
#include "kernels/kernels.h"
#include "kernels/ref/requant_code.h"

/* Channel c of the column that tap t of output x meets, in a row or in padding. */
static uint8_t code_at(const mn_dw_strip *strip, const uint8_t *row, size_t x, size_t t, size_t c) {
  const mn_dw_window *w = strip->window;
  const size_t column = x * w->stride_w + t * w->dilation_w - w->pad_left; /* wraps to the left */
  const bool inside = row && column < w->in_width;
  return inside ? row[column * strip->pixel_stride + c] : ((const uint8_t *)strip->zeros)[c];
}

static int32_t sum_at(const mn_dw_q8s_args *args, size_t y, size_t x, size_t c) {
  const mn_dw_window *w = args->strip.window;
  const size_t taps = w->kernel_h * w->kernel_w;
  const int8_t *weights = args->weights + c * args->planes * taps;
  int32_t sum = args->bias[c];
  for (size_t k = 0; k < w->kernel_h; k++) {
    const uint8_t *row = args->strip.rows[y * w->stride_h + k * w->dilation_h];
    for (size_t t = 0; t < w->kernel_w; t++, weights++) {
      int32_t weight = 0;
      for (size_t p = 0; p < args->planes; p++) weight += weights[p * taps];
      sum += (code_at(&args->strip, row, x, t, c) ^ args->flip) * weight;
    }
  }
  return sum;
}

void mn_dw_q8s_ref(const mn_dw_q8s_args *args) {
  const mn_dw_strip *strip = &args->strip;
  for (size_t y = 0; y < strip->height; y++) {
    for (size_t x = 0; x < strip->window->width; x++) {
      uint8_t *out =
          (uint8_t *)strip->out + y * strip->out_row_stride + x * strip->out_stride; /* [c] */
      for (size_t c = 0; c < strip->window->channels; c++) {
        out[c] = mn_requant_code(&args->requant, c, sum_at(args, y, x, c));
      }
    }
  }
}
