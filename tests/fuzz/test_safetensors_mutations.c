/* SPDX-License-Identifier: Apache-2.0
 * Every truncation and every single bit flip in the structural part (length and header) of a small
 * native file: it loads and verifies, or is refused with one sentence. Meant for asan and ubsan. */
#include "../unit/graph_maker.h"

#include "base/alloc.h"
#include "format/format.h"

typedef struct sample {
  uint8_t *bytes;
  size_t size, structure; /* bytes before the tensor data */
} sample;

static sample make_sample(void) {
  mn_graph graph;
  mn_error err = {0};
  sample out = {0};
  make_every_op(&graph);
  mn_contract_default(&graph.contract);
  assert_int_equal(mn_contract_preset(&graph.contract, "tf", &err), MN_OK);
  graph.has_contract = true;
  assert_int_equal(mn_safetensors_save(&graph, &out.bytes, &out.size, &err), MN_OK);
  mn_graph_free(&graph);
  out.structure = 8 + (size_t)out.bytes[0] + ((size_t)out.bytes[1] << 8);
  return out;
}

/* True when it loads and verifies; otherwise there must be one sentence. */
static bool load(const uint8_t *bytes, size_t size) {
  mn_load_request request = {bytes, size, "model", 16 << 20, NULL};
  mn_graph graph;
  mn_error err = {0};
  mn_status status = mn_safetensors_load(&graph, &request, &err);
  if (!status) status = mn_graph_verify(&graph, &err);
  mn_graph_free(&graph);
  if (status) {
    assert_int_equal(err.status, status);
    assert_true(strlen(err.text) > 10);
    assert_null(strchr(err.text, '\n'));
  }
  return status == MN_OK;
}

static void test_truncations(void **state) {
  (void)state;
  sample from = make_sample();
  assert_true(load(from.bytes, from.size));
  for (size_t size = 0; size < from.size; size++) {
    uint8_t *exact = malloc(size ? size : 1); /* asan sees one byte too far */
    memcpy(exact, from.bytes, size);
    assert_false(load(exact, size));
    free(exact);
  }
  mn_free(from.bytes);
}

static void test_bit_flips(void **state) {
  (void)state;
  sample from = make_sample();
  size_t taken = 0, refused = 0;
  for (size_t bit = 0; bit < from.structure * 8; bit++) {
    from.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    if (load(from.bytes, from.size)) {
      taken++;
    } else {
      refused++;
    }
    from.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
  }
  print_message("%zu flips: %zu still a model, %zu refused\n", taken + refused, taken, refused);
  assert_true(taken > 0 && refused > taken);
  mn_free(from.bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_truncations),
      cmocka_unit_test(test_bit_flips),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
