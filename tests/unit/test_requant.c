/* SPDX-License-Identifier: Apache-2.0
 * Fixed-point requantization against its definition in exact integers and gemmlowp's own form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/ref/requant.h"

static uint64_t random_state = 1;

static uint32_t random_u32(void) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 32);
}

/* Values that meet ties, sign changes and both ends, then random ones of every magnitude. */
static int32_t sample(int i) {
  static const int32_t edges[] = {0,         1,         -1,        2,          -2,
                                  INT32_MAX, INT32_MIN, 1 << 30,   -(1 << 30), (1 << 30) + 1,
                                  3,         -3,        1 << 16,   -(1 << 16), INT32_MIN + 1,
                                  32768,     -32768,    (1 << 20), 255 << 20,  -(255 << 20)};
  if (i < (int)(sizeof edges / sizeof edges[0])) return edges[i];
  return (int32_t)random_u32() >> (random_u32() & 31);
}

/* gemmlowp's SaturatingRoundingDoublingHighMul as published: a nudge by sign, then truncation. */
static int32_t high_mul_by_definition(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  int64_t product = (int64_t)a * b;
  int64_t nudge = product >= 0 ? (int64_t)1 << 30 : 1 - ((int64_t)1 << 30);
  return (int32_t)((product + nudge) / ((int64_t)1 << 31));
}

/* Nearest integer to x / 2^exponent, ties away from zero. */
static int64_t divide_by_definition(int64_t x, int exponent) {
  int64_t half = ((int64_t)1 << exponent) / 2, magnitude = x < 0 ? -x : x;
  int64_t rounded = (magnitude + half) >> exponent;
  return (int64_t)(x < 0 ? -rounded : rounded);
}

static void high_mul_equals_its_definition(void **state) {
  (void)state;
  for (int i = 0; i < 1200; i++) {
    int32_t a = sample(i);
    for (int j = 0; j < 400; j++) {
      int32_t b = sample(j);
      assert_int_equal(mn_high_mul(a, b), high_mul_by_definition(a, b));
    }
  }
}

/* A product of (2j + 1) * 2^30 lies halfway: it goes up, for either sign. */
static void high_mul_ties_go_up(void **state) {
  (void)state;
  for (int32_t j = -1000; j < 1000; j++) assert_int_equal(mn_high_mul(2 * j + 1, 1 << 30), j + 1);
}

static void rounding_shift_goes_away_from_zero(void **state) {
  (void)state;
  for (int exponent = 0; exponent <= 31; exponent++) {
    for (int i = 0; i < 4000; i++) {
      int32_t x = sample(i);
      assert_int_equal(mn_rounding_shift(x, exponent), divide_by_definition(x, exponent));
    }
  }
  for (int32_t j = -100; j < 100; j++) {
    assert_int_equal(mn_rounding_shift((2 * j + 1) * 16, 5), j < 0 ? j : j + 1);
  }
}

/* The two roundings in turn, with left shifts where the shifted value fits. */
static void multiply_rounds_twice(void **state) {
  (void)state;
  for (int i = 0; i < 200000; i++) {
    int32_t shift = (int32_t)(random_u32() % 62) - 31;
    int32_t multiplier = (int32_t)((1u << 30) | (random_u32() >> 2));
    int32_t x = sample(i);
    if (shift > 0) x >>= shift;
    int64_t product = (int64_t)x * multiplier;
    if (shift > 0) product *= (int64_t)1 << shift;
    int64_t high = (int64_t)((product + ((int64_t)1 << 30)) >> 31);
    int64_t expected = divide_by_definition(high, shift > 0 ? 0 : -shift);
    assert_int_equal(mn_multiply_quantized(x, multiplier, shift), expected);
  }
}

/* 0.5 - 2^-32 in one rounding is 0; the first of two makes it 1 of a half-step, the second 1. */
static void double_rounding_is_visible(void **state) {
  (void)state;
  assert_int_equal(mn_multiply_quantized(1, INT32_MAX, -1), 1);
  assert_int_equal(mn_multiply_quantized(-1, INT32_MAX, -1), -1);
  assert_int_equal(mn_multiply_quantized(-3, 1 << 30, 0), -1);
  assert_int_equal(mn_multiply_quantized(-2, 1 << 30, -1), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(high_mul_equals_its_definition),     cmocka_unit_test(high_mul_ties_go_up),
      cmocka_unit_test(rounding_shift_goes_away_from_zero), cmocka_unit_test(multiply_rounds_twice),
      cmocka_unit_test(double_rounding_is_visible),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
