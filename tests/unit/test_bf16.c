/* SPDX-License-Identifier: Apache-2.0
 * Networks computed in bf16: near those in f32 at every level of instructions, with half the bytes
 * of weights; and refused, in one sentence, where there is nothing to compute in it. How the
 * kernels round is tests/kernels' business, that threads change nothing test_strips_threads'. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "mobilenet/image.h"
#include "mobilenet/io.h"
#include "mobilenet/zoo.h"

enum { CLASSES = 100, FLOWERS = 5 };

static mn_plan *plan_of(const mn_model *model, mn_type precision, const char *isa) {
  mn_error err = {0};
  mn_plan *plan;
  const mn_plan_options options = {
      .struct_size = sizeof options, .isa = isa, .precision = precision};
  if (mn_plan_new(&plan, model, &options, &err)) fail_msg("%s", err.text);
  return plan;
}

/* The logits for a fixed random input. */
static void run(const mn_plan *plan, float *logits) {
  mn_error err = {0};
  mn_session *session;
  mn_tensor_info info;
  uint32_t state = 7;
  assert_int_equal(mn_session_new(&session, plan, NULL, &err), MN_OK);
  assert_int_equal(mn_plan_input_info(plan, 0, &info), MN_OK);
  float *input = mn_session_input(session, 0);
  for (size_t i = 0; i < info.bytes / sizeof(float); i++) {
    state = state * 1664525u + 1013904223u;
    input[i] = (float)(state >> 8) / 8388608.0f - 1.0f;
  }
  if (mn_session_run(session, &err)) fail_msg("%s", err.text);
  memcpy(logits, mn_session_output(session, 0), CLASSES * sizeof(float));
  mn_session_free(session);
}

static int best_of(const float *logits) {
  int best = 0;
  for (int i = 1; i < CLASSES; i++) best = logits[i] > logits[best] ? i : best;
  return best;
}

/* Root mean square of a difference over the deviation of the expected. Rounding both operands of a
 * product errs by some 2^-9 of it, 50 layers by some 2 % then; V2, untrained, doubles that. */
static double error_of(const float *got, const float *expected) {
  double mean = 0, squares = 0, spread = 0;
  for (int i = 0; i < CLASSES; i++) mean += (double)expected[i] / CLASSES;
  for (int i = 0; i < CLASSES; i++) {
    squares += pow((double)got[i] - (double)expected[i], 2);
    spread += pow((double)expected[i] - mean, 2);
  }
  return sqrt(squares / spread);
}

static void check_network(const char *name) {
  mn_error err = {0};
  mn_model *model;
  const char *level;
  float exact[CLASSES], coarse[CLASSES];
  const mn_zoo_options options = {.struct_size = sizeof options, .classes = CLASSES, .seed = 5};
  if (mn_model_from_zoo(&model, name, &options, &err)) fail_msg("%s", err.text);
  mn_plan *f32 = plan_of(model, MN_F32, NULL);
  run(f32, exact);
  for (int i = 0; (level = mn_cpu_level_at(i)) != NULL; i++) {
    mn_cpu_features ignored;
    if (mn_cpu_level(level, &ignored, NULL)) continue; /* this CPU lacks it */
    mn_plan *bf16 = plan_of(model, MN_BF16, level);
    run(bf16, coarse);
    const double error = error_of(coarse, exact);
    print_message("%s, %s: %.2f %%\n", name, level, 100 * error);
    assert_true(error > 1e-4); /* it is bf16 */
    assert_true(error < 0.1);
    assert_int_equal(best_of(coarse), best_of(exact));
    assert_true(10 * mn_plan_packed_bytes(bf16) < 7 * mn_plan_packed_bytes(f32));
    mn_plan_free(bf16);
  }
  mn_plan_free(f32);
  mn_model_free(model);
}

static void networks_stay_near(void **state) {
  (void)state;
  static const char *const names[] = {"v1-0.25-96", "v2-0.35-96", "v3-large-0.35-96",
                                      "v3-small-0.5-96", "v4-small-0.35-96"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) check_network(names[i]);
}

/* Scores of the model that ships, for the photo of the examples. */
static void score_photo(const mn_model *model, mn_type precision, float *scores) {
  mn_error err = {0};
  mn_picture *photo;
  mn_session *session;
  mn_tensor_info info;
  mn_plan *plan = plan_of(model, precision, NULL);
  const char path[] = MN_TEST_DIR "/../examples/photos/sunflower.jpg";
  if (mn_picture_read(&photo, path, NULL, &err)) fail_msg("%s", err.text);
  assert_int_equal(mn_session_new(&session, plan, NULL, &err), MN_OK);
  assert_int_equal(mn_session_set_image(session, 0, mn_picture_image(photo), &err), MN_OK);
  assert_int_equal(mn_session_run(session, &err), MN_OK);
  assert_int_equal(mn_plan_output_info(plan, 0, &info), MN_OK);
  assert_int_equal(info.bytes, FLOWERS * sizeof(float));
  memcpy(scores, mn_session_output(session, 0), info.bytes);
  mn_session_free(session);
  mn_plan_free(plan);
  mn_picture_free(photo);
}

/* The model ends in logits: what is shown of it is their softmax. */
static void to_shares(float scores[FLOWERS]) {
  float sum = 0;
  for (int i = 0; i < FLOWERS; i++) sum += scores[i] = expf(scores[i]);
  for (int i = 0; i < FLOWERS; i++) scores[i] /= sum;
}

static void a_photo_keeps_its_scores(void **state) {
  (void)state;
  mn_error err = {0};
  mn_model *model;
  float exact[FLOWERS], coarse[FLOWERS];
  const char path[] = MN_TEST_DIR "/../models/flowers-v1-0.25-128.safetensors";
  if (mn_model_open(&model, path, NULL, &err)) fail_msg("%s", err.text);
  score_photo(model, MN_F32, exact);
  score_photo(model, MN_BF16, coarse);
  to_shares(exact);
  to_shares(coarse);
  for (int i = 0; i < FLOWERS; i++) {
    print_message("%.4f in bf16 %.4f\n", (double)exact[i], (double)coarse[i]);
    assert_true(fabsf(coarse[i] - exact[i]) < 0.005f);
  }
  mn_model_free(model);
}

static void expect_refusal(const char *path, mn_type precision, const char *sentence) {
  mn_error err = {0};
  mn_model *model;
  mn_plan *plan;
  const mn_plan_options options = {.struct_size = sizeof options, .precision = precision};
  if (mn_model_open(&model, path, NULL, &err)) fail_msg("%s", err.text);
  assert_int_equal(mn_plan_new(&plan, model, &options, &err), MN_ERR_ARGUMENT);
  assert_null(plan);
  assert_string_equal(err.text, sentence);
  mn_model_free(model);
}

static void what_cannot_be_is_refused(void **state) {
  (void)state;
  static const char codes[] = MN_TEST_DIR "/fuzz/corpus/tflite/tiny_i8.tflite";
  expect_refusal(codes, MN_BF16,
                 "precision: bf16 is for convolutions and dense layers of floats, and this model "
                 "has none");
  expect_refusal(codes, MN_F16, "precision: f16 is not computed in, only f32 and bf16");
  expect_refusal(codes, (mn_type)77, "precision: ? is not computed in, only f32 and bf16");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(networks_stay_near),
                                     cmocka_unit_test(a_photo_keeps_its_scores),
                                     cmocka_unit_test(what_cannot_be_is_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
