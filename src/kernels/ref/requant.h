/* SPDX-License-Identifier: Apache-2.0
 * From an int32 accumulator to an 8-bit code: multiplication by a real number held as a 31-bit
 * fraction and a power of two. It rounds twice (first to the high half of the product, then in the
 * right shift), as gemmlowp and LiteRT's reference kernels do (tflite/kernels/internal/common.cc
 * without TFLITE_SINGLE_ROUNDING). Freestanding; relies on >> of a negative number being
 * arithmetic, as every compiler we know makes it. */
#ifndef MN_KERNELS_REF_REQUANT_H
#define MN_KERNELS_REF_REQUANT_H

#include <stdint.h>

/* round(a * b / 2^31), ties toward +infinity. Saturates in the one case that does not fit. This is
 * gemmlowp's SaturatingRoundingDoublingHighMul: its nudge and truncating division come to the same
 * (tests/unit/test_requant.c). */
static inline int32_t mn_high_mul(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^exponent, rounded to nearest, ties away from zero. 0 <= exponent <= 31. */
static inline int32_t mn_rounding_shift(int32_t x, int32_t exponent) {
  int32_t mask = (int32_t)((1u << exponent) - 1u);
  int32_t threshold = (int32_t)((uint32_t)mask >> 1) + (x < 0);
  return (x >> exponent) + ((x & mask) > threshold);
}

/* x * multiplier * 2^(shift - 31). A left shift wraps, as it does there; verified graphs cannot
 * get that far. -31 <= shift <= 30.
 * Kernels may do both roundings at once: with m the multiplier, right = -shift, half = 2^right / 2,
 *
 *     floor((floor((x m + 2^30) / 2^31) + half - [x < 0]) / 2^right)
 *   = floor((x m + 2^30 + (half - [x < 0]) 2^31) / 2^(31 + right))
 *
 * (Without a shift half and [x < 0] are 0; a negative x whose high product is 0 gives 0 anyway.) */
static inline int32_t mn_multiply_quantized(int32_t x, int32_t multiplier, int32_t shift) {
  if (shift > 0) x = (int32_t)((uint32_t)x << shift);
  return mn_rounding_shift(mn_high_mul(x, multiplier), shift > 0 ? 0 : -shift);
}

static inline int32_t mn_clamp_i32(int32_t x, int32_t lo, int32_t hi) {
  if (x < lo) x = lo;
  return x > hi ? hi : x;
}

/* x + y that cannot trap: the sum is bounded by verify, the wrap is for hostile scales only. */
static inline int32_t mn_wrapping_add(int32_t x, int32_t y) {
  return (int32_t)((uint32_t)x + (uint32_t)y);
}

#endif
