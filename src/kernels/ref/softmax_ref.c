/* SPDX-License-Identifier: Apache-2.0
 * Softmax of one row. The 8-bit one is LiteRT's reference kernel (reference/softmax.h): fixed
 * point throughout, with gemmlowp's exponential and reciprocal. Since a difference from the maximum
 * is one of 256 numbers, the exponentials are a table. Qm.n: m integer bits, n fractional bits. */
#include <math.h>

#include "kernels/ref/exp_f32.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/softmax_q8.h"

void mn_softmax_f32_ref(const mn_softmax_f32_args *args) {
  enum { SUMS = 16 };
  float max = -INFINITY, sums[SUMS] = {0};
  for (size_t i = 0; i < args->count; i++) max = args->in[i] > max ? args->in[i] : max;
  for (size_t i = 0; i < args->count; i++) {
    args->out[i] = mn_exp_one_f32((args->in[i] - max) * args->beta);
    sums[i % SUMS] += args->out[i];
  }
  for (int half = SUMS / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++) sums[i] += sums[i + half];
  }
  for (size_t i = 0; i < args->count; i++) args->out[i] /= sums[0];
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

void mn_softmax_table_ref(int32_t table[256], int32_t multiplier, int32_t left_shift) {
  int64_t radius = ((int64_t)31 << 26) >> left_shift; /* differences beyond it count as none */
  for (int32_t d = 0; d < 256; d++) {
    table[d] = d > radius ? 0 : exp_negative(mn_multiply_quantized(-d, multiplier, left_shift));
  }
}

void mn_softmax_q8_ref(const mn_softmax_q8_args *args) {
  const uint8_t flip = args->flip;
  uint8_t max = 0;
  for (size_t i = 0; i < args->count; i++) {
    const uint8_t code = args->in[i] ^ flip;
    max = code > max ? code : max;
  }
  int64_t sum = 0;
  for (size_t i = 0; i < args->count; i++) {
    sum += mn_softmax_term(args->table[max - (args->in[i] ^ flip)]);
  }
  const mn_softmax_scale scale = mn_softmax_scale_of(sum);
  for (size_t i = 0; i < args->count; i++) {
    args->out[i] = mn_softmax_code(args->table[max - (args->in[i] ^ flip)], scale) ^ flip;
  }
}
