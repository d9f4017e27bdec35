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

/* ---- Detectors ------------------------------------------------------------------------------- */

/* tests/oracle/onnx_detectors.py shows what the function that defines them finds elsewhere. */
static void expect_detector(mn_attr attr, mn_type anchor_type) {
  mn_graph g, again;
  mn_graph_init(&g);
  mn_id x[2] = {make_input(&g, "boxes", MN_F32, SHAPE(1, 9, 4)),
                make_input(&g, "scores", MN_F32, SHAPE(1, 9, 4))};
  mn_id anchors = make_const(&g, "anchors", anchor_type, SHAPE(9, 4)), out[4];
  if (anchor_type != MN_F32) make_quant(&g, anchors, 0.01f, 3);
  static const char *const names[4] = {"where", "what", "sure", "many"};
  for (int i = 0; i < 4; i++) {
    out[i] = mn_graph_add_value(&g, names[i], MN_F32, &(mn_shape){0, {0}});
  }
  mn_id in[3] = {x[0], x[1], anchors};
  mn_id node = mn_graph_add_node(&g, MN_OP_SSD_DETECT, "where", in, 3, out, 4);
  g.nodes[node].attr = attr;
  make_done(&g, 2, x, 4, out);
  round_trip(&g, &again);
  const mn_node *back = find_node(&again, MN_OP_SSD_DETECT);
  mn_attr found = back->attr;
  assert_int_equal(found.ssd_detect.detections, attr.ssd_detect.detections);
  assert_int_equal(found.ssd_detect.classes, attr.ssd_detect.classes);
  assert_int_equal(found.ssd_detect.per_anchor, attr.ssd_detect.per_anchor);
  assert_int_equal(found.ssd_detect.per_class, attr.ssd_detect.per_class);
  assert_int_equal(found.ssd_detect.candidates, attr.ssd_detect.candidates);
  assert_int_equal(found.ssd_detect.regular, attr.ssd_detect.regular);
  assert_int_equal(found.ssd_detect.torch_boxes, attr.ssd_detect.torch_boxes);
  assert_true(found.ssd_detect.score_threshold == attr.ssd_detect.score_threshold);
  assert_true(found.ssd_detect.iou_threshold == attr.ssd_detect.iou_threshold);
  assert_memory_equal(found.ssd_detect.scale, attr.ssd_detect.scale, sizeof(float[4]));
  for (int i = 0; i < 4; i++) {
    assert_string_equal(again.values[again.outputs[i]].name, names[i]);
    assert_true(mn_shape_equal(&again.values[back->out[i]].shape, &g.values[out[i]].shape));
  }
  const float *floats = again.values[back->in[2]].data;
  for (int i = 0; i < 36; i++) {
    const void *data = g.values[anchors].data;
    float real = anchor_type == MN_F32 ? ((const float *)data)[i]
                                       : (float)(((const uint8_t *)data)[i] - 3) * 0.01f;
    assert_true(floats[i] == real);
  }
  mn_graph_free(&again);
  mn_graph_free(&g);
}

static void detectors_come_back(void **state) {
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
  expect_detector(attr, MN_F32);
  attr.ssd_detect.regular = attr.ssd_detect.torch_boxes = false;
  expect_detector(attr, MN_U8);
}

/* An attribute that no detector has is refused as in any file. */
static void a_detector_of_nothing_is_refused(void **state) {
  (void)state;
  mn_graph g, again;
  mn_error err = {0};
  uint8_t *bytes;
  size_t size;
  mn_graph_init(&g);
  mn_id in[3] = {make_input(&g, "boxes", MN_F32, SHAPE(1, 9, 4)),
                 make_input(&g, "scores", MN_F32, SHAPE(1, 9, 4)),
                 make_const(&g, "anchors", MN_F32, SHAPE(9, 4))};
  mn_id out[4];
  for (int i = 0; i < 4; i++) {
    out[i] = mn_graph_add_value(&g, (const char *[]){"a", "b", "c", "d"}[i], MN_F32, &SHAPE(1, 1));
  }
  mn_id node = mn_graph_add_node(&g, MN_OP_SSD_DETECT, "a", in, 3, out, 4);
  g.nodes[node].attr.ssd_detect.classes = 4;
  g.nodes[node].attr.ssd_detect.regular = true;
  g.nodes[node].attr.ssd_detect.detections = -7;
  assert_true(mn_graph_set_inputs(&g, in, 2) && mn_graph_set_outputs(&g, out, 4));
  if (mn_onnx_save(&g, &bytes, &size, &err)) fail_msg("%s", err.text);
  mn_load_request request = {
      .bytes = bytes, .size = size, .name = "test", .memory_cap = (uint64_t)1 << 30};
  mn_status status = mn_onnx_load(&again, &request, &err);
  if (!status) {
    status = mn_graph_verify(&again, &err);
    mn_graph_free(&again);
  }
  assert_int_not_equal(status, MN_OK);
  mn_free(bytes);
  mn_graph_free(&g);
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
      cmocka_unit_test(detectors_come_back),
      cmocka_unit_test(a_detector_of_nothing_is_refused),
      cmocka_unit_test(pixels_become_the_floats_of_their_codes),
  };
  return cmocka_run_group_tests_name("onnx_round_trip", tests, NULL, NULL);
}
