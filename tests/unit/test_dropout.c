/* SPDX-License-Identifier: Apache-2.0
 * How much dropout leaves out, and that a picture's features do not depend on who computes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "train/dropout.h"

enum { ROWS = 40, CHANNELS = 1280 };

static float mask[ROWS][CHANNELS], other[ROWS][CHANNELS];

static void test_share(void **state) {
  (void)state;
  for (int tenth = 0; tenth < 10; tenth++) {
    const mn_dropout dropout = {.rate = tenth / 10.0, .seed = 3, .step = 7};
    const double count = ROWS * CHANNELS, expected = count * dropout.rate;
    double out = 0;
    mn_dropout_mask(&dropout, ROWS, CHANNELS, mask[0]);
    for (int i = 0; i < ROWS * CHANNELS; i++) {
      const float at = mask[i / CHANNELS][i % CHANNELS];
      assert_true(at == 0 || at == (float)(1 / (1 - dropout.rate)));
      out += at == 0;
    }
    /* four standard deviations of a binomial */
    assert_true(fabs(out - expected) <= 4 * sqrt(expected * (1 - dropout.rate)));
  }
}

static void test_rows_are_their_own(void **state) {
  (void)state;
  mn_dropout dropout = {.rate = 0.2, .seed = 3, .step = 7};
  mn_dropout_mask(&dropout, ROWS, CHANNELS, mask[0]);
  dropout.first = 24;
  mn_dropout_mask(&dropout, ROWS - 24, CHANNELS, other[24]);
  assert_memory_equal(mask[24], other[24], (ROWS - 24) * sizeof *mask);
  for (int row = 1; row < ROWS; row++) assert_memory_not_equal(mask[0], mask[row], sizeof *mask);
  dropout.step++;
  mn_dropout_mask(&dropout, ROWS - 24, CHANNELS, other[24]);
  for (int row = 24; row < ROWS; row++) {
    assert_memory_not_equal(mask[row], other[row], sizeof *mask);
  }
  dropout = (mn_dropout){.rate = 0.2, .seed = 4, .step = 7};
  mn_dropout_mask(&dropout, 1, CHANNELS, other[0]);
  assert_memory_not_equal(mask[0], other[0], sizeof *mask);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_share),
                                     cmocka_unit_test(test_rows_are_their_own)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
