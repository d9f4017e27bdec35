/* SPDX-License-Identifier: Apache-2.0
 * Whole networks in training mode against PyTorch in double (tests/oracle/train_gradients.py):
 * outputs, the gradient of every parameter, running statistics; and the same bits whatever the
 * number of threads, and with reference kernels within rounding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "filled_network.h"

#define GOLDEN MN_TEST_DIR "/golden/train_gradients.txt"
enum { SEED_TENSOR = 1000 };

typedef struct network {
  mn_graph model;
  mn_stepper *stepper;
  mn_threads *threads;
  int32_t batch;
  int32_t input;  /* tensor */
  double largest; /* norm of a parameter's gradient */
} network;

static void open_network(network *net, const char *name, int32_t classes, uint32_t features,
                         int threads) {
  mn_error err;
  build_network(&net->model, name, classes);
  check(mn_threads_new(&net->threads, threads, &err), &err);
  const mn_stepper_options options = {.autodiff = {.batch = net->batch, .norm_momentum = 0.1f},
                                      .threads = net->threads,
                                      .features = features};
  check(mn_stepper_new(&net->stepper, &net->model, &options, &err), &err);
  fill_network(net->stepper);
}

static void close_network(network *net) {
  mn_stepper_free(net->stepper);
  mn_threads_free(net->threads);
  mn_graph_free(&net->model);
}

static const mn_shape *shape_of(const network *net, mn_id id) {
  return &net->stepper->training.graph.values[id].shape;
}

static void run_network(network *net) {
  const mn_graph *graph = &net->stepper->training.graph;
  set_numbers(mn_stepper_input(net->stepper), shape_of(net, graph->inputs[0]),
              (uint64_t)net->input);
  mn_stepper_forward(net->stepper);
  set_numbers(mn_stepper_output_gradient(net->stepper, 0), shape_of(net, graph->outputs[0]),
              SEED_TENSOR);
  mn_stepper_backward(net->stepper);
}

static const float *gradient_of(const network *net, int32_t k) {
  return mn_stepper_gradient(net->stepper, k);
}

static double norm_of(const float *x, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += (double)x[i] * (double)x[i];
  return sqrt(sum);
}

static double worst; /* relative error so far */

static void expect_near(double got, double expected, double scale, const char *what, int32_t k) {
  const double error = fabs(got - expected) / scale;
  if (error > worst) worst = error;
  if (!(error <= 1e-4)) fail_msg("%s %d: %.9g, expected %.9g", what, k, got, expected);
}

static void expect_parameter(const network *net, int32_t k, const char *line) {
  const mn_parameter *p = &net->stepper->training.parameters[k];
  const mn_shape *shape = &net->stepper->training.graph.values[p->value].shape;
  size_t count;
  double norm, picked[4];
  assert_int_equal(sscanf(line, "parameter %zu %lf %lf %lf %lf %lf", &count, &norm, &picked[0],
                          &picked[1], &picked[2], &picked[3]),
                   6);
  assert_int_equal(p->count, count);
  const float *gradient = gradient_of(net, k);
  /* A bias before a batch norm has a gradient of 0 but for rounding. */
  const double scale = norm > 1e-9 * net->largest ? norm : net->largest;
  expect_near(norm_of(gradient, count), norm, scale, "norm of parameter", k);
  for (size_t i = 0; i < 4; i++) {
    const float got = gradient[place(shape, p->depthwise, count * i / 4)];
    expect_near((double)got, picked[i], scale, "parameter", k);
  }
}

static void expect_running(const network *net, int32_t k, const char *line) {
  double norm[2];
  assert_int_equal(sscanf(line, "running %lf %lf", &norm[0], &norm[1]), 2);
  for (int i = 0; i < 2; i++) {
    const mn_running *r = &net->stepper->training.running[2 * k + i];
    expect_near(norm_of(r->data, r->count), norm[i], norm[i], "running statistics", k);
  }
}

static double weighted_output(const network *net) {
  const mn_shape *shape = shape_of(net, net->stepper->training.graph.outputs[0]);
  const float *y = mn_stepper_output(net->stepper, 0);
  double sum = 0;
  for (size_t i = 0; i < elements_of(shape); i++) {
    sum += (double)y[channels_last(shape, i)] * (double)number(SEED_TENSOR, i);
  }
  return sum;
}

static void expect_golden(uint32_t features) {
  FILE *file = fopen(GOLDEN, "r");
  assert_non_null(file);
  network net = {.batch = 0};
  char line[256], name[64];
  int32_t classes = 0, parameters = 0, running = 0, networks = 0;
  while (fgets(line, sizeof line, file)) {
    double output;
    if (line[0] == 'n') {
      if (net.batch) close_network(&net);
      memset(&net, 0, sizeof net);
      assert_int_equal(
          sscanf(line, "network %63s %d %d %d", name, &classes, &net.batch, &net.input), 4);
      open_network(&net, name, classes, features, 1);
      run_network(&net);
      parameters = running = 0;
      networks++;
      worst = 0;
    } else if (line[0] == 'o') {
      assert_int_equal(sscanf(line, "output %lf %lf", &output, &net.largest), 2);
      expect_near(weighted_output(&net), output, fabs(output) + 1, "output", 0);
    } else if (line[0] == 'p') {
      expect_parameter(&net, parameters++, line);
    } else {
      expect_running(&net, running++, line);
    }
    if (parameters == net.stepper->training.parameter_count && line[0] == 'r' &&
        2 * running == net.stepper->training.running_count) {
      printf("%s: %d parameters, worst error %.1e\n", name, parameters, worst);
    }
  }
  assert_int_equal(parameters, net.stepper->training.parameter_count);
  assert_int_equal(2 * running, net.stepper->training.running_count);
  assert_true(networks >= 6);
  close_network(&net);
  fclose(file);
}

static void test_against_pytorch(void **state) {
  (void)state;
  expect_golden(mn_cpu_detect());
}

static void test_levels(void **state) {
  (void)state;
  expect_golden(0);
  expect_golden(mn_cpu_detect() & (MN_AVX2 | MN_FMA));
}

static void test_thread_counts(void **state) {
  (void)state;
  static const char name[] = "v3-small-0.35-64@torchvision";
  network one = {.batch = 4, .input = 1001}, three = {.batch = 4, .input = 1001};
  open_network(&one, name, 10, mn_cpu_detect(), 1);
  open_network(&three, name, 10, mn_cpu_detect(), 3);
  run_network(&one);
  run_network(&three);
  for (int32_t k = 0; k < one.stepper->training.parameter_count; k++) {
    const size_t bytes = one.stepper->training.parameters[k].count * sizeof(float);
    assert_memory_equal(gradient_of(&one, k), gradient_of(&three, k), bytes);
  }
  close_network(&one);
  close_network(&three);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_pytorch),
                                     cmocka_unit_test(test_levels),
                                     cmocka_unit_test(test_thread_counts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
