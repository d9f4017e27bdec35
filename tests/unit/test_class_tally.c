/* SPDX-License-Identifier: Apache-2.0
 * Top-1, top-5 and confusion from scores; the ranks are those of mn_topk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <math.h>

#include "base/rng.h"
#include "post/topk.h"
#include "train/class_tally.h"

static void test_tally(void **state) {
  (void)state;
  enum { CLASSES = 7 };
  static const float scores[4][CLASSES] = {
      {0, 1, 2, 3, 4, 5, 6}, {0, 1, 2, 3, 4, 5, 6}, {5, 5, 5, 5, 5, 5, 5}, {9, 0, 0, 0, 0, 0, 0}};
  static const int32_t truth[4] = {6, 1, 5, 0};
  int64_t confusion[CLASSES * CLASSES] = {0};
  mn_class_tally tally = {.classes = CLASSES, .confusion = confusion};
  mn_class_tally_add(&tally, scores[0], truth, 3);
  mn_class_tally_add(&tally, scores[3], truth + 3, 1);
  assert_int_equal(tally.pictures, 4);
  assert_int_equal(tally.top1, 2); /* the first and the last */
  assert_int_equal(tally.top5, 2); /* ranks 0, 5, 5, 0 */
  assert_int_equal(confusion[6 * CLASSES + 6], 1);
  assert_int_equal(confusion[1 * CLASSES + 6], 1);
  assert_int_equal(confusion[5 * CLASSES + 0], 1);
  assert_true(mn_class_recall(&tally, 6) == 1);
  assert_true(mn_class_recall(&tally, 1) == 0);
  assert_true(mn_class_recall(&tally, 3) == -1);
  tally.confusion = NULL;
  mn_class_tally_add(&tally, scores[0], truth, 1);
  assert_int_equal(tally.top1, 3);
}

/* Few different scores, so that many are equal, and some that are no numbers. */
static void test_as_topk(void **state) {
  (void)state;
  enum { CLASSES = 9 };
  const mn_contract contract = {.labels = {.background = -1}};
  mn_rng rng = mn_rng_at(1, MN_RNG_ORDER, 0, 0);
  for (int i = 0; i < 500; i++) {
    float scores[CLASSES];
    mn_class ranked[CLASSES];
    for (int c = 0; c < CLASSES; c++) {
      const uint32_t pick = mn_rng_below(&rng, 5);
      scores[c] = pick == 4 ? NAN : (float)pick;
    }
    const mn_scores row = {.data = scores, .type = MN_F32, .count = CLASSES};
    assert_int_equal(mn_topk(&row, &contract, CLASSES, ranked), CLASSES);
    assert_int_equal(mn_class_best(scores, CLASSES), ranked[0].index);
    for (int32_t k = 0; k < CLASSES; k++) {
      assert_int_equal(mn_class_rank(scores, CLASSES, ranked[k].index), k);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_tally), cmocka_unit_test(test_as_topk)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
