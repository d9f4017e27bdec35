/* SPDX-License-Identifier: Apache-2.0
 * The float form of requantization against the fixed one: around every step of every certified
 * channel, at random, and over all sums of 24 bits for a few. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/ref/requant.h"
#include "ops/requantize.h"

static uint64_t random_state = 1;

static uint32_t random_u32(void) {
  random_state = random_state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(random_state >> 32);
}

static int32_t fixed_code(const mn_requant_problem *x, int32_t sum) {
  const int32_t code = mn_multiply_quantized(sum, x->multiplier, -x->right);
  return x->zero + mn_clamp_i32(code, -x->down, x->up);
}

static int32_t float_code(const mn_requant_problem *x, const mn_requant_float *by, int32_t sum) {
  const float code = rintf(fmaf((float)sum, by->scale, sum < 0 ? by->below : by->above));
  return mn_clamp_i32((int32_t)code, x->zero - x->down, x->zero + x->up);
}

static void check(const mn_requant_problem *x, const mn_requant_float *by, double sum) {
  if (!(fabs(sum) < 2147483647.0)) return;
  assert_int_equal(float_code(x, by, (int32_t)sum), fixed_code(x, (int32_t)sum));
}

/* Three sums to either side of where each code begins. */
static void check_steps(const mn_requant_problem *x, const mn_requant_float *by) {
  const double real = ldexp(x->multiplier, -31 - x->right);
  for (int32_t k = -x->down - 1; k <= x->up; k++) {
    for (int32_t i = -3; i <= 3; i++) check(x, by, floor((k + 0.5) / real) + i);
  }
}

static void check_random(const mn_requant_problem *x, const mn_requant_float *by) {
  for (int i = 0; i < 500; i++) check(x, by, (int32_t)random_u32() >> (random_u32() & 31));
  check(x, by, INT32_MAX), check(x, by, -2147483646.0);
}

static mn_requant_problem random_problem(int32_t right) {
  static const int32_t multipliers[] = {1 << 30, INT32_MAX, (1 << 30) + 1, 3 << 29};
  mn_requant_problem x = {.multiplier = (int32_t)(random_u32() >> 2 | 1u << 30), .right = right};
  if (random_u32() % 8 == 0) x.multiplier = multipliers[random_u32() % 4];
  x.down = random_u32() % 3 ? (int32_t)(random_u32() % 256) : 0;
  x.zero = x.down - 128;
  x.up = 255 - x.down;
  return x;
}

/* Of 2000 channels each: those of the usual scales nearly all have a float form. */
static void proven_channels_are_equal(void **state) {
  (void)state;
  for (int32_t right = 0; right <= 20; right++) {
    int found = 0;
    for (int i = 0; i < 2000; i++) {
      const mn_requant_problem x = random_problem(right);
      mn_requant_float by;
      if (!mn_certify_requant(&x, &by)) continue;
      check_steps(&x, &by);
      check_random(&x, &by);
      found++;
    }
    if (right <= 7) assert_in_range(found, 1980, 2000);
  }
}

/* Sums beyond 2^24 are not exact in float: none may be proven that needs them. */
static void large_sums_are_refused(void **state) {
  (void)state;
  mn_requant_float by;
  const mn_requant_problem steep = {.multiplier = (1 << 30) + 12345, .right = 17, .up = 255};
  assert_false(mn_certify_requant(&steep, &by));
  const mn_requant_problem left = {.multiplier = 1 << 30, .right = -1, .up = 255};
  assert_false(mn_certify_requant(&left, &by));
}

/* A channel whose sums never reach a code has one answer, whatever its multiplier. */
static void unreachable_codes_need_no_proof(void **state) {
  (void)state;
  const mn_requant_problem x = {.multiplier = 1 << 30, .right = 31, .zero = -7};
  mn_requant_float by;
  assert_true(mn_certify_requant(&x, &by));
  assert_int_equal(float_code(&x, &by, 123456), -7);
}

static void every_sum_of_24_bits(void **state) {
  (void)state;
  for (int32_t right = 4; right <= 8; right += 2) {
    const mn_requant_problem x = random_problem(right);
    mn_requant_float by;
    if (!mn_certify_requant(&x, &by)) continue;
    for (int32_t sum = -(1 << 23); sum < 1 << 23; sum++) {
      if (float_code(&x, &by, sum) != fixed_code(&x, sum)) fail_msg("sum %d", sum);
    }
  }
}

/* Where a float form that is not proven may not be trusted. */
static bool in_doubt(float real) { return fabsf(real - rintf(real)) >= 0.5f - MN_REQUANT_DOUBT; }

/* The codes of sums without proof that are not in doubt, in every scale from 1/2 down; few are. */
static void guesses_are_right_or_in_doubt(void **state) {
  (void)state;
  for (int32_t right = 1; right <= 24; right++) {
    int doubts = 0;
    const int count = 200000;
    for (int i = 0; i < count; i++) {
      const mn_requant_problem x = random_problem(right);
      const bool is_signed = random_u32() % 2;
      const int32_t base = is_signed ? 0 : 128, zero = x.zero + base;
      const mn_requant codes = {
          .base = base, .out_zero = zero, .out_min = zero - x.down, .out_max = zero + x.up};
      const mn_requant_float by = mn_requant_guess(&codes, x.multiplier, -right);
      assert_true(signbit(by.scale));
      const double step =
          ((int)(random_u32() % 300) - 150 + 0.5) / ldexp(x.multiplier, -31 - right);
      const double near = floor(step) + (int)(random_u32() % 9) - 4;
      const int32_t sum =
          i % 2 && fabs(near) < 0x1p31 ? (int32_t)near : (int32_t)random_u32() >> random_u32() % 31;
      const float real = fmaf((float)sum, -by.scale, sum < 0 ? by.below : by.above);
      doubts += in_doubt(real) && i % 2 == 0;
      if (in_doubt(real)) continue;
      const int32_t code = mn_clamp_i32((int32_t)rintf(real), x.zero - x.down, x.zero + x.up);
      assert_int_equal(code, fixed_code(&x, sum));
    }
    assert_in_range(doubts, 0, count / 20);
  }
}

/* No float is right for scales above 1/2: they are the fixed form's. */
static void steep_guesses_are_always_in_doubt(void **state) {
  (void)state;
  for (int32_t shift = 0; shift < 4; shift++) {
    const mn_requant codes = {.out_zero = -7, .out_min = -128, .out_max = 127};
    const mn_requant_float by = mn_requant_guess(&codes, 1 << 30, shift);
    assert_true(signbit(by.scale));
    for (int32_t sum = -9; sum < 9; sum++) {
      assert_true(in_doubt(fmaf((float)sum, -by.scale, sum < 0 ? by.below : by.above)));
    }
  }
}

/* Sums of a channel that stay within any range, down to one value, have the codes of the fixed form
 * there: the code after the last one reached begins where it must. */
static void packed_constants_hold_within_the_range(void **state) {
  (void)state;
  const float one = 1.0f;
  const int32_t zeros[2] = {0, 37};
  for (int i = 0; i < 20000; i++) {
    const float scale = ldexpf((float)(random_u32() | 1u), -33 - (int)(random_u32() % 20));
    mn_quant unit = {1, 0, &one, zeros}, weight = {1, 0, &scale, zeros},
             out = {1, 0, &one, zeros + 1};
    mn_operand in[2] = {{.type = MN_U8, .quant = &unit}, {.quant = &weight}};
    const mn_step step = {.in = in, .out = {.type = MN_U8, .quant = &out}};
    const mn_requant_layer layer = mn_requant_plan(&step, MN_ACT_NONE, 1);
    const int32_t least = (int32_t)random_u32() >> (random_u32() % 24 + 7);
    const mn_sum_range range = {least, least + (int32_t)(random_u32() % 3 * (random_u32() % 20))};
    unsigned char packed[5 * 64];
    assert_true(layer.bytes <= sizeof packed);
    mn_requant_pack(&layer, &step, 0, &range, packed);
    const mn_requant by = mn_requant_at(&layer, packed, 0);
    for (int32_t sum = range.least; sum <= range.most; sum++) {
      const int32_t fixed = 37 + mn_multiply_quantized(sum, by.multiplier[0], by.shift[0]);
      const float offset = sum < 0 ? by.below[0] : by.above[0];
      const float real = fmaf((float)sum, fabsf(by.scale[0]), offset);
      if (signbit(by.scale[0]) && in_doubt(real)) continue;
      const int32_t code = (int32_t)rintf(real) + by.base;
      assert_int_equal(mn_clamp_i32(code, 0, 255), mn_clamp_i32(fixed, 0, 255));
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(proven_channels_are_equal),
      cmocka_unit_test(large_sums_are_refused),
      cmocka_unit_test(unreachable_codes_need_no_proof),
      cmocka_unit_test(every_sum_of_24_bits),
      cmocka_unit_test(guesses_are_right_or_in_doubt),
      cmocka_unit_test(steep_guesses_are_always_in_doubt),
      cmocka_unit_test(packed_constants_hold_within_the_range),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
