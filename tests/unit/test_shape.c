/* SPDX-License-Identifier: Apache-2.0
 * Windows against TensorFlow's published rule, and inference over a whole network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../tiny_net.h"

static void expect_window(const int32_t in[4], mn_pad_rule rule, const int32_t out[3]) {
  int32_t before = 0, after = 0, extent = 0;
  assert_true(mn_window_extent(in[0], in[1], in[2], in[3], rule, &before, &after, &extent));
  assert_int_equal(before, out[0]);
  assert_int_equal(after, out[1]);
  assert_int_equal(extent, out[2]);
}

/* size, kernel, stride, dilation -> before, after, extent (docs of tf.nn, "same" padding). */
static void same_padding_is_asymmetric_on_even_sizes(void **state) {
  (void)state;
  expect_window((int32_t[]){224, 3, 2, 1}, MN_PAD_SAME, (int32_t[]){0, 1, 112});
  expect_window((int32_t[]){225, 3, 2, 1}, MN_PAD_SAME, (int32_t[]){1, 1, 113});
  expect_window((int32_t[]){112, 5, 2, 1}, MN_PAD_SAME, (int32_t[]){1, 2, 56});
  expect_window((int32_t[]){7, 3, 1, 1}, MN_PAD_SAME, (int32_t[]){1, 1, 7});
  expect_window((int32_t[]){33, 3, 1, 12}, MN_PAD_SAME, (int32_t[]){12, 12, 33});
  expect_window((int32_t[]){1, 3, 2, 1}, MN_PAD_SAME, (int32_t[]){1, 1, 1});
  expect_window((int32_t[]){4, 1, 2, 1}, MN_PAD_SAME, (int32_t[]){0, 0, 2});
  expect_window((int32_t[]){7, 3, 2, 1}, MN_PAD_EXPLICIT, (int32_t[]){0, 0, 3});
}

static void a_window_that_does_not_fit_is_refused(void **state) {
  (void)state;
  int32_t before = 0, after = 0, out;
  assert_false(mn_window_extent(2, 3, 1, 1, MN_PAD_EXPLICIT, &before, &after, &out));
  assert_false(mn_window_extent(4, 3, 0, 1, MN_PAD_EXPLICIT, &before, &after, &out));
  before = -1;
  assert_false(mn_window_extent(4, 3, 1, 1, MN_PAD_EXPLICIT, &before, &after, &out));
}

/* Ops step over windows in int32. */
static void a_window_that_int32_cannot_step_over_is_refused(void **state) {
  (void)state;
  int32_t before = 0, after = 0, out;
  assert_true(mn_window_extent(INT32_MAX - 64, 3, 1, 1, MN_PAD_EXPLICIT, &before, &after, &out));
  assert_false(mn_window_extent(INT32_MAX - 2, 3, 1, 1, MN_PAD_EXPLICIT, &before, &after, &out));
  assert_false(mn_window_extent(INT32_MAX - 64, 99, 1, 1, MN_PAD_SAME, &before, &after, &out));
}

/* One node over an input of `shape`: whether inference takes it. */
static mn_status infer_one(mn_op op, const mn_attr *attr, const mn_shape *shape) {
  mn_graph g;
  mn_error err;
  mn_shape shapes[2];
  mn_graph_init(&g);
  mn_id in = mn_graph_add_value(&g, "in", MN_F32, shape);
  mn_id out = mn_graph_add_value(&g, "out", MN_F32, shape);
  mn_id node = mn_graph_add_node(&g, op, "out", &in, 1, &out, 1);
  assert_true(in != MN_NONE && out != MN_NONE && node != MN_NONE);
  assert_true(mn_graph_set_inputs(&g, &in, 1) && mn_graph_set_outputs(&g, &out, 1));
  g.nodes[node].attr = *attr;
  mn_status status = mn_graph_infer(&g, shape, shapes, &err);
  mn_graph_free(&g);
  return status;
}

static void absurd_attributes_are_refused(void **state) {
  (void)state;
  mn_attr reshape = {.reshape = {{5, {1, 1, 1, 1}}}}, resize = {.resize = {.width = 1}};
  mn_shape map = {4, {1, 2, 2, 1}};
  assert_int_equal(infer_one(MN_OP_RESHAPE, &reshape, &map), MN_ERR_SHAPE);
  reshape.reshape.shape.rank = -1;
  assert_int_equal(infer_one(MN_OP_RESHAPE, &reshape, &(mn_shape){0, {0}}), MN_ERR_SHAPE);
  resize.resize.height = 1 << 24;
  assert_int_equal(infer_one(MN_OP_RESIZE_BILINEAR, &resize, &map), MN_OK);
  resize.resize.height = (1 << 24) + 1;
  assert_int_equal(infer_one(MN_OP_RESIZE_BILINEAR, &resize, &map), MN_ERR_SHAPE);
}

static void elements_are_counted_with_checks(void **state) {
  (void)state;
  int32_t elements;
  assert_true(mn_shape_elements(&(mn_shape){0, {0}}, &elements));
  assert_int_equal(elements, 1);
  assert_true(mn_shape_elements(&(mn_shape){4, {2, 3, 4, 5}}, &elements));
  assert_int_equal(elements, 120);
  assert_false(mn_shape_elements(&(mn_shape){2, {65536, 65536}}, &elements));
  assert_false(mn_shape_elements(&(mn_shape){2, {4, 0}}, &elements));
}

static void inference_follows_the_input(void **state) {
  (void)state;
  mn_graph g;
  mn_error err;
  mn_shape shapes[64], input = {4, {3, 65, 33, 3}};
  assert_true(tiny_net_build(&g, MN_F32, 32));
  assert_int_equal(mn_graph_infer(&g, &input, shapes, &err), MN_OK);
  mn_shape stem = shapes[mn_graph_find_value(&g, "stem")];
  assert_true(mn_shape_equal(&stem, &(mn_shape){4, {3, 33, 17, 8}}));
  mn_shape scores = shapes[g.outputs[0]];
  assert_true(mn_shape_equal(&scores, &(mn_shape){2, {3, 5}}));
  input.dim[3] = 4;
  assert_int_equal(mn_graph_infer(&g, &input, shapes, &err), MN_ERR_SHAPE);
  assert_non_null(strstr(err.text, "stem"));
  mn_graph_free(&g);
}

static void a_fixed_size_is_refused_by_name(void **state) {
  (void)state;
  mn_graph g;
  mn_error err;
  mn_shape shapes[64], input = {4, {1, 48, 48, 3}};
  assert_true(tiny_net_build(&g, MN_F32, 32));
  g.fixed_by = 4;
  assert_int_equal(mn_graph_infer(&g, &input, shapes, &err), MN_ERR_SHAPE);
  assert_non_null(strstr(err.text, g.nodes[4].name));
  mn_graph_free(&g);
}

/* A pad may cut off, but not all. */
static void negative_pads_cut_off(void **state) {
  (void)state;
  static const int32_t cases[][3] = {{-3, 0, 2},  {0, -4, 1},        {-2, -2, 1},
                                     {-4, 3, 4},  {-5, 3, 0},        {3, -5, 0},
                                     {-3, -2, 0}, {INT32_MIN, 0, 0}, {0, INT32_MAX, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    mn_graph graph;
    mn_shape shapes[2] = {{1, {5}}};
    mn_error err;
    mn_graph_init(&graph);
    mn_id in = mn_graph_add_value(&graph, "x", MN_F32, &shapes[0]);
    mn_id out = mn_graph_add_value(&graph, "y", MN_F32, &shapes[0]);
    mn_id node = mn_graph_add_node(&graph, MN_OP_PAD, "y", &in, 1, &out, 1);
    graph.nodes[node].attr.pad.before[0] = cases[i][0];
    graph.nodes[node].attr.pad.after[0] = cases[i][1];
    mn_status status = mn_graph_infer_node(&graph, node, shapes, &err);
    assert_int_equal(status, cases[i][2] ? MN_OK : MN_ERR_SHAPE);
    if (!status) assert_int_equal(shapes[1].dim[0], cases[i][2]);
    mn_graph_free(&graph);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(negative_pads_cut_off),
      cmocka_unit_test(same_padding_is_asymmetric_on_even_sizes),
      cmocka_unit_test(a_window_that_does_not_fit_is_refused),
      cmocka_unit_test(a_window_that_int32_cannot_step_over_is_refused),
      cmocka_unit_test(absurd_attributes_are_refused),
      cmocka_unit_test(elements_are_counted_with_checks),
      cmocka_unit_test(inference_follows_the_input),
      cmocka_unit_test(a_fixed_size_is_refused_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
