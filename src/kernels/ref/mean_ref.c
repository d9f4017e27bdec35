/* SPDX-License-Identifier: Apache-2.0
 * From sums to means in 8 bits: one requantization whose multiplier has 1 / count folded in (LiteRT
 * reference/reduce.h, QuantizedMeanOrSum). */
#include "kernels/ref/real_code.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"

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
