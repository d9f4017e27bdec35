/* SPDX-License-Identifier: Apache-2.0
 * Softmax of one row. The 8-bit one is LiteRT's reference kernel (reference/softmax.h): fixed
 * point throughout, with gemmlowp's exponential and reciprocal. Since a difference from the maximum
 * is one of 256 numbers, the exponentials are a table. Qm.n: m integer bits, n fractional bits. */
#include "kernels/ref/exp_f32.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"

void mn_softmax_f32_ref(const float *in, float *out, size_t count, float beta) {
  float max = in[0];
  for (size_t i = 1; i < count; i++) max = in[i] > max ? in[i] : max;
  float sum = 0.0f;
  for (size_t i = 0; i < count; i++) {
    out[i] = mn_exp_one_f32((in[i] - max) * beta);
    sum += out[i];
  }
  for (size_t i = 0; i < count; i++) out[i] /= sum;
}

/* e^a for -1/4 <= a < 0, both Q0.31: Taylor's series to the fourth power around -1/8. */
static int32_t exp_near_zero(int32_t a) {
  const int32_t exp_of_centre = 1895147668; /* e^(-1/8) */
  const int32_t third = 715827883;
  int32_t x = a + (1 << 28);
  int32_t x2 = mn_high_mul(x, x);
  int32_t x3 = mn_high_mul(x2, x);
  int32_t x4_fourth = mn_rounding_shift(mn_high_mul(x2, x2), 2);
  int32_t tail = mn_rounding_shift(mn_high_mul(x4_fourth + x3, third) + x2, 1);
  return exp_of_centre + mn_high_mul(exp_of_centre, x + tail);
}

/* e^a for a <= 0 in Q5.26, as Q0.31: the part within a quarter, times e^-(2^k) for every bit of
 * what is left. */
static int32_t exp_negative(int32_t a) {
  static const int32_t factors[7] = {
      /* e^-(2^k), k = -2..4 */
      1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  if (a == 0) return INT32_MAX;
  const int32_t quarter = 1 << 24;
  int32_t within = (a & (quarter - 1)) - quarter;
  int32_t rest = within - a;
  int32_t result = exp_near_zero(within * 32);
  for (int k = 0; k < 7; k++) {
    if (rest & (1 << (24 + k))) result = mn_high_mul(result, factors[k]);
  }
  return result;
}

/* 1 / (1 + a) for 0 <= a < 1, both Q0.31: three Newton steps from 48/17 - 32/17 d, in Q2.29. */
static int32_t one_over_one_plus(int32_t a) {
  int32_t half_denominator = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
  int32_t x = 1515870810 + mn_high_mul(half_denominator, -1010580540);
  for (int step = 0; step < 3; step++) {
    int32_t error = (1 << 29) - mn_high_mul(half_denominator, x);
    x += mn_high_mul(x, error) * 4;
  }
  return x > INT32_MAX / 2 ? INT32_MAX : x * 2;
}

void mn_softmax_table_ref(int32_t table[256], int32_t multiplier, int32_t left_shift) {
  int64_t radius = ((int64_t)31 << 26) >> left_shift; /* differences beyond it count as none */
  for (int32_t d = 0; d < 256; d++) {
    table[d] = d > radius ? 0 : exp_negative(mn_multiply_quantized(-d, multiplier, left_shift));
  }
}

static int32_t leading_zeros(uint32_t x) {
  int32_t zeros = 0;
  for (; zeros < 32 && !(x >> 31); zeros++) x <<= 1;
  return zeros;
}

void mn_softmax_q8_ref(const uint8_t *in, uint8_t *out, size_t count, const int32_t table[256],
                       uint8_t flip) {
  uint8_t max = 0;
  for (size_t i = 0; i < count; i++) max = (in[i] ^ flip) > max ? (uint8_t)(in[i] ^ flip) : max;
  int64_t exact_sum = 0; /* Q12.19 */
  for (size_t i = 0; i < count; i++) {
    exact_sum += mn_rounding_shift(table[max - (in[i] ^ flip)], 12);
  }
  int32_t sum = exact_sum > INT32_MAX ? INT32_MAX : (int32_t)exact_sum;
  int32_t headroom = leading_zeros((uint32_t)sum);
  int32_t scale = one_over_one_plus((int32_t)(((uint32_t)sum << headroom) - (1u << 31)));
  int32_t exponent = 12 - headroom + 31 - 8;
  for (size_t i = 0; i < count; i++) {
    int32_t product = mn_high_mul(scale, table[max - (in[i] ^ flip)]);
    int32_t code = exponent > 31 ? 0 : mn_rounding_shift(product, exponent);
    out[i] = (uint8_t)(mn_clamp_i32(code, 0, 255) ^ flip);
  }
}
