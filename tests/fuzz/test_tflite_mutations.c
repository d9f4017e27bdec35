/* SPDX-License-Identifier: Apache-2.0
 * Every truncation and every single bit flip of a small TFLite file (all of it: tables, weights,
 * metadata and label tail): it loads and verifies, or is refused with one sentence. Meant for asan
 * and ubsan. */
#include "../unit/tflite_maker.h"

/* *needed, when not NULL, gets how many of its bytes a reader needs: up to the end of the contract,
 * behind which only what other tools read comes (TFLite metadata and the label tail). */
static tflite_file make_sample(size_t *needed) {
  mn_graph graph;
  make_tflite_model(&graph);
  tflite_file file = save_tflite(&graph);
  const char *json = mn_contract_to_json(&graph.contract, &graph.arena);
  size_t length = strlen(json), at = 0;
  while (at + length < file.size && memcmp(file.bytes + at, json, length) != 0) at++;
  assert_true(at + length < file.size);
  if (needed) *needed = at + length;
  mn_graph_free(&graph);
  return file;
}

/* True when it loads and verifies; otherwise there must be one sentence. */
static bool load(const uint8_t *bytes, size_t size) {
  mn_graph graph;
  mn_contract_facts facts;
  mn_error err = {0};
  mn_status status = load_tflite(&graph, bytes, size, &facts, &err);
  mn_graph_free(&graph);
  if (status) {
    assert_true(status == MN_ERR_FORMAT || status == MN_ERR_UNSUPPORTED || status == MN_ERR_LIMIT ||
                status == MN_ERR_SHAPE);
    assert_int_equal(err.status, status);
    assert_true(strlen(err.text) > 10);
    assert_null(strchr(err.text, '\n'));
  }
  return status == MN_OK;
}

static void test_truncations(void **state) {
  (void)state;
  size_t needed;
  tflite_file from = make_sample(&needed);
  assert_true(load(from.bytes, from.size));
  for (size_t size = 0; size < from.size; size++) {
    uint8_t *exact = malloc(size ? size : 1); /* asan sees one byte too far */
    assert_non_null(exact);
    memcpy(exact, from.bytes, size);
    bool taken = load(exact, size);
    assert_true(!taken || size >= needed);
    free(exact);
  }
  mn_free(from.bytes);
}

static void test_bit_flips(void **state) {
  (void)state;
  tflite_file from = make_sample(NULL);
  size_t taken = 0, refused = 0;
  for (size_t bit = 0; bit < from.size * 8; bit++) {
    from.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (load(from.bytes, from.size)) {
      taken++;
    } else {
      refused++;
    }
    from.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  print_message("%zu flips: %zu still a model, %zu refused\n", taken + refused, taken, refused);
  assert_true(taken > 0 && refused > from.size);
  mn_free(from.bytes);
}

/* Pairs of damages in the tables: a fixed sequence of pseudo-random double flips. */
static void test_double_flips(void **state) {
  (void)state;
  tflite_file from = make_sample(NULL);
  uint64_t seed = 1;
  for (int i = 0; i < 10000; i++) {
    size_t bit[2];
    for (int k = 0; k < 2; k++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      bit[k] = (size_t)(seed >> 33) % (from.size * 8);
      from.bytes[bit[k] / 8] ^= (uint8_t)(1u << bit[k] % 8);
    }
    load(from.bytes, from.size);
    for (int k = 0; k < 2; k++) from.bytes[bit[k] / 8] ^= (uint8_t)(1u << bit[k] % 8);
  }
  assert_true(load(from.bytes, from.size));
  mn_free(from.bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_truncations),
      cmocka_unit_test(test_bit_flips),
      cmocka_unit_test(test_double_flips),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
