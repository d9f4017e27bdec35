/* SPDX-License-Identifier: Apache-2.0
 * The maximum of a window, channel by channel. */
#include <float.h>

#include "kernels/ref/clamp_f32.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"

void mn_max_pool_f32_ref(const mn_pool_args *args) {
  float *out = args->out;
  for (size_t c = 0; c < args->channels; c++) out[c] = -FLT_MAX;
  for (size_t y = 0; y < args->rows; y++) {
    for (size_t x = 0; x < args->cols; x++) {
      const float *in = (const float *)args->in + y * args->row_stride + x * args->pixel_stride;
      for (size_t c = 0; c < args->channels; c++) out[c] = in[c] > out[c] ? in[c] : out[c];
    }
  }
  for (size_t c = 0; c < args->channels; c++) {
    out[c] = mn_clamp_one_f32(out[c], args->lo, args->hi);
  }
}

void mn_max_pool_u8_ref(const mn_pool_args *args) {
  uint8_t *out = args->out;
  for (size_t c = 0; c < args->channels; c++) out[c] = 0;
  for (size_t y = 0; y < args->rows; y++) {
    for (size_t x = 0; x < args->cols; x++) {
      const uint8_t *in = (const uint8_t *)args->in + y * args->row_stride + x * args->pixel_stride;
      for (size_t c = 0; c < args->channels; c++) out[c] = in[c] > out[c] ? in[c] : out[c];
    }
  }
  for (size_t c = 0; c < args->channels; c++) {
    out[c] = (uint8_t)mn_clamp_i32(out[c], args->code_lo, args->code_hi);
  }
}

void mn_max_pool_i8_ref(const mn_pool_args *args) {
  int8_t *out = args->out;
  for (size_t c = 0; c < args->channels; c++) out[c] = INT8_MIN;
  for (size_t y = 0; y < args->rows; y++) {
    for (size_t x = 0; x < args->cols; x++) {
      const int8_t *in = (const int8_t *)args->in + y * args->row_stride + x * args->pixel_stride;
      for (size_t c = 0; c < args->channels; c++) out[c] = in[c] > out[c] ? in[c] : out[c];
    }
  }
  for (size_t c = 0; c < args->channels; c++) {
    out[c] = (int8_t)mn_clamp_i32(out[c], args->code_lo, args->code_hi);
  }
}
