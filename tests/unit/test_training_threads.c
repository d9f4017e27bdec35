/* SPDX-License-Identifier: Apache-2.0
 * A classifier from a folder of pictures: it learns what can be learned, the same bits come of any
 * number of threads and of a run that was stopped, and what cannot be trained is refused. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../striped_set.h"
#include "mobilenet/convert.h"
#include "mobilenet/train.h"
#include "mobilenet/zoo.h"

static void check(mn_status status, const mn_error *err) {
  if (status) fail_msg("%s: %s", err->where, err->text);
}

typedef struct run {
  mn_model *start;
  mn_threads *threads;
  mn_training *training;
} run;

static void begin(run *r, int threads) {
  mn_error err;
  static const char *const settings[] = {
      "epochs=24", "batch=8", "rate=0.1",        "average=0",         "rand_ops=0", "mixup=0",
      "flip=0",    "erase=0", "warmup_epochs=0", "norm_momentum=0.3", "dropout=0.1"};
  check(mn_model_from_zoo(&r->start, "v1-0.25-32", NULL, &err), &err);
  check(mn_threads_new(&r->threads, threads, &err), &err);
  const mn_train_options options = {.struct_size = sizeof options,
                                    .settings = settings,
                                    .setting_count = sizeof settings / sizeof settings[0],
                                    .held_back = 0.25,
                                    .seed = 3,
                                    .threads = r->threads};
  check(mn_training_new(&r->training, r->start, temp_path("set"), &options, &err), &err);
}

static void end(run *r) {
  mn_training_free(r->training);
  mn_threads_free(r->threads);
  mn_model_free(r->start);
}

static mn_trained_epoch epochs(run *r, int count) {
  mn_trained_epoch epoch = {0};
  mn_error err;
  for (int i = 0; i < count; i++) check(mn_training_epoch(r->training, &epoch, &err), &err);
  return epoch;
}

/* The trained model's file; freed by the caller. */
static char *file_of(run *r, const char *name, size_t *size) {
  mn_error err;
  mn_model *model;
  check(mn_training_model(r->training, &model, &err), &err);
  check(mn_model_save(model, temp_path(name), MN_FORMAT_BY_NAME, &err), &err);
  assert_int_equal(mn_model_label_count(model), 2);
  mn_model_free(model);
  FILE *file = fopen(temp_path(name), "rb");
  assert_non_null(file);
  char *bytes = malloc(1 << 22);
  *size = fread(bytes, 1, 1 << 22, file);
  fclose(file);
  return bytes;
}

static void test_learning(void **state) {
  (void)state;
  run one, two, stopped;
  size_t sizes[3];
  begin(&one, 1);
  begin(&two, 2);
  assert_int_equal(mn_training_pictures(one.training, 0) + mn_training_pictures(one.training, 1),
                   2 * PICTURES);
  const mn_trained_epoch last = epochs(&one, 24);
  assert_int_equal(last.epoch, 24);
  printf("loss %.3f, trained on %.2f, held back %.2f\n", last.loss, last.top1, last.eval_top1);
  assert_true(last.eval_top1 > 0.9);
  epochs(&two, 24);

  mn_error err;
  begin(&stopped, 1);
  epochs(&stopped, 12);
  check(mn_training_save(stopped.training, temp_path("run.safetensors"), &err), &err);
  end(&stopped);
  int32_t done;
  begin(&stopped, 2);
  check(mn_training_resume(stopped.training, temp_path("run.safetensors"), &done, &err), &err);
  assert_int_equal(done, 12);
  epochs(&stopped, 12);

  char *files[3] = {file_of(&one, "one.safetensors", &sizes[0]),
                    file_of(&two, "two.safetensors", &sizes[1]),
                    file_of(&stopped, "three.safetensors", &sizes[2])};
  for (int i = 1; i < 3; i++) {
    assert_int_equal(sizes[0], sizes[i]);
    assert_memory_equal(files[0], files[i], sizes[0]);
  }
  for (int i = 0; i < 3; i++) free(files[i]);
  end(&one);
  end(&two);
  end(&stopped);
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
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_learning),
                                     cmocka_unit_test(test_refusals)};
  return cmocka_run_group_tests(tests, prepare, temp_drop);
}
