/* SPDX-License-Identifier: Apache-2.0
 * Average and maximum of a window, channel by channel. u8 averages round ties up, i8 averages round
 * ties away from zero; the two differ for negative halves
 * (LiteRT reference/pooling.h and reference/integer_ops/pooling.h). */
#include <float.h>

#include "kernels/ref/clamp_f32.h"
#include "kernels/ref/real_code.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"

void mn_average_f32_ref(const mn_pool_args *args) {
  const float *sums = args->sums;
  float *out = args->out, count = (float)(args->rows * args->cols);
  for (size_t c = 0; c < args->channels; c++) {
    out[c] = mn_clamp_one_f32(sums[c] / count, args->lo, args->hi);
  }
}

void mn_average_u8_ref(const mn_pool_args *args) {
  const int32_t *sums = args->sums, count = (int32_t)(args->rows * args->cols);
  uint8_t *out = args->out;
  for (size_t c = 0; c < args->channels; c++) {
    int32_t average = (sums[c] + count / 2) / count;
    out[c] = (uint8_t)mn_clamp_i32(average, args->code_lo, args->code_hi);
  }
}

void mn_average_i8_ref(const mn_pool_args *args) {
  const int32_t *sums = args->sums, count = (int32_t)(args->rows * args->cols);
  int8_t *out = args->out;
  for (size_t c = 0; c < args->channels; c++) {
    int32_t sum = sums[c] - 128 * count; /* of signed codes */
    int32_t average = (sum + (sum > 0 ? count / 2 : -(count / 2))) / count;
    out[c] = (int8_t)mn_clamp_i32(average, args->code_lo, args->code_hi);
  }
}

/* The average of what the codes stand for, in codes of the output (onnxruntime's
 * QLinearAveragePool, but for the order of additions). */
void mn_average_real_ref(const mn_pool_args *args) {
  const int32_t *sums = args->sums, count = (int32_t)(args->rows * args->cols);
  uint8_t *out = args->out;
  float scale = args->in_scale / (args->out_scale * (float)count);
  for (size_t c = 0; c < args->channels; c++) {
    float steps = (float)(sums[c] - count * args->in_zero) * scale;
    out[c] = (uint8_t)mn_code_of_steps(steps, args->out_zero, args->code_lo, args->code_hi);
  }
}

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
