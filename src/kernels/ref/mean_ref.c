/* SPDX-License-Identifier: Apache-2.0
 * Mean over any axes: sums in the input's order, then division (float) or one requantization whose
 * multiplier has 1 / count folded in (8 bit; LiteRT reference/reduce.h, QuantizedMeanOrSum). */
#include "kernels/ref/real_code.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"

/* Offset of the i-th reduced element; axes count outermost first. */
static size_t reduced_offset(const mn_sum_args *args, size_t i) {
  size_t offset = 0;
  for (int axis = MN_MEAN_AXES - 1; axis >= 0; axis--) {
    offset += i % args->count[axis] * args->stride[axis];
    i /= args->count[axis];
  }
  return offset;
}

static size_t reduced_count(const mn_sum_args *args) {
  size_t count = 1;
  for (int axis = 0; axis < MN_MEAN_AXES; axis++) count *= args->count[axis];
  return count;
}

void mn_sum_f32_ref(const mn_sum_args *args) {
  float *sums = args->sums;
  for (size_t c = 0; c < args->channels; c++) sums[c] = 0.0f;
  for (size_t i = 0, count = reduced_count(args); i < count; i++) {
    const float *in = (const float *)args->in + reduced_offset(args, i); /* [channels] */
    for (size_t c = 0; c < args->channels; c++) sums[c] += in[c];
  }
}

void mn_sum_u8_ref(const mn_sum_args *args) {
  int32_t *sums = args->sums;
  for (size_t c = 0; c < args->channels; c++) sums[c] = 0;
  for (size_t i = 0, count = reduced_count(args); i < count; i++) {
    const uint8_t *in = (const uint8_t *)args->in + reduced_offset(args, i); /* [channels] */
    for (size_t c = 0; c < args->channels; c++) sums[c] += in[c];
  }
}

void mn_sum_i8_ref(const mn_sum_args *args) {
  int32_t *sums = args->sums;
  for (size_t c = 0; c < args->channels; c++) sums[c] = 0;
  for (size_t i = 0, count = reduced_count(args); i < count; i++) {
    const int8_t *in = (const int8_t *)args->in + reduced_offset(args, i); /* [channels] */
    for (size_t c = 0; c < args->channels; c++) sums[c] += in[c];
  }
}

void mn_mean_prepare_q8_ref(mn_mean_q8 *mean, int64_t count, int32_t in_zero) {
  int32_t extra = 0; /* floor(log2(count)), at most 32 and what the shift has room for */
  while (extra < 32 && count >> (extra + 1) != 0) extra++;
  if (extra > 31 + mean->shift) extra = 31 + mean->shift;
  mean->multiplier = (int32_t)(((int64_t)mean->multiplier << extra) / count);
  mean->shift -= extra;
  mean->zero_sum = (int32_t)(count * in_zero);
}

uint8_t mn_mean_code_ref(const mn_mean_q8 *mean, int32_t sum) {
  int32_t code = mn_multiply_quantized(sum - mean->zero_sum, mean->multiplier, mean->shift);
  code = mn_wrapping_add(code, mean->out_zero);
  return (uint8_t)mn_clamp_i32(code, mean->out_min, mean->out_max);
}

uint8_t mn_mean_code_real_ref(const mn_mean_q8 *mean, int32_t sum) {
  float steps = (float)(sum - mean->zero_sum) * mean->scale;
  return (uint8_t)mn_code_of_steps(steps, mean->out_zero, mean->out_min, mean->out_max);
}
