/* SPDX-License-Identifier: Apache-2.0
 * A classifier from a folder of pictures: it learns what can be learned, the same bits come of any
 * number of threads and of a run that was stopped, and what cannot be trained is refused. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <string.h>

#include "../striped_set.h"
#include "mobilenet/zoo.h"
#include "training_run.h"

typedef enum computing { FLOATS, HALVES, CODES } computing;

static void begin_as(run *r, int threads, computing in) {
  mn_error err;
  const char *const settings[] = {"epochs=24",
                                  "batch=8",
                                  "rate=0.2",
                                  "average=0",
                                  "rand_ops=0",
                                  "mixup=0",
                                  "flip=0",
                                  "erase=0",
                                  "warmup_epochs=0",
                                  "norm_momentum=0.3",
                                  "dropout=0.1",
                                  "qat_start=0.5",
                                  "norm_freeze=0.75",
                                  "seen=0",
                                  in == HALVES ? "precision=bf16" : "precision=f32"};
  check(mn_model_from_zoo(&r->start, "v1-0.25-32", NULL, &err), &err);
  check(mn_threads_new(&r->threads, threads, &err), &err);
  const mn_train_options options = {.struct_size = sizeof options,
                                    .settings = settings,
                                    .setting_count = sizeof settings / sizeof settings[0],
                                    .held_back = 0.25,
                                    .seed = 3,
                                    .int8 = in == CODES,
                                    .threads = r->threads};
  check(mn_training_new(&r->training, r->start, temp_path("set"), &options, &err), &err);
}

static void begin(run *r, int threads) { begin_as(r, threads, FLOATS); }

static void learn(computing in) {
  run one, two, stopped;
  begin_as(&one, 1, in);
  begin_as(&two, 2, in);
  assert_int_equal(mn_training_pictures(one.training, 0) + mn_training_pictures(one.training, 1),
                   2 * PICTURES);
  const mn_trained_epoch last = epochs(&one, 24);
  assert_int_equal(last.epoch, 24);
  printf("loss %.3f, trained on %.2f, held back %.2f\n", last.loss, last.top1, last.eval_top1);
  /* Of twelve pictures. So short a run ends elsewhere when a rounding changes; seeds 1 to 8 end
   * with 11 or 12 right, so that 10 leaves room for one. Guessing has 10 in 2 % of all cases. */
  assert_true(last.eval_top1 > 0.8);
  epochs(&two, 24);

  mn_error err;
  begin_as(&stopped, 1, in);
  epochs(&stopped, 12);
  check(mn_training_save(stopped.training, temp_path("run.safetensors"), &err), &err);
  end(&stopped);
  int32_t done;
  begin_as(&stopped, 2, in);
  check(mn_training_resume(stopped.training, temp_path("run.safetensors"), &done, &err), &err);
  assert_int_equal(done, 12);
  epochs(&stopped, 12);

  expect_same_files(&one, &two, &stopped);
}

static void test_learning(void **state) {
  (void)state;
  learn(FLOATS);
}

static void test_learning_in_bf16(void **state) {
  (void)state;
  learn(HALVES);
}

/* In 8 bits, from the middle on; stopped where batch norms still learn, and gone on from there. */
static void test_int8(void **state) {
  (void)state;
  run one, two, stopped;
  begin_as(&one, 1, CODES);
  begin_as(&two, 2, CODES);
  const mn_trained_epoch last = epochs(&one, 24);
  printf("int8: held back %.2f, as floats %.2f; %.2f %% of codes differ, %.2f %% of %s\n",
         last.eval_top1, last.eval_top1_float, 100 * last.codes_differ, 100 * last.layer_differs,
         last.layer);
  assert_true(last.eval_top1 > 0.9 && last.eval_top1_float > 0.9); /* seeds 1 to 8: all right */
  assert_true(last.codes_differ >= 0 && last.codes_differ < 0.5 && last.layer_differs < 0.5);
  assert_true(last.worst_recall >= 0 && last.worst_recall <= last.eval_top1);
  double recall;
  assert_string_equal(mn_training_class(one.training, last.worst_class, &recall),
                      last.worst_class ? "down" : "across");
  assert_true(recall == last.worst_recall);
  assert_null(mn_training_class(one.training, 2, NULL));
  epochs(&two, 24);

  mn_error err;
  begin_as(&stopped, 2, CODES);
  epochs(&stopped, 14);
  check(mn_training_save(stopped.training, temp_path("run8.safetensors"), &err), &err);
  end(&stopped);
  int32_t done;
  begin_as(&stopped, 1, CODES);
  check(mn_training_resume(stopped.training, temp_path("run8.safetensors"), &done, &err), &err);
  epochs(&stopped, 10);

  expect_same_files(&one, &two, &stopped);
}

static mn_model *trained_model(void) {
  mn_error err;
  run one;
  mn_model *trained;
  begin(&one, 1);
  epochs(&one, 24);
  check(mn_training_model(one.training, &trained, &err), &err);
  end(&one);
  return trained;
}

/* A trained model of the very classes keeps its last layer: it is right from the start. */
static void test_trained_one(void **state) {
  (void)state;
  mn_error err;
  mn_model *trained = trained_model();
  assert_int_equal(mn_model_label_count(trained), 2);

  static const char *const settings[] = {"epochs=1", "batch=8", "rate=1e-7"};
  const mn_train_options options = {.struct_size = sizeof options,
                                    .settings = settings,
                                    .setting_count = 3,
                                    .fine_tune = 1,
                                    .held_back = 0.25,
                                    .seed = 3,
                                    .int8 = 1};
  mn_training *training;
  mn_trained_epoch epoch;
  check(mn_training_new(&training, trained, temp_path("set"), &options, &err), &err);
  check(mn_training_epoch(training, &epoch, &err), &err);
  assert_true(epoch.eval_top1 > 0.8);
  assert_true(epoch.loss < 0.6);
  assert_true(epoch.drop < 0.2);
  mn_training_free(training);
  mn_model_free(trained);
}

/* Of a network that a hundred times the rate ruins: its floats are no better, so that what it fell
 * from has to be remembered, in the checkpoint too. */
static void test_drop(void **state) {
  (void)state;
  mn_error err;
  mn_model *trained = trained_model();

  static const char *const settings[] = {"epochs=3", "batch=8", "rate=1", "average=0"};
  const mn_train_options options = {.struct_size = sizeof options,
                                    .settings = settings,
                                    .setting_count = 4,
                                    .fine_tune = 1,
                                    .held_back = 0.25,
                                    .seed = 3,
                                    .int8 = 1};
  mn_training *training;
  mn_trained_epoch first, epoch;
  int32_t done;
  check(mn_training_new(&training, trained, temp_path("set"), &options, &err), &err);
  check(mn_training_epoch(training, &first, &err), &err);
  check(mn_training_save(training, temp_path("fallen.safetensors"), &err), &err);
  mn_training_free(training);
  printf("%s fell by %.2f to %.2f", first.drop_class, first.drop, first.worst_recall);
  assert_true(first.worst_recall < 0.2 && first.drop > 0.6);
  assert_string_equal(first.drop_class, first.worst_class ? "down" : "across");
  check(mn_training_new(&training, trained, temp_path("set"), &options, &err), &err);
  check(mn_training_resume(training, temp_path("fallen.safetensors"), &done, &err), &err);
  const mn_trained_epoch *history;
  assert_int_equal(mn_training_history(training, &history), 1);
  assert_true(history->drop == first.drop);
  check(mn_training_epoch(training, &epoch, &err), &err);
  printf(", then %s by %.2f\n", epoch.drop_class, epoch.drop);
  assert_true(epoch.drop > 0.3);
  mn_training_free(training);
  mn_model_free(trained);
}

static void test_refusals(void **state) {
  (void)state;
  mn_error err;
  mn_model *start;
  mn_training *training;
  mn_train_options options = {.struct_size = sizeof options, .recipe = "cake"};
  check(mn_model_from_zoo(&start, "v1-0.25-32", NULL, &err), &err);
  assert_int_equal(mn_training_new(&training, start, temp_path("set"), &options, &err),
                   MN_ERR_ARGUMENT);
  assert_non_null(strstr(err.text, "small-data"));
  static const char *const settings[] = {"batch=1000"};
  options =
      (mn_train_options){.struct_size = sizeof options, .settings = settings, .setting_count = 1};
  assert_int_equal(mn_training_new(&training, start, temp_path("set"), &options, &err),
                   MN_ERR_ARGUMENT);
  assert_non_null(strstr(err.text, "batch"));
  static const char *const halves[] = {"batch=8", "precision=bf16"};
  options = (mn_train_options){
      .struct_size = sizeof options, .settings = halves, .setting_count = 2, .int8 = 1};
  assert_int_equal(mn_training_new(&training, start, temp_path("set"), &options, &err),
                   MN_ERR_ARGUMENT);
  assert_non_null(strstr(err.text, "8 bits"));
  assert_int_not_equal(mn_training_new(&training, start, temp_path("nothing"), NULL, &err), MN_OK);
  assert_null(training);
  mn_model_free(start);
}

static int prepare(void **state) {
  if (temp_make(state)) return 1;
  write_set();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_learning), cmocka_unit_test(test_learning_in_bf16),
      cmocka_unit_test(test_int8),     cmocka_unit_test(test_trained_one),
      cmocka_unit_test(test_drop),     cmocka_unit_test(test_refusals)};
  return cmocka_run_group_tests(tests, prepare, temp_drop);
}
