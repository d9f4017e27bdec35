/* SPDX-License-Identifier: Apache-2.0
 * Average of a window from its sums, channel by channel; loops that a compiler makes vectors of, as
 * a division would not be. u8 averages round ties up, i8 averages round ties away from zero; the
 * two differ for negative halves (LiteRT reference/pooling.h and
 * reference/integer_ops/pooling.h). */
#include "kernels/ref/clamp_f32.h"
#include "kernels/ref/real_code.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"

void mn_add_sums_ref(int32_t *sums, const int32_t *more, size_t channels) {
  for (size_t c = 0; c < channels; c++) sums[c] += more[c];
}

void mn_average_f32_ref(const mn_pool_args *args) {
  const float *sums = args->sums;
  float *out = args->out, count = (float)(args->rows * args->cols);
  for (size_t c = 0; c < args->channels; c++) {
    out[c] = mn_clamp_one_f32(sums[c] / count, args->lo, args->hi);
  }
}

/* x / count for 0 <= x < 2^31 and count <= 2^23 as a product with a number of 32 bits, which is
 * above 2^shift / count by less than one in 2^31 (Granlund and Montgomery, 1994). */
typedef struct divisor {
  uint32_t factor;
  int shift;
} divisor;

static divisor divisor_of(int32_t count) {
  int shift = 31;
  while (count > 1 << (shift - 31)) shift++;
  return (divisor){(uint32_t)(((uint64_t)1 << shift) / (uint64_t)count + 1), shift};
}

static int32_t divided(int32_t x, divisor by) {
  return (int32_t)((uint64_t)(uint32_t)x * by.factor >> by.shift);
}

void mn_average_u8_ref(const mn_pool_args *args) {
  const int32_t *sums = args->sums, count = (int32_t)(args->rows * args->cols);
  const divisor by = divisor_of(count);
  uint8_t *out = args->out;
  for (size_t c = 0; c < args->channels; c++) {
    int32_t average = divided(sums[c] + count / 2, by);
    out[c] = (uint8_t)mn_clamp_i32(average, args->code_lo, args->code_hi);
  }
}

void mn_average_i8_ref(const mn_pool_args *args) {
  const int32_t *sums = args->sums, count = (int32_t)(args->rows * args->cols);
  const divisor by = divisor_of(count);
  int8_t *out = args->out;
  for (size_t c = 0; c < args->channels; c++) {
    const int32_t sum = sums[c] - 128 * count; /* of signed codes */
    const int32_t size = divided((sum < 0 ? -sum : sum) + count / 2, by);
    const int32_t average = sum < 0 ? -size : size;
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
