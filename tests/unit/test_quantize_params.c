/* SPDX-License-Identifier: Apache-2.0
 * Scales to integer multipliers: the values of LiteRT's rules, extremes, and the difference between
 * the float and the double product of scales. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ops/ops.h"

static void check(double real, int32_t multiplier, int32_t shift) {
  int32_t m, s;
  mn_quantize_multiplier(real, &m, &s);
  assert_int_equal(m, multiplier);
  assert_int_equal(s, shift);
}

static void multiplier_of_known_numbers(void **state) {
  (void)state;
  check(0.0, 0, 0);
  check(1.0, 1 << 30, 1);
  check(0.5, 1 << 30, 0);
  check(0.25, 1 << 30, -1);
  check(0.75, 3 << 29, 0);
  check(3.0, 3 << 29, 2);
  check(1.0 / 3.0, 1431655765, -1);
}

/* A fraction that rounds up to 1 becomes 1/2 with the next exponent. */
static void multiplier_carries(void **state) {
  (void)state;
  check(1.0 - 0x1p-40, 1 << 30, 1);
  check(0.5 - 0x1p-40, 1 << 30, 0);
}

static void multiplier_of_extremes(void **state) {
  (void)state;
  check(0x1p-32, 1 << 30, -31);
  check(0x1p-33, 0, 0);
  check(0x1p30, INT32_MAX, 30);
  check(INFINITY, INT32_MAX, 30);
  check(-1.0, 0, 0);
  check(NAN, 0, 0);
}

/* Half of a unit of the multiplier is the most that is lost. */
static void multiplier_is_close(void **state) {
  (void)state;
  for (double real = 1e-8; real < 1e6; real *= 1.0137) {
    int32_t m, s;
    mn_quantize_multiplier(real, &m, &s);
    assert_true(m >= 1 << 30);
    assert_true(fabs(ldexp((double)m, s - 31) - real) <= ldexp(0.5, s - 31));
  }
}

static mn_arithmetic arithmetic;

static void check_codes(mn_act act, mn_type type, float scale, int32_t zero, int32_t lo,
                        int32_t hi) {
  mn_quant quant = {1, 0, &scale, &zero};
  mn_step step = {.arithmetic = arithmetic, .out = {.type = type, .quant = &quant}};
  int32_t got_lo, got_hi;
  mn_activation_codes(&step, act, &got_lo, &got_hi);
  assert_int_equal(got_lo, lo);
  assert_int_equal(got_hi, hi);
}

static void activations_in_codes(void **state) {
  (void)state;
  check_codes(MN_ACT_NONE, MN_U8, 0.1f, 100, 0, 255);
  check_codes(MN_ACT_NONE, MN_I8, 0.1f, 3, -128, 127);
  check_codes(MN_ACT_RELU, MN_U8, 0.1f, 100, 100, 255);
  check_codes(MN_ACT_RELU, MN_I8, 0.1f, -128, -128, 127);
  check_codes(MN_ACT_RELU6, MN_U8, 0.1f, 100, 100, 160);
  check_codes(MN_ACT_RELU6, MN_I8, 0.1f, 100, 100, 127);
  check_codes(MN_ACT_RELU_N1_TO_1, MN_I8, 0.5f, -7, -9, -5);
  check_codes(MN_ACT_RELU6, MN_U8, 4.0f, 10, 10, 12); /* 1.5 steps: away from zero */
  check_codes(MN_ACT_RELU6, MN_U8, 1e-38f, 10, 10, 255);
  check_codes(MN_ACT_RELU6, MN_I8, 2.4f, 0, 0, 3); /* 2.5 steps */
  arithmetic = MN_ARITHMETIC_ONNX;                 /* ties to even */
  check_codes(MN_ACT_RELU6, MN_I8, 2.4f, 0, 0, 2);
  check_codes(MN_ACT_RELU6, MN_U8, 4.0f, 10, 10, 12);
  check_codes(MN_ACT_RELU, MN_I8, 0.1f, -128, -128, 127);
  arithmetic = MN_ARITHMETIC_LITERT;
}

/* i8 takes the product in double, u8 rounds it to float: another multiplier with these scales. */
static void product_of_scales_by_type(void **state) {
  (void)state;
  const float in_scale = 0.0235294122f, weight_scale[2] = {0.0123456789f, 0.00711f};
  const float out_scale = 0.0470588244f;
  const int32_t zeros[2] = {0, 0};
  mn_quant in_quant = {1, 0, &in_scale, zeros}, out_quant = {1, 0, &out_scale, zeros};
  mn_quant weight_quant = {2, 0, weight_scale, zeros};
  mn_operand in[2] = {{.type = MN_I8, .quant = &in_quant}, {.quant = &weight_quant}};
  mn_step step = {.in = in, .out = {.quant = &out_quant}};
  int32_t m[2], s[2], expected_m, expected_s;
  for (int c = 0; c < 2; c++) {
    mn_layer_multiplier(&step, (size_t)c, &m[c], &s[c]);
    double product = (double)in_scale * (double)weight_scale[c];
    mn_quantize_multiplier(product / (double)out_scale, &expected_m, &expected_s);
    assert_int_equal(m[c], expected_m);
    assert_int_equal(s[c], expected_s);
  }
  int32_t of_double = m[0];
  in[0].type = MN_U8;
  weight_quant.count = 1;
  for (size_t c = 0; c < 2; c++) mn_layer_multiplier(&step, c, &m[c], &s[c]);
  float rounded = in_scale * weight_scale[0];
  mn_quantize_multiplier((double)rounded / (double)out_scale, &expected_m, &expected_s);
  assert_int_equal(m[0], expected_m);
  assert_int_equal(m[1], expected_m);
  assert_int_not_equal(m[0], of_double);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(multiplier_of_known_numbers), cmocka_unit_test(multiplier_carries),
      cmocka_unit_test(multiplier_of_extremes),      cmocka_unit_test(multiplier_is_close),
      cmocka_unit_test(activations_in_codes),        cmocka_unit_test(product_of_scales_by_type),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
