/* SPDX-License-Identifier: Apache-2.0
 * ONNX files that we write: read again they are the same network. Every golden of ONNX that has no
 * operator the writer lacks, float and 8 bit, is saved, opened and run: not a bit differs.
 * tests/oracle/onnx_written.py shows that onnxruntime runs such files. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "mobilenet/convert.h"

static const char *const names[] = {"torch_like",      "flat_map", "tf_like",      "odds_and_ends",
                                    "map_out",         "factors",  "old_upsample", "halves",
                                    "qdq_i8_channels", "qdq_u8",   "qdq_u8_i8",    "qop_i8",
                                    "qop_u8"};

static mn_session *start(const mn_model *model, mn_plan **plan) {
  mn_error err;
  mn_session *session;
  if (mn_plan_new(plan, model, NULL, &err)) fail_msg("%s", err.text);
  if (mn_session_new(&session, *plan, NULL, &err)) fail_msg("%s", err.text);
  return session;
}

static void compare(const mn_model *a, const mn_model *b, const char *name) {
  mn_error err;
  mn_plan *plan_a, *plan_b;
  mn_tensor_info in, out, out_b;
  mn_session *first = start(a, &plan_a), *second = start(b, &plan_b);
  assert_int_equal(mn_plan_input_info(plan_a, 0, &in), MN_OK);
  assert_int_equal(mn_plan_output_info(plan_a, 0, &out), MN_OK);
  assert_int_equal(mn_plan_output_info(plan_b, 0, &out_b), MN_OK);
  float *x = mn_session_input(first, 0);
  uint32_t state = 7;
  for (size_t i = 0; i < in.bytes / sizeof *x; i++) {
    state = state * 1664525u + 1013904223u;
    x[i] = (float)(state >> 8) / (float)(1 << 23) - 1;
  }
  memcpy(mn_session_input(second, 0), x, in.bytes);
  if (mn_session_run(first, &err)) fail_msg("%s", err.text);
  if (mn_session_run(second, &err)) fail_msg("%s", err.text);
  assert_int_equal(out.bytes, out_b.bytes);
  if (memcmp(mn_session_output(first, 0), mn_session_output(second, 0), out.bytes) != 0) {
    fail_msg("%s: the written file computes something else", name);
  }
  mn_session_free(first);
  mn_session_free(second);
  mn_plan_free(plan_a);
  mn_plan_free(plan_b);
}

static void written_files_are_the_same_networks(void **state) {
  (void)state;
  char folder[] = "onnx_save.XXXXXX", path[512], saved[64];
  assert_non_null(mkdtemp(folder));
  snprintf(saved, sizeof saved, "%s/saved.onnx", folder);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    mn_error err;
    mn_model *model, *again;
    snprintf(path, sizeof path, "%s/golden/onnx/%s.onnx", MN_TEST_DIR, names[i]);
    if (mn_model_open(&model, path, NULL, &err)) fail_msg("%s", err.text);
    if (mn_model_save(model, saved, MN_FORMAT_BY_NAME, &err)) fail_msg("%s", err.text);
    if (mn_model_open(&again, saved, NULL, &err)) fail_msg("%s: %s", names[i], err.text);
    compare(model, again, names[i]);
    mn_model_free(model);
    mn_model_free(again);
  }
  unlink(saved);
  rmdir(folder);
}

/* Of a network that takes floats it is the same text (cli/convert has labels in it). */
static void the_contract_is_in_the_file(void **state) {
  (void)state;
  char folder[] = "onnx_save.XXXXXX", saved[64];
  mn_open_options options = {.struct_size = sizeof options, .contract = "torch"};
  mn_error err;
  mn_model *model, *again;
  assert_non_null(mkdtemp(folder));
  snprintf(saved, sizeof saved, "%s/saved.onnx", folder);
  if (mn_model_open(&model, MN_TEST_DIR "/golden/onnx/tf_like.onnx", &options, &err)) {
    fail_msg("%s", err.text);
  }
  if (mn_model_save(model, saved, MN_FORMAT_BY_NAME, &err)) fail_msg("%s", err.text);
  if (mn_model_open(&again, saved, NULL, &err)) fail_msg("%s", err.text);
  assert_string_equal(mn_model_contract(again), mn_model_contract(model));
  assert_null(mn_model_assumptions(again));
  mn_model_free(model);
  mn_model_free(again);
  unlink(saved);
  rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(written_files_are_the_same_networks),
                                     cmocka_unit_test(the_contract_is_in_the_file)};
  return cmocka_run_group_tests_name("onnx_save", tests, NULL, NULL);
}
