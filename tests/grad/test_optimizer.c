/* SPDX-License-Identifier: Apache-2.0
 * Optimizers, averages of weights and clipping against PyTorch and TensorFlow in double
 * (tests/oracle/optimizer_steps.py); the same bits however the weights are split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "numbers.h"
#include "train/gradient_norm.h"
#include "train/optimizer.h"
#include "train/weight_average.h"

#define GOLDEN(name) MN_TEST_DIR "/golden/" name ".txt"
enum { COUNT = 37, STEPS = 50, WEIGHTS = 1000 };

static void set_gradient(float *gradient, uint64_t step) {
  static const float scales[5] = {1.0f / 64, 1.0f / 16, 1.0f / 4, 1, 4};
  for (uint64_t i = 0; i < COUNT; i++) gradient[i] = number(step, i) * scales[i % 5];
}

static double rate_at(double rate, int step) { return rate * (1 - (step - 1) / 100.0); }

typedef struct descent {
  mn_optimizer optimizer;
  double weight_decay, rate;
  size_t split; /* each step is taken in ranges of so many elements */
} descent;

static void run_descent(const descent *d, float *weights) {
  float gradient[COUNT], slots[MN_OPTIMIZER_SLOTS][COUNT];
  for (uint64_t i = 0; i < COUNT; i++) weights[i] = number(WEIGHTS, i);
  mn_update update = {
      .weights = weights, .gradient = gradient, .weight_decay = d->weight_decay, .scale = 1};
  for (int s = 0; s < mn_optimizer_slots(&d->optimizer); s++) {
    update.slots[s] = slots[s];
    for (int i = 0; i < COUNT; i++) slots[s][i] = mn_optimizer_slot_start(&d->optimizer, s);
  }
  for (int step = 1; step <= STEPS; step++) {
    set_gradient(gradient, (uint64_t)step);
    update.rate = rate_at(d->rate, step);
    update.step = step;
    for (size_t begin = 0; begin < COUNT; begin += d->split) {
      const size_t end = begin + d->split;
      mn_optimizer_update(&d->optimizer, &update, begin, end < COUNT ? end : COUNT);
    }
  }
}

/* Float arithmetic of 50 steps loses a few roundings of the largest weight. */
static void expect_values(FILE *file, const float *got, const char *what) {
  double expected[COUNT], largest = 0, worst = 0;
  for (int i = 0; i < COUNT; i++) {
    assert_int_equal(fscanf(file, "%lf", &expected[i]), 1);
    largest = fmax(largest, fabs(expected[i]));
  }
  for (int i = 0; i < COUNT; i++) worst = fmax(worst, fabs((double)got[i] - expected[i]));
  printf("%s: worst error %.1e of the largest\n", what, worst / largest);
  assert_true(worst <= 1e-6 * largest);
}

static mn_optimizer_kind kind_of(const char *name) {
  if (strcmp(name, "sgd") == 0) return MN_SGD;
  if (strcmp(name, "rmsprop_tf") == 0) return MN_RMSPROP_TF;
  if (strcmp(name, "rmsprop_torch") == 0) return MN_RMSPROP_TORCH;
  assert_string_equal(name, "adamw");
  return MN_ADAMW;
}

static void expect_optimizer(FILE *file) {
  char kind[32], what[64];
  int nesterov;
  descent d = {.split = COUNT};
  mn_optimizer *o = &d.optimizer;
  assert_int_equal(
      fscanf(file, "%31s %lf %d %lf %lf %lf %lf %lf %lf", kind, &o->momentum, &nesterov, &o->decay,
             &o->beta1, &o->beta2, &o->epsilon, &d.weight_decay, &d.rate),
      9);
  o->kind = kind_of(kind);
  o->nesterov = nesterov != 0;
  float weights[COUNT], again[COUNT];
  run_descent(&d, weights);
  snprintf(what, sizeof what, "%s, momentum %g", kind, o->momentum);
  expect_values(file, weights, what);
  for (d.split = 1; d.split < COUNT; d.split += 5) {
    run_descent(&d, again);
    assert_memory_equal(weights, again, sizeof weights);
  }
}

static void expect_average(FILE *file) {
  double decay;
  int warm_up;
  float average[COUNT], weights[COUNT];
  assert_int_equal(fscanf(file, "%lf %d", &decay, &warm_up), 2);
  for (uint64_t i = 0; i < COUNT; i++) average[i] = number(WEIGHTS, i);
  for (int step = 1; step <= STEPS; step++) {
    set_gradient(weights, (uint64_t)step);
    const double now = warm_up ? mn_average_decay(decay, step) : decay;
    mn_average_update(average, weights, now, 0, 11);
    mn_average_update(average, weights, now, 11, COUNT);
  }
  expect_values(file, average, warm_up ? "average, warming up" : "average");
}

static void expect_norm(FILE *file) {
  static const size_t counts[3] = {1, 100, 3000};
  static float arrays[3][3000];
  const float *const pointers[3] = {arrays[0], arrays[1], arrays[2]};
  const mn_gradients gradients = {pointers, counts, 3};
  double most, norm, scale;
  assert_int_equal(fscanf(file, "%lf %lf %lf", &most, &norm, &scale), 3);
  for (uint64_t a = 0; a < 3; a++) {
    for (uint64_t i = 0; i < counts[a]; i++) arrays[a][i] = number(a, i);
  }
  const double got = mn_gradient_norm(&gradients, NULL);
  assert_true(fabs(got - norm) <= 1e-9 * norm); /* sums in double, the script's too */
  assert_true(fabs((double)mn_clip_scale(got, most) - scale) <= 1e-7 * scale);
  for (int count = 2; count <= 5; count++) {
    mn_threads *threads;
    assert_int_equal(mn_threads_new(&threads, count, NULL), MN_OK);
    assert_true(mn_gradient_norm(&gradients, threads) == got);
    mn_threads_free(threads);
  }
}

static void expect_golden(const char *path, int cases) {
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  char word[32];
  for (; fscanf(file, "%31s", word) == 1; cases--) {
    if (strcmp(word, "optimizer") == 0) {
      expect_optimizer(file);
    } else if (strcmp(word, "average") == 0) {
      expect_average(file);
    } else {
      assert_string_equal(word, "norm");
      expect_norm(file);
    }
  }
  assert_int_equal(cases, 0);
  fclose(file);
}

static void test_as_pytorch(void **state) {
  (void)state;
  expect_golden(GOLDEN("optimizer_torch"), 9);
}

static void test_as_tensorflow(void **state) {
  (void)state;
  expect_golden(GOLDEN("optimizer_tf"), 5);
}

/* A gradient that is scaled and one that was are the same step. */
static void test_scale(void **state) {
  (void)state;
  float a[2] = {1, 2}, b[2] = {1, 2}, full[2] = {8, -4}, half[2] = {4, -2};
  const mn_optimizer optimizer = {.kind = MN_SGD};
  const mn_update scaled = {.weights = a, .gradient = full, .rate = 0.125, .scale = 0.5f};
  const mn_update plain = {.weights = b, .gradient = half, .rate = 0.125, .scale = 1};
  mn_optimizer_update(&optimizer, &scaled, 0, 2);
  mn_optimizer_update(&optimizer, &plain, 0, 2);
  assert_memory_equal(a, b, sizeof a);
  assert_true(a[0] == 0.5f && a[1] == 2.25f);
}

static void test_broken_gradients_show(void **state) {
  (void)state;
  float x[20] = {0};
  const float *const pointer = x;
  const size_t count = 20;
  x[13] = NAN;
  assert_true(isnan(mn_gradient_norm(&(mn_gradients){&pointer, &count, 1}, NULL)));
  x[13] = INFINITY;
  assert_true(isinf(mn_gradient_norm(&(mn_gradients){&pointer, &count, 1}, NULL)));
  assert_true(mn_clip_scale(100, 0) == 1.0f);
  assert_true(mn_gradient_norm(&(mn_gradients){NULL, NULL, 0}, NULL) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_as_pytorch), cmocka_unit_test(test_as_tensorflow),
      cmocka_unit_test(test_scale), cmocka_unit_test(test_broken_gradients_show)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
