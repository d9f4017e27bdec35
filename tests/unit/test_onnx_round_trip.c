/* SPDX-License-Identifier: Apache-2.0
 * Operators written to ONNX and read again, one small graph each: the same operator with the same
 * attributes and weights comes back. The contract of pixels as codes becomes one of floats. */
#include "graph_maker.h"

#include "base/alloc.h"
#include "format/format.h"

static void round_trip(const mn_graph *graph, mn_graph *again) {
  static uint8_t *bytes; /* constants of the graph last read are borrowed from it */
  size_t size;
  mn_error err = {0};
  mn_free(bytes);
  if (mn_onnx_save(graph, &bytes, &size, &err)) fail_msg("%s", err.text);
  mn_load_request request = {
      .bytes = bytes, .size = size, .name = "test", .memory_cap = (uint64_t)1 << 30};
  if (mn_onnx_load(again, &request, &err)) fail_msg("%s", err.text);
  if (mn_graph_verify(again, &err)) fail_msg("%s", err.text);
}

static const mn_node *find_node(const mn_graph *graph, mn_op op) {
  for (int32_t i = 0; i < graph->node_count; i++) {
    if (graph->nodes[i].op == op) return &graph->nodes[i];
  }
  fail_msg("there is no %s", mn_op_name(op));
  return NULL;
}

static void expect_same_const(const mn_graph *a, mn_id x, const mn_graph *b, mn_id y) {
  const mn_value *first = &a->values[x], *second = &b->values[y];
  assert_int_equal(first->type, second->type);
  assert_true(mn_shape_equal(&first->shape, &second->shape));
  assert_int_equal(first->bytes, second->bytes);
  assert_memory_equal(first->data, second->data, first->bytes);
}

static mn_window odd_window(void) {
  mn_window w = make_window(3, 2, MN_PAD_EXPLICIT);
  w.kernel_w = 2;
  w.stride_w = 3;
  w.pad_top = 1;
  w.pad_right = -1; /* a column besides */
  return w;
}

static void expect_same_transposed(const mn_graph *graph, const mn_graph *again) {
  const mn_node *a = find_node(graph, MN_OP_TRANSPOSE_CONV);
  const mn_node *b = find_node(again, MN_OP_TRANSPOSE_CONV);
  const mn_window v = a->attr.conv.window, w = b->attr.conv.window;
  assert_int_equal(v.stride_h, w.stride_h);
  assert_int_equal(v.stride_w, w.stride_w);
  assert_int_equal(v.pad_top, w.pad_top);
  assert_int_equal(v.pad_bottom, w.pad_bottom);
  assert_int_equal(v.pad_left, w.pad_left);
  assert_int_equal(v.pad_right, w.pad_right);
  for (int i = 1; i < 3; i++) expect_same_const(graph, a->in[i], again, b->in[i]);
  assert_true(mn_shape_equal(&graph->values[a->out[0]].shape, &again->values[b->out[0]].shape));
}

static void a_float_transposed_convolution_comes_back(void **state) {
  (void)state;
  mn_graph g, again;
  mn_graph_init(&g);
  mn_id x = make_input(&g, "x", MN_F32, SHAPE(1, 4, 5, 3));
  mn_id w = make_const(&g, "w", MN_F32, SHAPE(2, 3, 2, 3));
  mn_id b = make_const(&g, "b", MN_F32, SHAPE(2));
  mn_attr attr = {.conv = {odd_window(), MN_ACT_NONE, 0}};
  mn_id y = make_node(&g, MN_OP_TRANSPOSE_CONV, "y", MN_F32, attr, IDS(x, w, b));
  make_done(&g, 1, &x, 1, &y);
  round_trip(&g, &again);
  expect_same_transposed(&g, &again);
  mn_graph_free(&again);
  mn_graph_free(&g);
}

/* Scales by channel are along another axis in ONNX. */
static void a_transposed_convolution_of_codes_comes_back(void **state) {
  (void)state;
  static const float scales[2] = {0.01f, 0.03f};
  mn_graph g, again;
  mn_graph_init(&g);
  mn_id x = make_input(&g, "x", MN_I8, SHAPE(1, 4, 5, 3));
  make_quant(&g, x, 0.02f, 3);
  mn_id w = make_const(&g, "w", MN_I8, SHAPE(2, 3, 2, 3));
  assert_true(mn_graph_set_quant(&g, w, 2, 0, scales, NULL));
  mn_id b = make_const(&g, "b", MN_I32, SHAPE(2));
  mn_attr attr = {.conv = {odd_window(), MN_ACT_RELU, 0}};
  mn_id y = make_node(&g, MN_OP_TRANSPOSE_CONV, "y", MN_I8, attr, IDS(x, w, b));
  make_quant(&g, y, 0.05f, -128);
  make_done(&g, 1, &x, 1, &y);
  round_trip(&g, &again);
  expect_same_transposed(&g, &again);
  const mn_node *back = find_node(&again, MN_OP_TRANSPOSE_CONV);
  const mn_quant *quant = &again.values[back->in[1]].quant;
  assert_int_equal(quant->count, 2);
  assert_int_equal(quant->axis, 0);
  assert_memory_equal(quant->scale, scales, sizeof scales);
  assert_int_equal(back->attr.conv.act, MN_ACT_RELU);
  mn_graph_free(&again);
  mn_graph_free(&g);
}

static void expect_arg_max(mn_type in, mn_type out) {
  mn_graph g, again;
  mn_graph_init(&g);
  mn_id x = make_input(&g, "x", in, SHAPE(1, 4, 5, 3));
  if (in != MN_F32) make_quant(&g, x, 0.02f, 3);
  mn_attr attr = {.arg_max = {3, out}};
  mn_id y = make_node(&g, MN_OP_ARG_MAX, "y", out, attr, IDS(x));
  make_done(&g, 1, &x, 1, &y);
  round_trip(&g, &again);
  const mn_node *back = find_node(&again, MN_OP_ARG_MAX);
  assert_int_equal(back->attr.arg_max.axis, 3);
  assert_int_equal(back->attr.arg_max.output_type, out);
  const mn_value *result = &again.values[again.outputs[0]];
  assert_int_equal(again.outputs[0], back->out[0]);
  assert_int_equal(result->type, out);
  assert_true(mn_shape_equal(&result->shape, &SHAPE(1, 4, 5)));
  assert_int_equal(again.values[back->in[0]].type, in); /* of codes, not of floats made of them */
  mn_graph_free(&again);
  mn_graph_free(&g);
}

static void indices_of_the_largest_come_back(void **state) {
  (void)state;
  expect_arg_max(MN_F32, MN_I64);
  expect_arg_max(MN_F32, MN_I32);
  expect_arg_max(MN_U8, MN_I32);
}

static void beta_becomes_a_product(void **state) {
  (void)state;
  mn_graph g, again;
  mn_graph_init(&g);
  mn_id x = make_input(&g, "x", MN_F32, SHAPE(1, 7));
  mn_attr attr = {.softmax = {0.5f}};
  mn_id y = make_node(&g, MN_OP_SOFTMAX, "y", MN_F32, attr, IDS(x));
  make_done(&g, 1, &x, 1, &y);
  round_trip(&g, &again);
  const mn_node *times = find_node(&again, MN_OP_MUL);
  assert_true(*(const float *)again.values[times->in[1]].data == 0.5f);
  assert_true(find_node(&again, MN_OP_SOFTMAX)->attr.softmax.beta == 1);
  mn_graph_free(&again);
  mn_graph_free(&g);
}

/* ---- Written for others: what is not read again ---------------------------------------------- */

static bool has_text(const uint8_t *bytes, size_t size, const char *text) {
  size_t length = strlen(text);
  for (size_t i = 0; i + length <= size; i++) {
    if (memcmp(bytes + i, text, length) == 0) return true;
  }
  return false;
}

/* tests/oracle/onnx_detectors.py shows what onnxruntime finds. */
static void expect_detector(mn_attr attr, mn_type anchor_type, const char *const *operators) {
  mn_graph g;
  mn_error err = {0};
  uint8_t *bytes;
  size_t size;
  mn_graph_init(&g);
  mn_id x[2] = {make_input(&g, "boxes", MN_F32, SHAPE(1, 9, 4)),
                make_input(&g, "scores", MN_F32, SHAPE(1, 9, 4))};
  mn_id anchors = make_const(&g, "anchors", anchor_type, SHAPE(9, 4));
  if (anchor_type != MN_F32) make_quant(&g, anchors, 0.01f, 3);
  mn_id out[4];
  static const char *const names[4] = {"where", "what", "sure", "many"};
  for (int i = 0; i < 4; i++) {
    out[i] = mn_graph_add_value(&g, names[i], MN_F32, &(mn_shape){0, {0}});
  }
  mn_id in[3] = {x[0], x[1], anchors};
  mn_id node = mn_graph_add_node(&g, MN_OP_SSD_DETECT, "where", in, 3, out, 4);
  g.nodes[node].attr = attr;
  make_done(&g, 2, x, 4, out);
  if (mn_onnx_save(&g, &bytes, &size, &err)) fail_msg("%s", err.text);
  for (; *operators; operators++) assert_true(has_text(bytes, size, *operators));
  mn_graph again;
  mn_load_request request = {
      .bytes = bytes, .size = size, .name = "test", .memory_cap = (uint64_t)1 << 30};
  assert_int_equal(mn_onnx_load(&again, &request, &err), MN_ERR_UNSUPPORTED);
  mn_free(bytes);
  mn_graph_free(&g);
}

static void detectors_are_written(void **state) {
  (void)state;
  mn_attr attr = {.ssd_detect = {.detections = 5,
                                 .classes = 3,
                                 .per_anchor = 1,
                                 .per_class = 4,
                                 .regular = true,
                                 .torch_boxes = true,
                                 .candidates = 6,
                                 .score_threshold = 0.1f,
                                 .iou_threshold = 0.5f,
                                 .scale = {10, 10, 5, 5}}};
  expect_detector(attr, MN_F32,
                  (const char *const[]){"NonMaxSuppression", "Where", "Exp", "Clip", NULL});
  attr.ssd_detect.regular = attr.ssd_detect.torch_boxes = false;
  expect_detector(attr, MN_U8,
                  (const char *const[]){"NonMaxSuppression", "ReduceMax", "ArgMax", NULL});
}

/* Of codes: the float that pixel p becomes is the one that its code stands for. */
static void expect_pixels(mn_type type, mn_map map, float scale, int32_t zero) {
  mn_graph g, again;
  mn_graph_init(&g);
  mn_id x = make_input(&g, "x", type, SHAPE(1, 4, 5, 3));
  make_quant(&g, x, scale, zero);
  mn_attr attr = {.pool = {.global = true}};
  mn_id y = make_node(&g, MN_OP_MAX_POOL, "y", type, attr, IDS(x));
  make_quant(&g, y, scale, zero);
  make_done(&g, 1, &x, 1, &y);
  mn_contract_default(&g.contract);
  g.has_contract = true;
  g.contract.input.map = map;
  round_trip(&g, &again);
  assert_true(again.has_contract);
  assert_int_equal(again.contract.input.map, MN_MAP_AFFINE);
  for (int pixel = 0; pixel < 256; pixel++) {
    int32_t code = map == MN_MAP_MINUS128 ? pixel - 128 : pixel;
    double real = pixel * again.contract.input.scale[1] + again.contract.input.offset[1];
    assert_int_equal((int32_t)lround(real / (double)scale) + zero, code);
  }
  mn_graph_free(&again);
  mn_graph_free(&g);
}

static void pixels_become_the_floats_of_their_codes(void **state) {
  (void)state;
  expect_pixels(MN_U8, MN_MAP_IDENTITY_U8, 1 / 128.0f, 128);
  expect_pixels(MN_U8, MN_MAP_IDENTITY_U8, 0.0078125f, 0);
  expect_pixels(MN_I8, MN_MAP_MINUS128, 1 / 127.5f, -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_float_transposed_convolution_comes_back),
      cmocka_unit_test(a_transposed_convolution_of_codes_comes_back),
      cmocka_unit_test(indices_of_the_largest_come_back),
      cmocka_unit_test(beta_becomes_a_product),
      cmocka_unit_test(detectors_are_written),
      cmocka_unit_test(pixels_become_the_floats_of_their_codes),
  };
  return cmocka_run_group_tests_name("onnx_round_trip", tests, NULL, NULL);
}
