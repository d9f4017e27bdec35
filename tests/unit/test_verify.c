/* SPDX-License-Identifier: Apache-2.0
 * Each rule of the verifier is broken in turn, and must be the one that objects. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../tiny_net.h"

static mn_graph g;

static int build_float(void **state) {
  (void)state;
  return tiny_net_build(&g, MN_F32, 32) ? 0 : -1;
}

static int build_int8(void **state) {
  (void)state;
  return tiny_net_build(&g, MN_I8, 32) ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  mn_graph_free(&g);
  return 0;
}

static void expect(mn_status status, const char *words) {
  mn_error err;
  assert_int_equal(mn_graph_verify(&g, &err), status);
  if (!strstr(err.text, words)) fail_msg("'%s' lacks '%s'", err.text, words);
}

static mn_value *value(const char *name) { return &g.values[mn_graph_find_value(&g, name)]; }

static void sound_networks_pass(void **state) {
  (void)state;
  mn_error err = {0};
  const mn_type types[] = {MN_F32, MN_U8, MN_I8};
  for (int i = 0; i < 3; i++) {
    mn_graph_free(&g);
    assert_true(tiny_net_build(&g, types[i], 32));
    if (mn_graph_verify(&g, &err)) fail_msg("%s", err.text);
  }
}

static void an_input_out_of_range(void **state) {
  (void)state;
  mn_id ids[3] = {9999, g.nodes[0].in[1], g.nodes[0].in[2]};
  g.nodes[0].in = ids;
  expect(MN_ERR_FORMAT, "input 0 is not a value");
}

static void reading_before_writing(void **state) {
  (void)state;
  mn_node first = g.nodes[0];
  g.nodes[0] = g.nodes[1];
  g.nodes[1] = first;
  expect(MN_ERR_FORMAT, "no earlier node writes");
}

static void writing_twice(void **state) {
  (void)state;
  g.nodes[2].out[0] = g.nodes[1].out[0];
  expect(MN_ERR_FORMAT, "already written");
}

static void an_unknown_operator(void **state) {
  (void)state;
  g.nodes[0].op = (mn_op)77;
  expect(MN_ERR_FORMAT, "operator 77");
}

/* Nothing would have placed it: a run would read the session's block from its start. */
static void an_input_that_the_graph_does_not_list(void **state) {
  (void)state;
  mn_id extra = mn_graph_add_value(&g, "extra", MN_F32, &value("dw")->shape);
  assert_int_not_equal(extra, MN_NONE);
  g.values[extra].kind = MN_KIND_INPUT;
  expect(MN_ERR_FORMAT, "no node writes it");
  g.values[extra].kind = MN_KIND_STATE;
  expect(MN_ERR_FORMAT, "no node writes it");
}

static void writing_what_is_no_temp(void **state) {
  (void)state;
  value("dw")->kind = MN_KIND_INPUT;
  expect(MN_ERR_FORMAT, "no temp");
}

/* Only a layer's bias may be absent. */
static void a_concat_with_an_absent_input(void **state) {
  (void)state;
  mn_id dw = mn_graph_find_value(&g, "dw"), out;
  mn_shape shape = g.values[dw].shape;
  shape.dim[3] *= 2;
  out = mn_graph_add_value(&g, "joined", MN_F32, &shape);
  mn_id node =
      mn_graph_add_node(&g, MN_OP_CONCAT, "joined", (mn_id[]){dw, dw, MN_NONE}, 3, &out, 1);
  assert_int_not_equal(node, MN_NONE);
  g.nodes[node].attr.concat.axis = 3;
  expect(MN_ERR_FORMAT, "input 2 is not a value");
}

static void a_name_twice(void **state) {
  (void)state;
  value("pw")->name = "dw";
  expect(MN_ERR_FORMAT, "two values");
}

static void a_constant_too_short(void **state) {
  (void)state;
  value("dw_w")->bytes -= 4;
  expect(MN_ERR_FORMAT, "dw_w");
}

static void a_misaligned_constant(void **state) {
  (void)state;
  value("dw_w")->data = (const char *)value("dw_w")->data + 1;
  expect(MN_ERR_FORMAT, "aligned");
}

static void a_stated_shape_that_is_wrong(void **state) {
  (void)state;
  value("dw")->shape.dim[1] = 15;
  expect(MN_ERR_SHAPE, "dw");
}

static void a_shape_of_too_many_elements(void **state) {
  (void)state;
  value("input")->shape = (mn_shape){4, {65536, 65536, 2, 3}};
  expect(MN_ERR_SHAPE, "2^31");
}

static void a_shape_of_too_many_dims(void **state) {
  (void)state;
  value("input")->shape.rank = 1000;
  expect(MN_ERR_SHAPE, "its shape is [");
}

static void a_bias_of_another_length(void **state) {
  (void)state;
  value("stem_b")->shape.dim[0] = 7;
  value("stem_b")->bytes = 28;
  expect(MN_ERR_FORMAT, "8 channels");
}

static void a_zero_stride(void **state) {
  (void)state;
  g.nodes[0].attr.conv.window.stride_w = 0;
  expect(MN_ERR_SHAPE, "stem");
}

static void mixed_types(void **state) {
  (void)state;
  value("sum")->type = MN_U8;
  expect(MN_ERR_UNSUPPORTED, "sum");
}

static void a_scale_that_is_no_number(void **state) {
  (void)state;
  float scale = NAN;
  mn_graph_set_quant(&g, mn_graph_find_value(&g, "dw"), 1, 0, &scale, NULL);
  expect(MN_ERR_FORMAT, "scale 0");
}

static void a_zero_point_outside_its_type(void **state) {
  (void)state;
  float scale = 1;
  int32_t zero = 128;
  mn_graph_set_quant(&g, mn_graph_find_value(&g, "dw"), 1, 0, &scale, &zero);
  expect(MN_ERR_FORMAT, "zero point 0 is 128");
}

static void a_missing_scale(void **state) {
  (void)state;
  value("dw")->quant.count = 0;
  expect(MN_ERR_FORMAT, "no scale");
}

static void a_bias_that_overflows(void **state) {
  (void)state;
  ((int32_t *)(uintptr_t)value("dw_b")->data)[3] = INT32_MAX - 9 * 255 * 255 + 1;
  expect(MN_ERR_UNSUPPORTED, "32 bits");
}

static void a_left_shift_that_overflows(void **state) {
  (void)state;
  float scale = 1e-8f;
  mn_graph_set_quant(&g, mn_graph_find_value(&g, "dw"), 1, 0, &scale, NULL);
  expect(MN_ERR_UNSUPPORTED, "multiply the accumulator");
}

static void int8_weights_with_a_zero_point(void **state) {
  (void)state;
  float scale = 0.01f;
  int32_t zero = 3;
  mn_graph_set_quant(&g, mn_graph_find_value(&g, "dw_w"), 1, 0, &scale, &zero);
  expect(MN_ERR_UNSUPPORTED, "zero point 3");
}

#define FLOAT_TEST(f) cmocka_unit_test_setup_teardown(f, build_float, tear_down)
#define INT8_TEST(f) cmocka_unit_test_setup_teardown(f, build_int8, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      FLOAT_TEST(sound_networks_pass),
      FLOAT_TEST(an_input_out_of_range),
      FLOAT_TEST(reading_before_writing),
      FLOAT_TEST(writing_twice),
      FLOAT_TEST(an_unknown_operator),
      FLOAT_TEST(an_input_that_the_graph_does_not_list),
      FLOAT_TEST(writing_what_is_no_temp),
      FLOAT_TEST(a_concat_with_an_absent_input),
      FLOAT_TEST(a_name_twice),
      FLOAT_TEST(a_constant_too_short),
      FLOAT_TEST(a_misaligned_constant),
      FLOAT_TEST(a_stated_shape_that_is_wrong),
      FLOAT_TEST(a_shape_of_too_many_elements),
      FLOAT_TEST(a_shape_of_too_many_dims),
      FLOAT_TEST(a_bias_of_another_length),
      FLOAT_TEST(a_zero_stride),
      FLOAT_TEST(mixed_types),
      INT8_TEST(a_scale_that_is_no_number),
      INT8_TEST(a_zero_point_outside_its_type),
      INT8_TEST(a_missing_scale),
      INT8_TEST(a_bias_that_overflows),
      INT8_TEST(a_left_shift_that_overflows),
      INT8_TEST(int8_weights_with_a_zero_point),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
