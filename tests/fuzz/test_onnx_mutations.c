/* SPDX-License-Identifier: Apache-2.0
 * Every truncation and every single bit flip of small ONNX files: they load and verify, or are
 * refused with one sentence. Meant for asan and ubsan. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/format.h"
#include "passes/passes.h"

enum { MOST_BYTES = 1 << 16 };

static uint8_t file_bytes[MOST_BYTES];

static size_t read_sample(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/golden/onnx/%s.onnx", MN_TEST_DIR, name);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s cannot be opened", path);
  size_t size = fread(file_bytes, 1, sizeof file_bytes, file);
  fclose(file);
  assert_in_range(size, 100, MOST_BYTES - 1);
  return size;
}

/* True when it loads and verifies, passes included; otherwise there must be one sentence. */
static bool load(const uint8_t *bytes, size_t size) {
  mn_load_request request = {bytes, size, "model", 16 << 20, NULL};
  mn_graph graph;
  mn_error err = {0};
  mn_status status = mn_onnx_load(&graph, &request, &err);
  if (!status) status = mn_graph_verify(&graph, &err);
  if (!status) assert_int_equal(mn_passes_run(&graph, &err), MN_OK);
  mn_graph_free(&graph);
  if (status) {
    assert_int_equal(err.status, status);
    assert_true(strlen(err.text) > 10);
    assert_null(strchr(err.text, '\n'));
  }
  return status == MN_OK;
}

/* Cut between two fields of the model (its opset is the last) it may still be whole. */
static void check_truncations(const char *name) {
  size_t size = read_sample(name), whole = 0;
  assert_true(load(file_bytes, size));
  for (size_t cut = 0; cut < size; cut++) {
    uint8_t *exact = malloc(cut ? cut : 1); /* asan sees one byte too far */
    assert_non_null(exact);
    memcpy(exact, file_bytes, cut);
    whole += load(exact, cut);
    free(exact);
  }
  assert_int_equal(whole, 0);
}

static void check_flips(const char *name) {
  size_t size = read_sample(name), taken = 0, refused = 0;
  for (size_t bit = 0; bit < size * 8; bit++) {
    file_bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (load(file_bytes, size)) {
      taken++;
    } else {
      refused++;
    }
    file_bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  print_message("%s: %zu flips: %zu still a model, %zu refused\n", name, taken + refused, taken,
                refused);
  assert_true(taken > 0 && refused > 0);
}

static void test_truncations(void **state) {
  (void)state;
  check_truncations("odds_and_ends");
  check_truncations("paddle_like");
}

static void test_bit_flips(void **state) {
  (void)state;
  check_flips("odds_and_ends");
  check_flips("paddle_like");
  check_flips("tf_like");
  check_flips("flat_map");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_truncations),
      cmocka_unit_test(test_bit_flips),
  };
  return cmocka_run_group_tests_name("onnx mutations", tests, NULL, NULL);
}
