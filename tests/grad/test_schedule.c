/* SPDX-License-Identifier: Apache-2.0
 * Rates against PyTorch's schedulers (tests/oracle/schedules.py); what they do at their ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/schedule.h"

#define GOLDEN MN_TEST_DIR "/golden/schedules.txt"

static mn_schedule_kind kind_of(const char *name) {
  static const char *const names[] = {"constant", "cosine", "step", "exponential", "one_cycle"};
  for (int i = 0; i < 5; i++) {
    if (strcmp(name, names[i]) == 0) return (mn_schedule_kind)i;
  }
  fail_msg("a schedule called %s", name);
  return MN_SCHEDULE_CONSTANT;
}

static void test_as_pytorch(void **state) {
  (void)state;
  FILE *file = fopen(GOLDEN, "r");
  assert_non_null(file);
  char kind[32];
  int schedules = 0;
  for (; fscanf(file, "%31s", kind) == 1; schedules++) {
    mn_schedule s = {.kind = kind_of(kind)};
    assert_int_equal(
        fscanf(file, "%lf %lf %lf %lf %lf %lf %" SCNd64 " %lf %" SCNd64, &s.rate, &s.first, &s.last,
               &s.rising, &s.every, &s.factor, &s.warmup, &s.warmup_first, &s.steps),
        9);
    for (int64_t step = 0; step < s.steps; step++) {
      double expected;
      assert_int_equal(fscanf(file, "%lf", &expected), 1);
      const double got = mn_schedule_rate(&s, step);
      /* PyTorch forms most rates from the one before, so that its roundings add up. */
      if (!(fabs(got - expected) <= 1e-12 * s.rate)) {
        fail_msg("%s, step %d: %.15g, expected %.15g", kind, (int)step, got, expected);
      }
    }
  }
  assert_int_equal(schedules, 14);
  fclose(file);
}

static void test_ends(void **state) {
  (void)state;
  const mn_schedule cosine = {
      .kind = MN_SCHEDULE_COSINE, .rate = 1, .last = 0.125, .warmup = 4, .steps = 10};
  assert_true(mn_schedule_rate(&cosine, 0) == 0);
  assert_true(mn_schedule_rate(&cosine, 2) == 0.5);
  assert_true(mn_schedule_rate(&cosine, 4) == 1);
  assert_true(mn_schedule_rate(&cosine, 10) == 0.125);
  assert_true(mn_schedule_rate(&cosine, 1000) == 0.125);
  mn_schedule cycle = {.kind = MN_SCHEDULE_ONE_CYCLE, .rate = 1, .first = 0.25, .last = 0.125};
  for (cycle.rising = 0; cycle.rising <= 1; cycle.rising += 0.25) {
    for (cycle.steps = 1; cycle.steps < 9; cycle.steps++) {
      for (int64_t step = 0; step < 12; step++) {
        const double rate = mn_schedule_rate(&cycle, step);
        assert_true(rate >= 0.125 && rate <= 1);
      }
      assert_true(mn_schedule_rate(&cycle, cycle.steps) == 0.125);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_pytorch),
                                     cmocka_unit_test(test_ends)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
