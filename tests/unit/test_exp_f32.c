/* SPDX-License-Identifier: Apache-2.0
 * Our own exp and logistic against libm's double (long double for exp_f64), in units of the last
 * place. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/ref/exp_f32.h"
#include "kernels/ref/exp_f64.h"

/* |got - exact| in ulps of the float nearest to exact; normal numbers only. */
static double error_f32(float got, double exact) {
  int exponent;
  frexp(exact, &exponent);
  return fabs((double)got - exact) / ldexp(1.0, exponent - 24);
}

static void exp_f32_is_within_an_ulp(void **state) {
  (void)state;
  double worst = 0.0;
  for (int i = -872000; i <= 887000; i++) {
    float x = (float)i * 1.0e-4f;
    double error = error_f32(mn_exp_one_f32(x), exp((double)x));
    if (error > worst) worst = error;
  }
  print_message("exp_f32: %.3f ulp\n", worst);
  assert_true(worst < 1.0);
}

static void exp_f32_at_its_ends(void **state) {
  (void)state;
  assert_true(mn_exp_one_f32(0.0f) == 1.0f);
  assert_true(mn_exp_one_f32(INFINITY) == INFINITY);
  assert_true(mn_exp_one_f32(89.0f) == INFINITY);
  assert_true(mn_exp_one_f32(-INFINITY) == 0.0f);
  assert_true(mn_exp_one_f32(-104.5f) == 0.0f);
  assert_true(isnan(mn_exp_one_f32(NAN)));
  for (float x = -103.9f; x < -87.4f; x += 0.01f) { /* below FLT_MIN: within the last bits */
    assert_true(fabs(mn_exp_one_f32(x) - exp((double)x)) <= 2.0 * 0x1p-149);
  }
}

static void logistic_f32_is_close(void **state) {
  (void)state;
  double worst = 0.0;
  for (int i = -870000; i <= 1000000; i++) {
    float x = (float)i * 1.0e-4f;
    double error = error_f32(mn_logistic_one_f32(x), 1.0 / (1.0 + exp(-(double)x)));
    if (error > worst) worst = error;
  }
  print_message("logistic_f32: %.3f ulp\n", worst);
  assert_true(worst < 2.5);
  assert_true(mn_logistic_one_f32(0.0f) == 0.5f);
  assert_true(mn_logistic_one_f32(INFINITY) == 1.0f);
  assert_true(mn_logistic_one_f32(-INFINITY) == 0.0f);
  assert_true(isnan(mn_logistic_one_f32(NAN)));
}

static void exp_f64_is_within_an_ulp(void **state) {
  (void)state;
  double worst = 0.0;
  for (int i = -700000; i <= 700000; i++) {
    double x = i * 1.0e-3 + 1.0e-7 * (i % 97);
    long double exact = expl((long double)x);
    int exponent;
    frexp((double)exact, &exponent);
    long double error = fabsl((long double)mn_exp_one_f64(x) - exact) / ldexpl(1.0L, exponent - 53);
    if ((double)error > worst) worst = (double)error;
  }
  print_message("exp_f64: %.3f ulp\n", worst);
  assert_true(worst < 1.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exp_f32_is_within_an_ulp),
      cmocka_unit_test(exp_f32_at_its_ends),
      cmocka_unit_test(logistic_f32_is_close),
      cmocka_unit_test(exp_f64_is_within_an_ulp),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
