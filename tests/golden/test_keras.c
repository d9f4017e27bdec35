/* SPDX-License-Identifier: Apache-2.0
 * One network in the forms that Keras exports (tests/oracle/keras_models.py): float, f16 weights,
 * dynamic-range and int8, with the batch left open; and one with dilations. Against LiteRT's
 * reference kernels; also as the first and last picture of a batch. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "mobilenet/mobilenet.h"

enum { PICTURE = 24 * 20 * 3, SCORES = 32, BATCH = 3 };

static void path_of(char *path, size_t size, const char *kind, const char *ending) {
  snprintf(path, size, "%s/golden/keras/%s.%s", MN_TEST_DIR, kind, ending);
}

static void read_expected(const char *kind, void *expected, size_t bytes) {
  char path[512];
  path_of(path, sizeof path, kind, "out");
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  assert_int_equal(fread(expected, 1, bytes, file), bytes);
  fclose(file);
}

static void fill(void *input, mn_type type) {
  for (int i = 0; i < PICTURE; i++) {
    int code = (int)((int64_t)i * 37 % 256);
    if (type == MN_I8) ((int8_t *)input)[i] = (int8_t)(code - 128);
    if (type == MN_F32) ((float *)input)[i] = (float)(code / 127.5 - 1);
  }
}

/* Outputs of every picture of a batch whose first and last are the fixed input. */
static mn_type run(const char *kind, int batch, void *output, size_t bytes) {
  char path[512];
  mn_model *model;
  mn_plan *plan;
  mn_session *session;
  mn_error err;
  mn_tensor_info in, out;
  path_of(path, sizeof path, kind, "tflite");
  if (mn_model_open(&model, path, NULL, &err)) fail_msg("%s", err.text);
  mn_plan_options options = {.struct_size = sizeof options, .batch = batch};
  if (mn_plan_new(&plan, model, &options, &err)) fail_msg("%s", err.text);
  if (mn_session_new(&session, plan, NULL, &err)) fail_msg("%s", err.text);
  assert_int_equal(mn_plan_input_info(plan, 0, &in), MN_OK);
  assert_int_equal(mn_plan_output_info(plan, 0, &out), MN_OK);
  assert_int_equal(in.dims[0], batch);
  assert_int_equal(out.dims[0], batch);
  assert_int_equal(out.bytes, bytes);
  unsigned char *input = mn_session_input(session, 0);
  memset(input, 0, in.bytes);
  fill(input, in.type);
  fill(input + in.bytes / (size_t)batch * (size_t)(batch - 1), in.type);
  assert_int_equal(mn_session_run(session, &err), MN_OK);
  memcpy(output, mn_session_output(session, 0), bytes);
  mn_session_free(session);
  mn_plan_free(plan);
  mn_model_free(model);
  return out.type;
}

static void expect_near(const float *found, const float *expected, double tolerance) {
  for (int i = 0; i < SCORES; i++) {
    double off = fabs((double)found[i] - (double)expected[i]);
    if (!(off <= tolerance)) fail_msg("score %d is off by %g", i, off);
  }
}

static void float_and_f16_equal_litert(void **state) {
  (void)state;
  const char *const kinds[] = {"float", "f16"};
  for (int k = 0; k < 2; k++) {
    float found[BATCH][SCORES], expected[SCORES];
    read_expected(kinds[k], expected, sizeof expected);
    assert_int_equal(run(kinds[k], BATCH, found, sizeof found), MN_F32);
    expect_near(found[0], expected, 1e-6);
    assert_memory_equal(found[0], found[BATCH - 1], sizeof found[0]);
    assert_memory_not_equal(found[0], found[1], sizeof found[0]);
  }
}

/* Computed in float, where LiteRT rounds activations to 8 bits too: nearer to the float network
 * than 2 % of a probability, and not equal to it, since the weights are rounded. */
static void dynamic_range_is_near_the_float_network(void **state) {
  (void)state;
  float found[SCORES], expected[SCORES];
  read_expected("float", expected, sizeof expected);
  assert_int_equal(run("dynamic", 1, found, sizeof found), MN_F32);
  expect_near(found, expected, 0.02);
  assert_memory_not_equal(found, expected, sizeof found);
}

/* "atrous" has dilations, written as SPACE_TO_BATCH_ND: its stated batches are stand-ins. */
static void int8_equals_litert_to_the_bit(void **state) {
  (void)state;
  const char *const kinds[] = {"int8", "atrous"};
  for (int k = 0; k < 2; k++) {
    int8_t found[BATCH][SCORES], expected[SCORES];
    read_expected(kinds[k], expected, sizeof expected);
    assert_int_equal(run(kinds[k], BATCH, found, sizeof found), MN_I8);
    assert_memory_equal(found[0], expected, sizeof expected);
    assert_memory_equal(found[BATCH - 1], expected, sizeof expected);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(float_and_f16_equal_litert),
      cmocka_unit_test(dynamic_range_is_near_the_float_network),
      cmocka_unit_test(int8_equals_litert_to_the_bit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
