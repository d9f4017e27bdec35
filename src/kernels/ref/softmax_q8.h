/* SPDX-License-Identifier: Apache-2.0
 * What LiteRT's softmax of codes does with exponentials, which are in 31 fractional bits: their sum
 * (Q12.19), its reciprocal by gemmlowp's Newton steps, and the code of each. Qm.n: m integer bits,
 * n fractional bits (reference/softmax.h). */
#ifndef MN_KERNELS_REF_SOFTMAX_Q8_H
#define MN_KERNELS_REF_SOFTMAX_Q8_H

#include "kernels/ref/requant.h"

/* What an exponential adds to the sum. */
static inline int32_t mn_softmax_term(int32_t e) { return mn_rounding_shift(e, 12); }

/* 1 / (1 + a) for 0 <= a < 1, both Q0.31: three Newton steps from 48/17 - 32/17 d, in Q2.29. */
static inline int32_t mn_one_over_one_plus(int32_t a) {
  int32_t half_denominator = (int32_t)(((int64_t)a + INT32_MAX + 1) / 2);
  int32_t x = 1515870810 + mn_high_mul(half_denominator, -1010580540);
  for (int step = 0; step < 3; step++) {
    int32_t error = (1 << 29) - mn_high_mul(half_denominator, x);
    x += mn_high_mul(x, error) * 4;
  }
  return x > INT32_MAX / 2 ? INT32_MAX : x * 2;
}

static inline int32_t mn_leading_zeros(uint32_t x) {
  int32_t zeros = 0;
  for (; zeros < 32 && !(x >> 31); zeros++) x <<= 1;
  return zeros;
}

/* The reciprocal of a sum, and the shift that takes its product with an exponential to a code; more
 * than 31 makes all codes 0. */
typedef struct mn_softmax_scale {
  int32_t factor, exponent;
} mn_softmax_scale;

static inline mn_softmax_scale mn_softmax_scale_of(int64_t exact_sum) {
  const int32_t sum = exact_sum > INT32_MAX ? INT32_MAX : (int32_t)exact_sum;
  const int32_t headroom = mn_leading_zeros((uint32_t)sum);
  const int32_t factor = mn_one_over_one_plus((int32_t)(((uint32_t)sum << headroom) - (1u << 31)));
  return (mn_softmax_scale){factor, 12 - headroom + 31 - 8};
}

static inline uint8_t mn_softmax_code(int32_t e, mn_softmax_scale scale) {
  if (scale.exponent > 31) return 0;
  return (uint8_t)mn_clamp_i32(mn_rounding_shift(mn_high_mul(scale.factor, e), scale.exponent), 0,
                               255);
}

#endif
