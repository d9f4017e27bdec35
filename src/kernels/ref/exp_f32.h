/* SPDX-License-Identifier: Apache-2.0
 * exp and the logistic function in float, without libm, the same on every platform.
 * exp: x = n ln2 + r with |r| <= ln2/2 and ln2 in two parts; e^r = 1 + r + r^2 p(r), p of degree 5
 * fitted to (e^r - 1 - r) / r^2 by Lawson's iteration (weighted least squares, the fit is off by
 * less than 0.001 of half an ulp). Error against double: below 1 ulp for exp, 2.5 ulp for the
 * logistic function, results below FLT_MIN apart (tests/unit/test_exp_f32.c). NaN in, NaN out. */
#ifndef MN_KERNELS_REF_EXP_F32_H
#define MN_KERNELS_REF_EXP_F32_H

#include <stdint.h>

/* 2^n, -126 <= n <= 127 */
static inline float mn_power_of_two_f32(int32_t n) {
  union {
    uint32_t bits;
    float value;
  } power;
  power.bits = (uint32_t)(n + 127) << 23;
  return power.value;
}

static inline float mn_exp_one_f32(float x) {
  const float log2e = 1.44269504f;
  const float ln2_high = 0.693145752f, ln2_low = 1.42860677e-6f; /* high: 16 bits, n * high exact */
  if (!(x > -104.0f)) return x == x ? 0.0f : x;
  if (x > 88.8f) x = 88.8f; /* becomes infinite below */
  int32_t n = (int32_t)(x * log2e + (x < 0.0f ? -0.5f : 0.5f));
  float r = (x - (float)n * ln2_high) - (float)n * ln2_low;
  float p = 1.97902482e-4f;
  p = p * r + 1.39447593e-3f;
  p = p * r + 8.33349768e-3f;
  p = p * r + 4.16662954e-2f;
  p = p * r + 1.66666657e-1f;
  p = p * r + 0.5f;
  float e = 1.0f + (r + r * r * p);
  int32_t half = n / 2; /* two factors: 2^n alone need not be a float */
  return e * mn_power_of_two_f32(half) * mn_power_of_two_f32(n - half);
}

/* 1 / (1 + e^-x), from the exponential that does not overflow. */
static inline float mn_logistic_one_f32(float x) {
  float e = mn_exp_one_f32(x < 0.0f ? x : -x);
  return x < 0.0f ? e / (1.0f + e) : 1.0f / (1.0f + e);
}

#endif
