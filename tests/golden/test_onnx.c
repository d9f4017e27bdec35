/* SPDX-License-Identifier: Apache-2.0
 * ONNX files against onnxruntime: small networks (tests/golden/onnx, made by
 * tests/oracle/onnx_goldens.py), files to be refused, and the text-direction classifier of the test
 * assets ($MOBILENET_TEST_ASSETS; skipped without), whose golden is onnxruntime's too. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../test_assets.h"
#include "base/cpu.h"
#include "mobilenet/image.h"
#include "mobilenet/mobilenet.h"

typedef struct golden {
  const char *name;
  int height, width, batch;
} golden;

static const golden goldens[] = {
    {"torch_like", 16, 20, 1},
    {"torch_like", 16, 20, 3},
    {"paddle_like", 12, 20, 1},
    {"paddle_like", 17, 9, 2},
    {"flat_map", 9, 13, 1},
    {"flat_matmul", 6, 4, 1},
    {"tf_like", 17, 14, 1},
    {"tf_like", 17, 14, 2},
    {"odds_and_ends", 10, 11, 1},
    {"map_out", 7, 8, 1},
    {"resizes", 9, 11, 1},
    {"resizes", 6, 7, 2},
    {"factors", 4, 5, 1},
    {"computed_pads", 9, 14, 1},
    {"old_upsample", 4, 5, 1},
    {"detector_head", 9, 14, 1},
    {"detector_head", 12, 7, 2},
    {"halves", 9, 7, 1},
    {"outside", 16, 20, 1},
    {"qdq_i8_channels", 15, 18, 1},
    {"qdq_u8", 15, 18, 1},
    {"qdq_u8_i8", 15, 18, 1},
    {"qop_i8", 15, 18, 1},
    {"qop_u8", 15, 18, 1},
    {"qop_u8_channels", 15, 18, 1},
    {"codes_i8", 9, 11, 1},
    {"codes_u8", 9, 11, 1},
    {"parts", 9, 11, 1},
    {"parts", 6, 7, 2},
    {"old_parts", 9, 11, 1},
    {"old_parts", 6, 8, 2},
    {"byte_input", 9, 7, 2},
    {"ends_u8", 6, 5, 2},
    {"ends_i8", 6, 5, 2},
    {"codes_resized_i8", 6, 7, 1},
    {"codes_resized_u8", 6, 7, 1},
};

static void check(const float *expected, const float *output, size_t count, const char *where) {
  double largest = 0, worst = 0;
  for (size_t i = 0; i < count; i++) {
    double difference = fabs((double)output[i] - (double)expected[i]);
    worst = isnan(difference) ? INFINITY : fmax(worst, difference);
    largest = fmax(largest, fabs((double)expected[i]));
  }
  assert_true(largest > 0);
  if (!(worst <= 1e-5 * largest)) fail_msg("%s differs by %g of %g", where, worst, largest);
}

/* Floats that stand for codes `step` apart. A network of layers may differ by one: in places
 * onnxruntime computes in float what we compute in codes, and ties fall otherwise. */
static void check_codes(const float *expected, const float *output, size_t count, const golden *g,
                        float step) {
  double largest = 0, most = g->name[0] == 'c' ? 0 : 1;
  for (size_t i = 0; i < count; i++) {
    double codes = fabs((double)output[i] - (double)expected[i]) / (double)step;
    if (!(codes < most + 0.5)) {
      fail_msg("%s: element %zu differs by %g codes", g->name, i, codes);
    }
    largest = fmax(largest, fabs((double)expected[i]));
  }
  assert_true(largest > 20 * (double)step);
}

static void check_bytes(const uint8_t *expected, const uint8_t *output, size_t count) {
  for (size_t i = 0; i < count; i++) assert_int_equal(output[i], expected[i]);
}

/* Runs one golden; false when this machine has no such level. */
static bool run_golden(const golden *g, const mn_model *model, const char *level) {
  char path[512];
  mn_error err;
  mn_plan *plan;
  mn_session *session;
  mn_tensor_info in, out;
  mn_plan_options options = {.struct_size = sizeof options,
                             .batch = g->batch,
                             .height = g->height,
                             .width = g->width,
                             .isa = level};
  if (mn_plan_new(&plan, model, &options, &err)) {
    if (err.status != MN_ERR_ARGUMENT) fail_msg("%s: %s", g->name, err.text);
    return false;
  }
  if (mn_session_new(&session, plan, NULL, &err)) fail_msg("%s", err.text);
  assert_int_equal(mn_plan_input_info(plan, 0, &in), MN_OK);
  assert_int_equal(mn_plan_output_info(plan, 0, &out), MN_OK);
  snprintf(path, sizeof path, "%s/golden/onnx/%s_%dx%dx%d.f32", MN_TEST_DIR, g->name, g->height,
           g->width, g->batch);
  FILE *file = fopen(path, "rb");
  float *expected = malloc(out.bytes);
  assert_true(file && expected);
  assert_int_equal(fread(mn_session_input(session, 0), 1, in.bytes, file), in.bytes);
  assert_int_equal(fread(expected, 1, out.bytes, file), out.bytes);
  float step = 0;
  bool coded = fread(&step, sizeof step, 1, file) == 1;
  assert_int_equal(fgetc(file), EOF);
  fclose(file);
  if (mn_session_run(session, &err)) fail_msg("%s", err.text);
  if (out.type == MN_U8) {
    check_bytes((const uint8_t *)expected, mn_session_output(session, 0), out.bytes);
  } else if (coded) {
    check_codes(expected, mn_session_output(session, 0), out.bytes / sizeof(float), g, step);
  } else {
    check(expected, mn_session_output(session, 0), out.bytes / sizeof(float), path);
  }
  free(expected);
  mn_session_free(session);
  mn_plan_free(plan);
  return true;
}

static void small_networks(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
    char path[512];
    mn_error err;
    mn_model *model;
    snprintf(path, sizeof path, "%s/golden/onnx/%s.onnx", MN_TEST_DIR, goldens[i].name);
    if (mn_model_open(&model, path, NULL, &err)) fail_msg("%s", err.text);
    int ran = 0;
    for (int k = 0; mn_cpu_level_at(k); k++) {
      ran += run_golden(&goldens[i], model, mn_cpu_level_at(k));
    }
    assert_true(ran > 0);
    mn_model_free(model);
  }
}

/* ---- What the graph becomes ----------------------------------------------------------------- */

static mn_model *open_golden(const char *name) {
  char path[512];
  mn_error err;
  mn_model *model;
  snprintf(path, sizeof path, "%s/golden/onnx/%s.onnx", MN_TEST_DIR, name);
  if (mn_model_open(&model, path, NULL, &err)) fail_msg("%s", err.text);
  return model;
}

static int count_steps(const char *name, const char *op) {
  mn_error err;
  mn_plan *plan;
  mn_step_info step;
  mn_model *model = open_golden(name);
  int count = 0;
  if (mn_plan_new(&plan, model, NULL, &err)) fail_msg("%s", err.text);
  for (int i = 0; i < mn_plan_step_count(plan); i++) {
    assert_int_equal(mn_plan_step(plan, i, &step), MN_OK);
    count += strcmp(step.op, op) == 0;
  }
  mn_plan_free(plan);
  mn_model_free(model);
  return count;
}

static void pieces_are_fused(void **state) {
  (void)state;
  assert_int_equal(count_steps("torch_like", "batch_norm"), 0);
  assert_int_equal(count_steps("torch_like", "hard_swish"), 0); /* in the layers before */
  assert_int_equal(count_steps("torch_like", "mul"), 1); /* of pieces none is left, a gate is */
  assert_int_equal(count_steps("torch_like", "hard_sigmoid"), 1);
  assert_int_equal(count_steps("paddle_like", "hard_swish"), 0);
  assert_int_equal(count_steps("paddle_like", "hard_sigmoid"), 0); /* its factor is not 1/6 */
}

/* All that can be is computed in codes: floats are left at the ends, in one file around a clip that
 * two nodes quantize, and in one around a layer whose u8 weights have zero points by channel that
 * are not 128. */
static void codes_stay_codes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
    const char *name = goldens[i].name;
    if (name[0] != 'q') continue;
    bool clips = strcmp(name, "qop_i8") == 0, odd_zeros = strcmp(name, "qop_u8_channels") == 0;
    assert_int_equal(count_steps(name, "conv2d"), 6);
    assert_int_equal(count_steps(name, "mean"), clips ? 1 : 2);
    assert_int_equal(count_steps(name, "hard_sigmoid"), 1);
    assert_int_equal(count_steps(name, "dequantize"), clips || odd_zeros ? 2 : 1);
    assert_int_equal(count_steps(name, "quantize"), clips ? 3 : odd_zeros ? 2 : 1);
  }
}

static bool takes_size(const char *name, int height, int width) {
  mn_error err;
  mn_plan *plan;
  mn_model *model = open_golden(name);
  mn_plan_options options = {.struct_size = sizeof options, .height = height, .width = width};
  mn_status status = mn_plan_new(&plan, model, &options, &err);
  if (!status) mn_plan_free(plan);
  mn_model_free(model);
  return status == MN_OK;
}

/* A flattened map belongs to one size: 3 x 4 and 2 x 6 have as many pixels, in another order. */
static void flattened_maps_fix_the_size(void **state) {
  (void)state;
  assert_true(takes_size("torch_like", 33, 47));
  assert_true(takes_size("paddle_like", 33, 47));
  assert_true(takes_size("flat_map", 9, 13));
  assert_false(takes_size("flat_map", 13, 9));
  assert_false(takes_size("flat_matmul", 4, 6));
  assert_true(takes_size("resizes", 8, 5));
  assert_true(takes_size("detector_head", 5, 8));
  assert_false(takes_size("factors", 5, 4));
  assert_false(takes_size("computed_pads", 14, 9));
}

/* A size that the file leaves open is nobody's to guess. */
static void open_sizes_take_no_pictures(void **state) {
  (void)state;
  static const uint8_t pixels[12 * 20 * 3] = {0};
  char path[512];
  mn_error err;
  mn_model *model;
  mn_open_options open = {.struct_size = sizeof open, .contract = "unit"};
  mn_image image = {.pixels = pixels, .width = 20, .height = 12, .stride = 60};
  snprintf(path, sizeof path, "%s/golden/onnx/paddle_like.onnx", MN_TEST_DIR);
  if (mn_model_open(&model, path, &open, &err)) fail_msg("%s", err.text);
  for (int stated = 0; stated < 2; stated++) {
    mn_plan *plan;
    mn_session *session;
    mn_plan_options options = {
        .struct_size = sizeof options, .height = stated * 12, .width = stated * 20};
    if (mn_plan_new(&plan, model, &options, &err)) fail_msg("%s", err.text);
    if (mn_session_new(&session, plan, NULL, &err)) fail_msg("%s", err.text);
    mn_status status = mn_session_set_image(session, 0, &image, &err);
    assert_int_equal(status, stated ? MN_OK : MN_ERR_CONTRACT);
    if (!stated) assert_non_null(strstr(err.text, "leaves the height and width"));
    mn_session_free(session);
    mn_plan_free(plan);
  }
  mn_model_free(model);
}

/* ---- Refusals ------------------------------------------------------------------------------- */

static void refused_by_name(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"groups", "node 0 (Conv of opset 13, 'conv_0'): it has 2 groups"},
      {"operator", "node 0 (Erf of opset 13, 'erf_0'): this operator is not supported"},
      {"transpose", "only transposes between NCHW and NHWC"},
      {"reshape", "[1,4,6,6] to [1,2,12,6] would need a transpose"},
      {"flat_output", "its output 'flatten_0' needs a transpose"},
      {"clip", "its limits are 0 and 2"},
      {"opset", "its ONNX opset is 6, opsets 7 to 22 are supported"},
      {"unwritten", "it reads 'nobody', which nothing before it writes"},
      {"channels", "its input 'input' leaves more open than batch, height and width"},
      {"softmax", "its axis 2 is not that of the channels"},
      {"double", "its input 1 is not a constant of type float"},
      {"cubic", "its way to find pixels (the default, default) is not supported"},
      {"five_dims", "its input has 5 dims"},
      {"domain", "operators of domain 'com.example' are not supported"},
      {"twice", "its tensor 'a' is written twice"},
      {"outside", "its tensor 'w0' keeps its data in a file that is not a plain name"},
      {"slice_batch", "it takes pictures out of a batch"},
      {"slice_nothing", "it takes nothing of axis 2, whose extent is 6"},
      {"slice_steps", "its steps are not 1"},
      {"split", "its parts are not those of an axis of 4"},
      {"minimum", "a maximum with 0, and after it a minimum with 6, are supported"},
      {"reduce", "its axes are not those of a map"},
      {"integers", "its input 'input' is of another type than float, float16, uint8 and int8"},
      {"raw", "its input 'input' is integers, but neither dequantized nor cast first"},
      {"sized_weight", "its input 1 depends on the input's size"},
      {"short", "its tensor 'w0' does not hold as much data as its shape needs"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char path[512];
    mn_error err;
    mn_model *model;
    snprintf(path, sizeof path, "%s/fuzz/corpus/onnx/bad_%s.onnx", MN_TEST_DIR, cases[i][0]);
    assert_int_not_equal(mn_model_open(&model, path, NULL, &err), MN_OK);
    if (!strstr(err.text, cases[i][1])) fail_msg("%s: %s", cases[i][0], err.text);
  }
}

/* ---- Weights in a second file --------------------------------------------------------------- */

static uint8_t *read_golden(const char *name, size_t *size) {
  char path[512];
  snprintf(path, sizeof path, "%s/golden/onnx/%s", MN_TEST_DIR, name);
  FILE *file = fopen(path, "rb");
  uint8_t *bytes = malloc(1 << 16);
  assert_true(file && bytes);
  *size = fread(bytes, 1, 1 << 16, file);
  fclose(file);
  return bytes;
}

static void write_file(const char *folder, const char *name, const uint8_t *bytes, size_t size) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(bytes, 1, size, file), size);
  fclose(file);
}

static void expect_refused(const char *folder, const char *text) {
  char path[512];
  mn_error err;
  mn_model *model;
  snprintf(path, sizeof path, "%s/outside.onnx", folder);
  assert_int_not_equal(mn_model_open(&model, path, NULL, &err), MN_OK);
  if (!strstr(err.text, text)) fail_msg("%s", err.text);
}

/* Missing, too short, a link: refused. A model given as bytes has no second file. */
static void second_file_is_checked(void **state) {
  (void)state;
  char folder[] = "onnx_outside.XXXXXX", path[64], weights_path[64], other[64];
  size_t size, weights_size;
  mn_error err;
  mn_model *model;
  uint8_t *bytes = read_golden("outside.onnx", &size);
  uint8_t *weights = read_golden("outside.weights", &weights_size);
  assert_int_not_equal(mn_model_open_memory(&model, bytes, size, NULL, &err), MN_OK);
  assert_non_null(strstr(err.text, "which a model given as bytes cannot have"));
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/outside.onnx", folder);
  snprintf(weights_path, sizeof weights_path, "%s/outside.weights", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  write_file(folder, "outside.onnx", bytes, size);
  expect_refused(folder, "No such file");
  write_file(folder, "outside.weights", weights, weights_size - 1);
  expect_refused(folder, "where the second file has no such data");
  write_file(folder, "outside.weights", weights, weights_size);
  if (mn_model_open(&model, path, NULL, &err)) fail_msg("%s", err.text);
  mn_model_free(model);
  assert_int_equal(rename(weights_path, other), 0);
  assert_int_equal(symlink("other", weights_path), 0);
  expect_refused(folder, "is a link");
  unlink(weights_path);
  unlink(other);
  unlink(path);
  rmdir(folder);
  free(bytes);
  free(weights);
}

/* ---- A real model --------------------------------------------------------------------------- */

enum { HEIGHT = 48, WIDTH = 192, PICTURES = 24, PIXELS = HEIGHT * WIDTH };

static FILE *open_asset(const char *folder, const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s/%s", folder, "golden/classify", name);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s cannot be opened", path);
  return file;
}

/* The input is (x / 255 - 0.5) / 0.5 of the picture with blue first. */
static void fill_input(float *input, FILE *pictures) {
  static uint8_t pixels[PIXELS * 3];
  assert_int_equal(fread(pixels, 1, sizeof pixels, pictures), sizeof pixels);
  for (int i = 0; i < PIXELS * 3; i++) {
    input[i] = ((float)pixels[i / 3 * 3 + 2 - i % 3] / 255.0f - 0.5f) / 0.5f;
  }
}

static void text_direction_classifier(void **state) {
  (void)state;
  const char *assets = test_assets();
  if (!assets) skip();
  char path[512];
  mn_error err;
  mn_model *model;
  mn_plan *plan;
  mn_session *session;
  mn_plan_options options = {.struct_size = sizeof options, .height = HEIGHT, .width = WIDTH};
  snprintf(path, sizeof path, "%s/models/classify/ch_ppocr_mobile_v2.0_cls_infer.onnx", assets);
  if (mn_model_open(&model, path, NULL, &err)) fail_msg("%s", err.text);
  if (mn_plan_new(&plan, model, &options, &err)) fail_msg("%s", err.text);
  if (mn_session_new(&session, plan, NULL, &err)) fail_msg("%s", err.text);
  FILE *pictures = open_asset(assets, "in_48x192_ocr.u8");
  FILE *outputs = open_asset(assets, "ch_ppocr_mobile_v2.0_cls_infer.out0.float32.bin");
  for (int i = 0; i < PICTURES; i++) {
    float expected[2];
    fill_input(mn_session_input(session, 0), pictures);
    assert_int_equal(fread(expected, sizeof expected[0], 2, outputs), 2);
    if (mn_session_run(session, &err)) fail_msg("%s", err.text);
    check(expected, mn_session_output(session, 0), 2, "the classifier");
  }
  fclose(pictures);
  fclose(outputs);
  mn_session_free(session);
  mn_plan_free(plan);
  mn_model_free(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(small_networks),
      cmocka_unit_test(pieces_are_fused),
      cmocka_unit_test(codes_stay_codes),
      cmocka_unit_test(flattened_maps_fix_the_size),
      cmocka_unit_test(open_sizes_take_no_pictures),
      cmocka_unit_test(refused_by_name),
      cmocka_unit_test(second_file_is_checked),
      cmocka_unit_test(text_direction_classifier),
  };
  return cmocka_run_group_tests_name("onnx", tests, NULL, NULL);
}
