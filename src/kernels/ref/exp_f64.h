/* SPDX-License-Identifier: Apache-2.0
 * exp in double, without libm, for the tables of quantized softmax and logistic: every platform
 * then builds the same table. x = n ln2 + r as in exp_f32.h; e^r by its Taylor series to r^13,
 * whose remainder is below 2^-57. Error below 1 ulp (tests/unit/test_exp_f32.c). |x| <= 700. */
#ifndef MN_KERNELS_REF_EXP_F64_H
#define MN_KERNELS_REF_EXP_F64_H

#include <stdint.h>

static inline double mn_exp_one_f64(double x) {
  static const double inverse_factorial[14] = {1.0,
                                               1.0,
                                               1.0 / 2,
                                               1.0 / 6,
                                               1.0 / 24,
                                               1.0 / 120,
                                               1.0 / 720,
                                               1.0 / 5040,
                                               1.0 / 40320,
                                               1.0 / 362880,
                                               1.0 / 3628800,
                                               1.0 / 39916800,
                                               1.0 / 479001600,
                                               1.0 / 6227020800.0};
  const double log2e = 1.4426950408889634;
  const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
  int32_t n = (int32_t)(x * log2e + (x < 0.0 ? -0.5 : 0.5));
  double r = (x - n * ln2_high) - n * ln2_low;
  double p = inverse_factorial[13];
  for (int i = 12; i >= 2; i--) p = p * r + inverse_factorial[i];
  double e = 1.0 + (r + r * r * p);
  union {
    uint64_t bits;
    double value;
  } power;
  power.bits = (uint64_t)(n + 1023) << 52;
  return e * power.value;
}

#endif
