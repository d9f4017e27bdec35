/* SPDX-License-Identifier: Apache-2.0
 * Training with products in bf16: operands are rounded as base/half.h rounds, sums over pixels are
 * those of the rounded operands, gradients of whole networks stay near those of f32 on every level
 * of kernels, and threads change no bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/half.h"
#include "filled_network.h"
#include "kernels/grad/outer_bf16.h"

enum { SEED_TENSOR = 1000, INPUT_TENSOR = 1001 };

static const uint32_t levels[] = {0, MN_AVX2 | MN_FMA, MN_AVX2 | MN_FMA | MN_AVX512, ~0u};
enum { LEVELS = sizeof levels / sizeof levels[0] };

static uint32_t features_at(int level) { return mn_cpu_detect() & levels[level]; }

/* ---- Rounding ------------------------------------------------------------------------------- */

static bool same_half(uint16_t a, uint16_t b) {
  const float x = mn_bfloat_to_float(a), y = mn_bfloat_to_float(b);
  return a == b || (x != x && y != y);
}

static void test_rounding(void **state) {
  (void)state;
  static const float x[] = {
      0.0f, -0.0f,    0x1.01p0f, 0x1.03p0f, 0x1.0100001p0f, FLT_MAX,   1e-3f,       -FLT_MAX, 3.0f,
      NAN,  INFINITY, -INFINITY, -1.7f,     0x1.fffp7f,     123456.0f, -0x1.01p-5f, 7.1f};
  enum { COUNT = sizeof x / sizeof *x };
  for (int level = 0; level < LEVELS; level++) {
    const mn_grad_kernels *kernels = mn_grad_kernels_select(features_at(level));
    float rounded[COUNT], turned[COUNT];
    uint16_t pairs[2 * COUNT];
    for (int i = 0; i < COUNT; i++) turned[i] = x[COUNT - 1 - i];
    kernels->round(x, COUNT, rounded);
    kernels->round_pairs(x, turned, COUNT, pairs);
    for (int i = 0; i < COUNT; i++) {
      const uint16_t expected = mn_bfloat_of_float(x[i]);
      assert_true(same_half(pairs[2 * i], expected));
      assert_true(same_half(pairs[2 * i + 1], mn_bfloat_of_float(turned[i])));
      assert_true(same_half(mn_bfloat_of_float(rounded[i]), expected));
      assert_true(rounded[i] != rounded[i] || rounded[i] == mn_bfloat_to_float(expected));
    }
  }
}

/* ---- Sums over pixels ----------------------------------------------------------------------- */

typedef struct sum_case {
  size_t pixels, m, n, a_gap, b_gap, c_gap;
} sum_case;

static double rounded(float x) { return (double)mn_bfloat_to_float(mn_bfloat_of_float(x)); }

/* A sum of `pixels` exact products and what was there before errs by less than 2^-24 of the
 * magnitude each time it is rounded; instructions of bf16 round a pair's twice. */
static void expect_sums(const sum_case *s, const float *a, const float *b, const float *c,
                        const float *before) {
  const size_t a_stride = s->m + s->a_gap, b_stride = s->n + s->b_gap, c_stride = s->n + s->c_gap;
  for (size_t i = 0; i < s->m; i++) {
    for (size_t j = 0; j < c_stride; j++) {
      const size_t at = i * c_stride + j;
      double sum = (double)before[at], magnitude = fabs(sum);
      for (size_t p = 0; p < s->pixels && j < s->n; p++) {
        const double product = rounded(a[p * a_stride + i]) * rounded(b[p * b_stride + j]);
        sum += product;
        magnitude += fabs(product);
      }
      const double bound = j < s->n ? ldexp((double)s->pixels + 3, -23) * magnitude : 0;
      if (!(fabs((double)c[at] - sum) <= bound)) {
        fail_msg("[%zu][%zu] of %zu x %zu, %zu pixels: %a, expected %a", i, j, s->m, s->n,
                 s->pixels, (double)c[at], sum);
      }
    }
  }
}

static float *numbers_of(uint64_t tensor, size_t count) {
  float *x = malloc(count * sizeof *x);
  assert_non_null(x);
  for (size_t i = 0; i < count; i++) x[i] = number(tensor, i);
  return x;
}

static void check_sums(const sum_case *s, uint32_t features) {
  const size_t c_count = s->m * (s->n + s->c_gap);
  float *a = numbers_of(1, s->pixels * (s->m + s->a_gap));
  float *b = numbers_of(2, s->pixels * (s->n + s->b_gap));
  float *c = numbers_of(3, c_count), *before = numbers_of(3, c_count);
  const size_t bytes = mn_outer_bf16_scratch(s->m, s->n);
  void *scratch = aligned_alloc(64, (bytes + 63) / 64 * 64);
  assert_non_null(scratch);
  const mn_outer_args args = {.a = a,
                              .b = b,
                              .c = c,
                              .a_stride = s->m + s->a_gap,
                              .b_stride = s->n + s->b_gap,
                              .c_stride = s->n + s->c_gap,
                              .pixels = s->pixels,
                              .m = s->m,
                              .n = s->n};
  mn_outer_bf16_select(features)(&args, mn_grad_kernels_select(features), scratch);
  expect_sums(s, a, b, c, before);
  free(a);
  free(b);
  free(c);
  free(before);
  free(scratch);
}

static void test_sums(void **state) {
  (void)state;
  static const size_t sides[] = {1, 7, 8, 16, 17, 24, 32, 40, 48, 63, 96};
  static const size_t pixels[] = {1, 2, 31, 32, 33, 112, 128, 129, 300};
  enum { SIDES = sizeof sides / sizeof *sides, COUNTS = sizeof pixels / sizeof *pixels };
  for (int level = 0; level < LEVELS; level++) {
    for (int i = 0; i < SIDES * SIDES; i++) {
      const sum_case s = {.pixels = pixels[i % COUNTS],
                          .m = sides[i / SIDES],
                          .n = sides[i % SIDES],
                          .a_gap = i % 3 == 0 ? 5 : 0,
                          .b_gap = i % 4 == 0 ? 3 : 0,
                          .c_gap = i % 5 == 0 ? 2 : 0};
      check_sums(&s, features_at(level));
    }
  }
}

/* ---- Whole networks ------------------------------------------------------------------------- */

typedef struct network {
  mn_graph model;
  mn_stepper *stepper;
  mn_threads *threads;
} network;

static void run_network(network *net, const char *name, const mn_stepper_options *how,
                        int threads) {
  mn_error err;
  mn_stepper_options options = *how;
  build_network(&net->model, name, 10);
  check(mn_threads_new(&net->threads, threads, &err), &err);
  options.autodiff = (mn_autodiff_options){.batch = 8, .norm_momentum = 0.1f};
  options.threads = net->threads;
  check(mn_stepper_new(&net->stepper, &net->model, &options, &err), &err);
  fill_network(net->stepper);
  const mn_graph *graph = &net->stepper->training.graph;
  set_numbers(mn_stepper_input(net->stepper), &graph->values[graph->inputs[0]].shape, INPUT_TENSOR);
  mn_stepper_forward(net->stepper);
  set_numbers(mn_stepper_output_gradient(net->stepper, 0), &graph->values[graph->outputs[0]].shape,
              SEED_TENSOR);
  mn_stepper_backward(net->stepper);
}

static void close_network(network *net) {
  mn_stepper_free(net->stepper);
  mn_threads_free(net->threads);
  mn_graph_free(&net->model);
}

/* How far all gradients together are from each other, of their length. */
static double apart(const network *a, const network *b) {
  double difference = 0, length = 0;
  for (int32_t k = 0; k < a->stepper->training.parameter_count; k++) {
    const float *x = mn_stepper_gradient(a->stepper, k), *y = mn_stepper_gradient(b->stepper, k);
    for (size_t i = 0; i < a->stepper->training.parameters[k].count; i++) {
      difference += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
      length += (double)y[i] * (double)y[i];
    }
  }
  return sqrt(difference / length);
}

static const char v3[] = "v3-small-0.35-64@torchvision";

/* What f32 rounds away is 2^-15 of what bf16 does, and the whole network makes 6e-5 of a norm of it
 * (test_gradients). Levels differ where sums of another order are rounded to another side. */
static void test_network(void **state) {
  (void)state;
  network floats, best;
  run_network(&floats, v3, &(mn_stepper_options){.features = mn_cpu_detect()}, 1);
  run_network(&best, v3, &(mn_stepper_options){.features = mn_cpu_detect(), .bf16 = true}, 1);
  for (int level = 0; level < LEVELS; level++) {
    network halves;
    run_network(&halves, v3, &(mn_stepper_options){.features = features_at(level), .bf16 = true},
                1);
    const double from_f32 = apart(&halves, &floats), from_best = apart(&halves, &best);
    printf("level %d: %.4f of f32's gradients, %.4f of the best level's\n", level, from_f32,
           from_best);
    assert_true(from_f32 > 1e-3 && from_f32 < 0.25);
    assert_true(from_best < 0.1);
    close_network(&halves);
  }
  close_network(&floats);
  close_network(&best);
}

static void test_thread_counts(void **state) {
  (void)state;
  for (int level = 0; level < LEVELS; level++) {
    const mn_stepper_options how = {.features = features_at(level), .bf16 = true};
    network one, three;
    run_network(&one, v3, &how, 1);
    run_network(&three, v3, &how, 3);
    for (int32_t k = 0; k < one.stepper->training.parameter_count; k++) {
      const size_t bytes = one.stepper->training.parameters[k].count * sizeof(float);
      assert_memory_equal(mn_stepper_gradient(one.stepper, k),
                          mn_stepper_gradient(three.stepper, k), bytes);
    }
    close_network(&one);
    close_network(&three);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_rounding), cmocka_unit_test(test_sums),
                                     cmocka_unit_test(test_network),
                                     cmocka_unit_test(test_thread_counts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
