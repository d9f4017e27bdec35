/* SPDX-License-Identifier: Apache-2.0
 * Depthwise convolution in float, the plain definition: bias first, then taps in ascending order,
 * each product rounded before it is added. Panels of one channel, so weights are [c][kh][kw]. */
#include "kernels/kernels.h"
#include "kernels/ref/clamp_f32.h"

/* sum plus the taps of one row that meet channel c, for the output at column x. */
static float add_row(const mn_dw_strip *strip, const float *row, const float *weights, size_t x,
                     size_t c, float sum) {
  const mn_dw_window *w = strip->window;
  const float *zeros = strip->zeros;
  for (size_t t = 0; t < w->kernel_w; t++) {
    const size_t column = x * w->stride_w + t * w->dilation_w - w->pad_left; /* wraps if padded */
    const float *pixel = column < w->in_width ? row + column * strip->pixel_stride : zeros;
    sum += pixel[c] * weights[t];
  }
  return sum;
}

static float one_output(const mn_dw_f32_args *args, size_t y, size_t x, size_t c) {
  const mn_dw_window *w = args->strip.window;
  const float *weights = args->weights + c * w->kernel_h * w->kernel_w; /* [kh][kw] */
  float sum = args->bias[c];
  for (size_t k = 0; k < w->kernel_h; k++, weights += w->kernel_w) {
    const float *row = args->strip.rows[y * w->stride_h + k * w->dilation_h];
    if (row) sum = add_row(&args->strip, row, weights, x, c, sum);
  }
  return mn_finish_one_f32(sum, &args->finish);
}

void mn_dw_f32_ref(const mn_dw_f32_args *args) {
  const mn_dw_strip *strip = &args->strip;
  for (size_t y = 0; y < strip->height; y++) {
    for (size_t x = 0; x < strip->window->width; x++) {
      float *out = (float *)strip->out + y * strip->out_row_stride + x * strip->out_stride;
      for (size_t c = 0; c < strip->window->channels; c++) out[c] = one_output(args, y, x, c);
    }
  }
}
