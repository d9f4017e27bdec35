/* SPDX-License-Identifier: Apache-2.0
 * Building, copying, printing and costing a graph. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../tiny_net.h"

static const char expected_text[] =
    "input input u8[1,32,32,3] q(0.0078125,128)\n"
    "const stem_w u8[8,3,3,3] q(0.00999999978,128)\n"
    "const stem_b i32[8]\n"
    "const dw_w u8[3,3,8] q(0.00999999978,128)\n"
    "const dw_b i32[8]\n"
    "const pw_w u8[8,1,1,8] q(0.00999999978,128)\n"
    "const pw_b i32[8]\n"
    "const dense_w u8[5,8] q(0.00999999978,128)\n"
    "const dense_b i32[5]\n"
    "stem u8[1,16,16,8] q(0.0500000007,128) = conv2d(input, stem_w, stem_b) 3x3 stride 2x2 same "
    "act relu6\n"
    "dw u8[1,16,16,8] q(0.0500000007,128) = dwconv2d(stem, dw_w, dw_b) 3x3 stride 1x1 same act "
    "relu6\n"
    "pw u8[1,16,16,8] q(0.0500000007,128) = conv2d(dw, pw_w, pw_b) 1x1 stride 1x1 same act relu6\n"
    "sum u8[1,16,16,8] q(0.0500000007,128) = add(stem, pw)\n"
    "pool u8[1,1,1,8] q(0.0500000007,128) = avg_pool(sum) global\n"
    "logits u8[1,5] q(0.0500000007,128) = dense(pool, dense_w, dense_b)\n"
    "scores u8[1,5] q(0.00390625,0) = softmax(logits) beta 1\n"
    "output scores\n";

static void text_is_stable_and_survives_a_copy(void **state) {
  (void)state;
  mn_graph g, copy;
  mn_error err;
  mn_arena arena = {0};
  assert_true(tiny_net_build(&g, MN_U8, 32));
  assert_string_equal(mn_graph_print(&g, &arena), expected_text);
  assert_int_equal(mn_graph_copy(&copy, &g, &err), MN_OK);
  assert_string_equal(mn_graph_print(&copy, &arena), expected_text);
  assert_int_equal(mn_graph_verify(&copy, &err), MN_OK);
  mn_graph_free(&copy);
  mn_graph_free(&g);
  mn_arena_free(&arena);
}

static void costs_count_multiply_adds_and_weights(void **state) {
  (void)state;
  mn_graph g;
  mn_shape shapes[64];
  assert_true(tiny_net_build(&g, MN_F32, 32));
  for (int32_t i = 0; i < g.value_count; i++) shapes[i] = g.values[i].shape;
  const uint64_t macs[] = {16 * 16 * 8 * 27, 16 * 16 * 8 * 9, 16 * 16 * 8 * 8, 0, 0, 40, 0};
  const uint64_t params[] = {216 + 8, 72 + 8, 64 + 8, 0, 0, 45, 0};
  assert_int_equal(g.node_count, 7);
  for (mn_id n = 0; n < g.node_count; n++) {
    mn_cost cost = mn_node_cost(&g, n, shapes);
    assert_int_equal(cost.macs, macs[n]);
    assert_int_equal(cost.params, params[n]);
  }
  mn_graph_free(&g);
}

static void operators_are_found_by_name(void **state) {
  (void)state;
  for (int op = 0; op < MN_OP_COUNT; op++) {
    const char *name = mn_op_name((mn_op)op);
    assert_int_equal(mn_op_from_name(name, strlen(name)), op);
  }
  assert_int_equal(mn_op_from_name("conv", 4), MN_OP_COUNT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_is_stable_and_survives_a_copy),
      cmocka_unit_test(costs_count_multiply_adds_and_weights),
      cmocka_unit_test(operators_are_found_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
