/* SPDX-License-Identifier: Apache-2.0
 * Ranking: ties, background, NaN, score functions, fewer classes than asked for. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "post/topk.h"

static mn_contract plain(void) {
  mn_contract contract;
  mn_contract_default(&contract);
  contract.score = MN_SCORE_NONE;
  contract.labels.background = -1;
  return contract;
}

static void equal_scores_rank_by_lowest_index(void **state) {
  (void)state;
  const uint8_t codes[] = {7, 9, 9, 0, 9, 7};
  mn_scores scores = {codes, MN_U8, 6, 0.5f, 1};
  mn_contract contract = plain();
  mn_class top[4];
  assert_int_equal(mn_topk(&scores, &contract, 4, top), 4);
  const int expected[] = {1, 2, 4, 0};
  for (int i = 0; i < 4; i++) assert_int_equal(top[i].index, expected[i]);
  assert_float_equal(top[0].score, 4.0f, 0);
}

static void background_is_no_class(void **state) {
  (void)state;
  const float values[] = {9, 1, 3, 2};
  const char *const names[] = {"background", "a", "b", "c"};
  mn_scores scores = {values, MN_F32, 4, 0, 0};
  mn_contract contract = plain();
  contract.labels.names = names;
  contract.labels.count = 4;
  contract.labels.background = 0;
  mn_class top[5];
  assert_int_equal(mn_topk(&scores, &contract, 5, top), 3);
  assert_int_equal(top[0].index, 1);
  assert_string_equal(top[0].label, "b");
  assert_int_equal(top[2].index, 0);
}

static void nan_ranks_last(void **state) {
  (void)state;
  const float values[] = {NAN, -INFINITY, 0, NAN};
  mn_scores scores = {values, MN_F32, 4, 0, 0};
  mn_contract contract = plain();
  mn_class top[4];
  assert_int_equal(mn_topk(&scores, &contract, 4, top), 4);
  const int expected[] = {2, 1, 0, 3};
  for (int i = 0; i < 4; i++) assert_int_equal(top[i].index, expected[i]);
}

static void softmax_counts_every_output(void **state) {
  (void)state;
  const float values[] = {1000, 1001, 999};
  mn_scores scores = {values, MN_F32, 3, 0, 0};
  mn_contract contract = plain();
  contract.score = MN_SCORE_SOFTMAX;
  mn_class top[1];
  assert_int_equal(mn_topk(&scores, &contract, 1, top), 1);
  assert_int_equal(top[0].index, 1);
  assert_float_equal(top[0].score, (float)(1 / (1 + exp(-1.0) + exp(-2.0))), 1e-7f);
}

static void sigmoid_is_applied_per_class(void **state) {
  (void)state;
  const int8_t codes[] = {-2, 4};
  mn_scores scores = {codes, MN_I8, 2, 0.5f, 0};
  mn_contract contract = plain();
  contract.score = MN_SCORE_SIGMOID;
  mn_class top[2];
  assert_int_equal(mn_topk(&scores, &contract, 2, top), 2);
  assert_float_equal(top[0].score, (float)(1 / (1 + exp(-2.0))), 1e-7f);
  assert_float_equal(top[1].score, (float)(1 / (1 + exp(1.0))), 1e-7f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_scores_rank_by_lowest_index),
      cmocka_unit_test(background_is_no_class),
      cmocka_unit_test(nan_ranks_last),
      cmocka_unit_test(softmax_counts_every_output),
      cmocka_unit_test(sigmoid_is_applied_per_class),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
