/* SPDX-License-Identifier: Apache-2.0
 * State dictionaries of torchvision and timm against those libraries: thin networks with random
 * weights (tests/golden/weights, made by tests/oracle/torch_weights.py), at odd sizes. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mobilenet/convert.h"

static const char folder[] = MN_TEST_DIR "/golden/weights";

/* The rule of torch_weights.py. */
static void fill_picture(float *out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t bits = (uint32_t)i * 2654435761u + 12345u;
    out[i] = (float)(bits >> 16) / 32768.0f - 1.0f;
  }
}

static mn_model *open_golden(const char *name) {
  char path[512];
  mn_model *model;
  mn_error err;
  snprintf(path, sizeof path, "%s/%s", folder, name);
  assert_int_equal(mn_weights_has(path), 1);
  if (mn_model_open_weights(&model, path, NULL, &err)) fail_msg("%s", err.text);
  return model;
}

/* expected: [count] */
static void check_run(const mn_model *model, int height, int width, const double *expected,
                      int count) {
  mn_plan *plan;
  mn_session *session;
  mn_tensor_info in, out;
  mn_error err;
  mn_plan_options options = {.struct_size = sizeof options, .height = height, .width = width};
  if (mn_plan_new(&plan, model, &options, &err)) fail_msg("%s", err.text);
  if (mn_session_new(&session, plan, NULL, &err)) fail_msg("%s", err.text);
  assert_int_equal(mn_plan_input_info(plan, 0, &in), MN_OK);
  assert_int_equal(mn_plan_output_info(plan, 0, &out), MN_OK);
  assert_int_equal(out.bytes, (size_t)count * sizeof(float));
  fill_picture(mn_session_input(session, 0), in.bytes / sizeof(float));
  if (mn_session_run(session, &err)) fail_msg("%s", err.text);
  const float *output = mn_session_output(session, 0);
  double largest = 0, worst = 0;
  for (int i = 0; i < count; i++) {
    double difference = fabs((double)output[i] - expected[i]);
    worst = isnan(difference) ? INFINITY : fmax(worst, difference);
    largest = fmax(largest, fabs(expected[i]));
  }
  assert_true(largest > 0.01);
  if (!(worst <= 1e-5 * largest)) fail_msg("%dx%d: off by %g of %g", height, width, worst, largest);
  mn_session_free(session);
  mn_plan_free(plan);
}

static void networks(void **state) {
  (void)state;
  char path[512], name[128], last[128] = "";
  int height, width, count, lines = 0;
  mn_model *model = NULL;
  snprintf(path, sizeof path, "%s/expected.txt", folder);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while (fscanf(file, "%127s %d %d %d", name, &height, &width, &count) == 4) {
    double expected[16];
    assert_in_range(count, 1, 16);
    for (int i = 0; i < count; i++) assert_int_equal(fscanf(file, "%lf", &expected[i]), 1);
    if (strcmp(name, last) != 0) {
      mn_model_free(model);
      model = open_golden(name);
      snprintf(last, sizeof last, "%s", name);
    }
    check_run(model, height, width, expected, count);
    lines++;
  }
  fclose(file);
  mn_model_free(model);
  assert_int_equal(lines, 21);
}

/* What is recognized, and how the library feeds it, in the words that a person reads. */
static void assumptions(void **state) {
  (void)state;
  static const struct {
    const char *name, *words;
  } cases[] = {
      {"tv_v2.safetensors", "taken for v2-0.05-224@torchvision by its names and shapes; assumed:"},
      {"tv_v3_large.safetensors", "v3-large-0.1-224@torchvision"},
      {"tv_v3_small.pth", "taken for v3-small-0.05-224@torchvision"},
      {"timm_v1.safetensors", "v1-0.125-224@timm"},
      {"timm_v3_small.safetensors", "v3-small-0.05-224@tf, if it is timm's tf_mobilenetv3_small"},
      {"tf_mobilenetv3_small.safetensors", "taken for v3-small-0.05-224@tf by"},
      {"timm_v4_small.safetensors", "short side to 256, then the centre, Pillow bicubic"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mn_model *model = open_golden(cases[i].name);
    const char *said = mn_model_assumptions(model);
    if (!said || !strstr(said, cases[i].words)) fail_msg("%s: %s", cases[i].name, said);
    mn_model_free(model);
  }
}

/* What names cannot tell, the caller may: other padding gives another network. */
static void architecture(void **state) {
  (void)state;
  mn_model *model;
  mn_error err;
  mn_tensor_info info;
  mn_open_options open = {.struct_size = sizeof open, .contract = "tf"};
  mn_weights_options options = {
      .struct_size = sizeof options, .open = &open, .architecture = "v3-small-0.05-64x96@tf"};
  const char *path = MN_TEST_DIR "/golden/weights/timm_v3_small.safetensors";
  if (mn_model_open_weights(&model, path, &options, &err)) fail_msg("%s", err.text);
  assert_int_equal(mn_model_input_info(model, 0, &info), MN_OK);
  assert_int_equal(info.dims[1], 64);
  assert_int_equal(info.dims[2], 96);
  assert_string_equal(mn_model_assumptions(model), "assumed: scores by softmax");
  mn_model_free(model);
  options.architecture = "v2-1.0-224@tf";
  assert_int_equal(mn_model_open_weights(&model, path, &options, &err), MN_ERR_ARGUMENT);
  assert_non_null(strstr(err.text, "mobilenetv3_small, which is not of that family"));
  options.architecture = "v3-small-1.0-224@tf";
  assert_int_equal(mn_model_open_weights(&model, path, &options, &err), MN_ERR_UNSUPPORTED);
  assert_non_null(strstr(err.text, "blocks.0.0.conv_pw.weight has shape [8,16,1,1], expected [16"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(networks),
      cmocka_unit_test(assumptions),
      cmocka_unit_test(architecture),
  };
  return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
