/* SPDX-License-Identifier: Apache-2.0
 * Hard-swish of one 8-bit code in 16-bit fixed point, as LiteRT's reference kernel computes it
 * (reference/hard_swish.h). Ops fill a 256-entry table with it. */
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"

static int32_t saturate_i16(int64_t x) {
  return x < INT16_MIN ? INT16_MIN : x > INT16_MAX ? INT16_MAX : (int32_t)x;
}

/* round(a * b / 2^15), ties up, for 16-bit a and b. */
static int32_t high_mul_i16(int32_t a, int32_t b) {
  return saturate_i16((a * b + (1 << 14)) >> 15);
}

/* x * 3/32768-scale multiplier: 1.0 in 15 bits is a real 3, saturated. */
static int32_t scale_to_unit(const mn_hard_swish_q8 *args, int32_t x) {
  int32_t exponent = args->relu_exponent;
  if (exponent > 0) x = saturate_i16(x * ((int64_t)1 << (exponent - 1)));
  x = high_mul_i16(x, args->relu_multiplier);
  if (exponent > 0) x = saturate_i16((int64_t)x * 2);
  return exponent < 0 ? mn_rounding_shift(x, -exponent) : x;
}

int32_t mn_hard_swish_code_ref(const mn_hard_swish_q8 *args, int32_t code) {
  int32_t x = (code - args->in_zero) * 128;
  int32_t scaled = high_mul_i16(x, args->out_multiplier);
  int32_t gate = (scale_to_unit(args, x) + (1 << 15)) >> 1;
  int32_t product = gate * scaled / (1 << 15); /* toward zero: cancels the roundings' bias */
  int32_t out = mn_rounding_shift(product, -args->out_exponent);
  out = (int16_t)(out + args->out_zero); /* wraps in 16 bits, as there */
  return mn_clamp_i32(out, args->code_min, args->code_max);
}
