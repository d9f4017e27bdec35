/* SPDX-License-Identifier: Apache-2.0
 * Steps of training: ten of each optimizer against PyTorch in double (tests/oracle/train_steps.py);
 * the same bits with other numbers of threads, and after going on from a checkpoint; what is no
 * number changes nothing. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "../temp_folder.h"
#include "base/alloc.h"
#include "filled_network.h"
#include "train/checkpoint.h"

#define GOLDEN MN_TEST_DIR "/golden/train_steps.txt"
enum { CLASSES = 10, BATCH = 4 };

typedef struct run {
  mn_graph model;
  mn_objective *objective;
  mn_trainer *trainer;
  mn_threads *threads;
} run;

static mn_trainer_options options_of(const char *optimizer) {
  mn_trainer_options o = {
      .batch = BATCH, .weight_decay = 1e-3, .norm_momentum = 0.1, .backbone_share = 1};
  o.features = mn_cpu_detect();
  if (strcmp(optimizer, "sgd") == 0) {
    o.optimizer = (mn_optimizer){.kind = MN_SGD, .momentum = 0.9, .nesterov = true};
  } else if (strcmp(optimizer, "rmsprop") == 0) {
    o.optimizer =
        (mn_optimizer){.kind = MN_RMSPROP_TORCH, .momentum = 0.9, .decay = 0.9, .epsilon = 0.01};
  } else {
    o.optimizer = (mn_optimizer){.kind = MN_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8};
  }
  return o;
}

static double rate_of(const char *optimizer) {
  return strcmp(optimizer, "sgd") == 0 ? 0.002 : 0.002 / 20;
}

static void begin(run *r, const char *network, mn_trainer_options options, int threads) {
  mn_error err;
  build_network(&r->model, network, CLASSES);
  check(mn_threads_new(&r->threads, threads, &err), &err);
  options.threads = r->threads;
  check(mn_objective_classes(&r->objective, &err), &err);
  options.objective = r->objective;
  check(mn_trainer_new(&r->trainer, &r->model, &options, &err), &err);
}

static void end(run *r) {
  mn_trainer_free(r->trainer);
  mn_objective_free(r->objective);
  mn_threads_free(r->threads);
  mn_graph_free(&r->model);
}

static mn_trained_step step(run *r, int32_t input, double rate) {
  mn_trained_step done;
  const mn_graph *graph = &r->trainer->stepper->training.graph;
  set_numbers(mn_trainer_pixels(r->trainer), &graph->values[graph->inputs[0]].shape,
              (uint64_t)input);
  float *targets = mn_trainer_targets(r->trainer);
  for (int32_t i = 0; i < BATCH * CLASSES; i++) {
    const int32_t right = 3 * (i / CLASSES) % CLASSES;
    targets[i] = 0.1f / CLASSES + (i % CLASSES == right ? 0.9f : 0.0f);
  }
  assert_true(mn_trainer_step(r->trainer, rate, &done));
  return done;
}

static double norm_of_weights(const run *r) {
  const mn_training_graph *training = &r->trainer->stepper->training;
  double sum = 0;
  for (int32_t k = 0; k < training->parameter_count; k++) {
    const mn_parameter *p = &training->parameters[k];
    for (size_t i = 0; i < p->count; i++) sum += (double)p->data[i] * (double)p->data[i];
  }
  return sqrt(sum);
}

static void test_against_pytorch(void **state) {
  (void)state;
  FILE *file = fopen(GOLDEN, "r");
  assert_non_null(file);
  char line[256], network[64], optimizer[16] = "";
  run r = {.trainer = NULL};
  int32_t classes, batch, input = 0, steps = 0;
  double worst = 0;
  while (fgets(line, sizeof line, file)) {
    double loss, norm;
    if (line[0] == 'n') {
      if (r.trainer) end(&r);
      assert_int_equal(
          sscanf(line, "network %63s %d %d %d %15s", network, &classes, &batch, &input, optimizer),
          5);
      begin(&r, network, options_of(optimizer), 1);
      fill_network(r.trainer->stepper);
      continue;
    }
    assert_int_equal(sscanf(line, "step %lf %lf", &loss, &norm), 2);
    const mn_trained_step done = step(&r, input, rate_of(optimizer));
    const double errors[2] = {fabs(done.loss - loss) / loss,
                              fabs(norm_of_weights(&r) - norm) / norm};
    for (int i = 0; i < 2; i++) worst = errors[i] > worst ? errors[i] : worst;
    if (worst > 1e-4) fail_msg("%s: loss %.9g, expected %.9g", optimizer, done.loss, loss);
    steps++;
  }
  printf("%d steps, worst error %.1e\n", steps, worst);
  assert_int_equal(steps, 30);
  end(&r);
  fclose(file);
}

static void expect_same(const run *a, const run *b) {
  const mn_training_graph *one = &a->trainer->stepper->training;
  const mn_training_graph *other = &b->trainer->stepper->training;
  for (int32_t k = 0; k < one->parameter_count; k++) {
    const size_t bytes = one->parameters[k].count * sizeof(float);
    assert_memory_equal(one->parameters[k].data, other->parameters[k].data, bytes);
    assert_memory_equal(a->trainer->averages[k], b->trainer->averages[k], bytes);
  }
  for (int32_t k = 0; k < one->running_count; k++) {
    assert_memory_equal(one->running[k].data, other->running[k].data,
                        one->running[k].count * sizeof(float));
  }
}

static mn_trainer_options averaged(const char *optimizer) {
  mn_trainer_options o = options_of(optimizer);
  o.average = 0.9;
  o.average_warmup = true;
  o.clip = 1;
  return o;
}

static void test_thread_counts(void **state) {
  (void)state;
  run one, two;
  begin(&one, "v2-0.25-64", averaged("adamw"), 1);
  begin(&two, "v2-0.25-64", averaged("adamw"), 2);
  for (int i = 0; i < 3; i++) {
    step(&one, 2000 + i, 1e-3);
    step(&two, 2000 + i, 1e-3);
  }
  expect_same(&one, &two);
  end(&one);
  end(&two);
}

static void test_going_on(void **state) {
  (void)state;
  const char *path = temp_path("run.safetensors");
  mn_error err;
  run whole, first, second;
  mn_run_state saved = {.epoch = 2, .seed = 7, .fingerprint = -5}, loaded;
  int64_t words[] = {3, -1, INT64_MIN};
  const mn_run_history history = {words, 3};
  mn_run_history found;
  begin(&whole, "v3-small-0.35-64", averaged("rmsprop"), 1);
  begin(&first, "v3-small-0.35-64", averaged("rmsprop"), 1);
  begin(&second, "v3-small-0.35-64", averaged("rmsprop"), 1);
  for (int i = 0; i < 4; i++) step(&whole, 2000 + i, 1e-3);
  for (int i = 0; i < 2; i++) step(&first, 2000 + i, 1e-3);
  saved.steps = first.trainer->steps;
  check(mn_checkpoint_save(first.trainer, &saved, &history, path, &err), &err);
  check(mn_checkpoint_load(second.trainer, &loaded, &found, path, &err), &err);
  assert_int_equal(found.count, 3);
  assert_memory_equal(found.words, words, sizeof words);
  mn_free(found.words);
  assert_memory_equal(&saved, &loaded, sizeof saved);
  for (int i = 2; i < 4; i++) step(&second, 2000 + i, 1e-3);
  expect_same(&whole, &second);

  run other;
  begin(&other, "v3-small-0.5-64", averaged("rmsprop"), 1);
  assert_int_equal(mn_checkpoint_load(other.trainer, &loaded, &found, path, &err), MN_ERR_FORMAT);
  mn_free(found.words);
  assert_non_null(strstr(err.text, "another network"));
  end(&other);
  begin(&other, "v3-small-0.35-64", options_of("sgd"), 1); /* it has a slot less */
  assert_int_equal(mn_checkpoint_load(other.trainer, &loaded, &found, path, &err), MN_OK);
  mn_free(found.words);
  end(&other);
  end(&whole);
  end(&first);
  end(&second);
}

static void test_no_number(void **state) {
  (void)state;
  run r;
  mn_trained_step done;
  begin(&r, "v2-0.25-64", options_of("sgd"), 1);
  step(&r, 2000, 1e-3);
  const double before = norm_of_weights(&r);
  mn_trainer_pixels(r.trainer)[5] = NAN;
  assert_false(mn_trainer_step(r.trainer, 1e-3, &done));
  assert_true(norm_of_weights(&r) == before);
  assert_int_equal(r.trainer->steps, 1);
  end(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_against_pytorch), cmocka_unit_test(test_thread_counts),
      cmocka_unit_test(test_going_on), cmocka_unit_test(test_no_number)};
  return cmocka_run_group_tests(tests, temp_make, temp_drop);
}
