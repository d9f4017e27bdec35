/* SPDX-License-Identifier: Apache-2.0
 * Sums of codes in float, where mn_certify_sum finds constants, against the reference's integers:
 * every pair of codes. Also that it finds them for nearly all scales. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "ops/requantize.h"

enum { LAYERS = 400, CODES = 256 };

static uint64_t random_state = 1;

static uint32_t random_below(uint32_t count) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 32) % count;
}

/* Between 2^-octaves and 1. */
static float random_scale(int octaves) {
  return (float)exp2(-octaves * (random_below(1 << 20) * 0x1p-20));
}

/* As ops/eltwise.c prepares an ADD of TFLite. */
static mn_add_q8_args layer_of(float a, float b, float out, bool is_signed) {
  mn_add_q8_args x = {.left_shift = 20, .count = CODES, .flip = is_signed ? 0x80 : 0};
  const double twice_max = 2.0f * (a > b ? a : b);
  mn_quantize_multiplier((double)a / twice_max, &x.a_multiplier, &x.a_shift);
  mn_quantize_multiplier((double)b / twice_max, &x.b_multiplier, &x.b_shift);
  mn_quantize_multiplier(twice_max / (double)((float)(1 << 20) * out), &x.out_multiplier,
                         &x.out_shift);
  const int32_t offset = is_signed ? 128 : 0;
  x.a_zero = (int32_t)random_below(CODES);
  x.b_zero = (int32_t)random_below(CODES);
  x.out_zero = (int32_t)random_below(CODES) - offset;
  x.out_min = random_below(3) ? -offset : x.out_zero;
  x.out_max = random_below(3) ? 255 - offset : x.out_zero + (255 - offset - x.out_zero) / 2;
  return x;
}

static void check_all_pairs(mn_add_q8_args x, mn_add_real_q8_args y) {
  uint8_t a[CODES], b[CODES], expected[CODES], found[CODES];
  for (int j = 0; j < CODES; j++) b[j] = (uint8_t)j;
  x.a = y.a = a, x.b = y.b = b, x.out = expected, y.out = found, y.count = CODES;
  for (int i = 0; i < CODES; i++) {
    memset(a, i, sizeof a);
    mn_add_q8_ref(&x);
    mn_add_real_q8_ref(&y);
    assert_memory_equal(found, expected, CODES);
  }
}

/* How many of LAYERS have a float form, each of which is checked. */
static int count_proven(int octaves, bool alike) {
  int proven = 0;
  for (int i = 0; i < LAYERS; i++) {
    const float a = random_scale(octaves), b = alike ? a : random_scale(octaves);
    const mn_add_q8_args x = layer_of(a, b, random_scale(1) * (a > b ? a : b), i % 2);
    mn_add_real_q8_args y = {0};
    if (!mn_certify_sum(&x, &y)) continue;
    check_all_pairs(x, y);
    proven++;
  }
  return proven;
}

static void random_scales(void **state) {
  (void)state;
  assert_true(count_proven(3, false) > LAYERS * 9 / 10);
  assert_true(count_proven(10, false) > LAYERS * 9 / 10);
  assert_true(count_proven(2, true) > LAYERS * 8 / 10);
}

/* Where every second sum is a tie, which the integers round away from zero. */
static void ties(void **state) {
  (void)state;
  static const float outs[] = {2.0f, 1.0f, 0.5f, 4.0f, 1.5f};
  for (size_t i = 0; i < sizeof outs / sizeof outs[0]; i++) {
    const mn_add_q8_args x = layer_of(1.0f, 1.0f, outs[i], true);
    mn_add_real_q8_args y = {0};
    if (mn_certify_sum(&x, &y)) check_all_pairs(x, y);
  }
}

/* Multipliers that no scale of a file gives are refused, or right all the same. */
static void odd_multipliers(void **state) {
  (void)state;
  mn_add_real_q8_args y = {0};
  for (int i = 0; i < LAYERS; i++) {
    mn_add_q8_args x = layer_of(1.0f, random_scale(2), random_scale(2), i % 2);
    if (i % 4 == 0) x.out_multiplier = 0;
    if (i % 4 == 1) x.a_multiplier = 0;
    if (i % 4 == 2) x.b_shift = -31;
    if (i % 4 == 3) x.out_shift = -31;
    if (mn_certify_sum(&x, &y)) check_all_pairs(x, y);
    x.a_shift = 1;
    assert_false(mn_certify_sum(&x, &y));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_scales), cmocka_unit_test(ties),
                                     cmocka_unit_test(odd_multipliers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
