/* SPDX-License-Identifier: Apache-2.0
 * Small graphs for tests: one call a node, temps named after the node, shapes by inference.
 * Constants are filled with numbers that depend on their name and index only. */
#ifndef MN_TESTS_GRAPH_MAKER_H
#define MN_TESTS_GRAPH_MAKER_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "graph/graph.h"

#define SHAPE(...) \
  ((mn_shape){(int32_t)(sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t)), {__VA_ARGS__}})

static inline mn_id make_input(mn_graph *graph, const char *name, mn_type type, mn_shape shape) {
  mn_id id = mn_graph_add_value(graph, name, type, &shape);
  assert_int_not_equal(id, MN_NONE);
  graph->values[id].kind = MN_KIND_INPUT;
  return id;
}

/* In [-0.5, 0.5) for floats, small for integers. */
static inline double made_number(const char *name, int32_t index) {
  uint32_t hash = 2166136261u;
  for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 16777619u;
  hash = (hash ^ (uint32_t)index) * 2654435761u;
  hash ^= hash >> 15;
  hash *= 2246822519u;
  return (double)(hash >> 8) / 16777216.0 - 0.5;
}

static inline mn_id make_const(mn_graph *graph, const char *name, mn_type type, mn_shape shape) {
  int32_t elements;
  assert_true(mn_shape_elements(&shape, &elements));
  void *data = mn_arena_array(&graph->arena, (size_t)elements, mn_type_bytes(type));
  assert_non_null(data);
  for (int32_t i = 0; i < elements; i++) {
    double number = made_number(name, i);
    if (type == MN_F32) ((float *)data)[i] = (float)number;
    if (type == MN_I32) ((int32_t *)data)[i] = (int32_t)(number * 1000);
    if (type == MN_I8) ((int8_t *)data)[i] = (int8_t)floor(number * 254);
    if (type == MN_U8) ((uint8_t *)data)[i] = (uint8_t)floor((number + 0.5) * 255);
    if (type == MN_F16) ((uint16_t *)data)[i] = (uint16_t)(0x3000 + i * 37 % 0x1000);
  }
  mn_id id = mn_graph_add_const(graph, name, type, &shape, data);
  assert_int_not_equal(id, MN_NONE);
  return id;
}

/* A constant with given floats. */
static inline mn_id make_floats(mn_graph *graph, const char *name, mn_shape shape,
                                const float *numbers) {
  mn_id id = make_const(graph, name, MN_F32, shape);
  void *data = mn_arena_copy(&graph->arena, numbers, graph->values[id].bytes);
  assert_non_null(data);
  graph->values[id].data = data;
  return id;
}

static inline void make_quant(mn_graph *graph, mn_id id, float scale, int32_t zero) {
  assert_true(mn_graph_set_quant(graph, id, 1, 0, &scale, &zero));
}

/* The node's output; its inputs end with MN_NONE only where one is absent. The temp has `type`. */
static inline mn_id make_node(mn_graph *graph, mn_op op, const char *name, mn_type type,
                              mn_attr attr, int32_t in_count, const mn_id *in) {
  mn_shape open = {0, {0}};
  mn_id out = mn_graph_add_value(graph, name, type, &open);
  assert_int_not_equal(out, MN_NONE);
  mn_id node = mn_graph_add_node(graph, op, name, in, in_count, &out, 1);
  assert_int_not_equal(node, MN_NONE);
  graph->nodes[node].attr = attr;
  return out;
}

#define IDS(...) \
  (int32_t)(sizeof((mn_id[]){__VA_ARGS__}) / sizeof(mn_id)), (const mn_id[]) { __VA_ARGS__ }

static inline mn_window make_window(int32_t kernel, int32_t stride, mn_pad_rule rule) {
  mn_window w = {.kernel_h = kernel,
                 .kernel_w = kernel,
                 .stride_h = stride,
                 .stride_w = stride,
                 .dilation_h = 1,
                 .dilation_w = 1,
                 .pad_rule = rule};
  return w;
}

/* Sets inputs and outputs, infers every shape, verifies. */
static inline void make_done(mn_graph *graph, int32_t input_count, const mn_id *inputs,
                             int32_t output_count, const mn_id *outputs) {
  mn_error err = {0};
  mn_shape in_shapes[8];
  assert_true(mn_graph_set_inputs(graph, inputs, input_count));
  assert_true(mn_graph_set_outputs(graph, outputs, output_count));
  mn_shape *shapes = mn_arena_array(&graph->arena, (size_t)graph->value_count, sizeof *shapes);
  assert_non_null(shapes);
  for (int32_t i = 0; i < input_count; i++) in_shapes[i] = graph->values[inputs[i]].shape;
  if (mn_graph_infer(graph, in_shapes, shapes, &err)) fail_msg("%s", err.text);
  for (int32_t i = 0; i < graph->value_count; i++) graph->values[i].shape = shapes[i];
  if (mn_graph_verify(graph, &err)) fail_msg("%s", err.text);
}

/* ---- A graph with every operator ------------------------------------------------------------- */

/* The float half, from `x` [1,8,8,3]; its outputs go to out[0..2]. */
static inline void make_every_float_op(mn_graph *g, mn_id x, mn_id *out) {
  mn_attr none = {0};
  mn_attr attr = {.conv = {make_window(3, 2, MN_PAD_SAME), MN_ACT_RELU6, 0}};
  mn_id w = make_const(g, "conv.weight", MN_F32, SHAPE(4, 3, 3, 3));
  mn_id b = make_const(g, "conv.bias", MN_F32, SHAPE(4));
  mn_id conv = make_node(g, MN_OP_CONV2D, "conv", MN_F32, attr, IDS(x, w, b));
  mn_id c[4];
  static const char *const names[4] = {"gamma", "beta", "mean", "variance"};
  for (int i = 0; i < 4; i++) c[i] = make_const(g, names[i], MN_F32, SHAPE(4));
  mn_attr bn = {.batch_norm = {0.001f, MN_ACT_NONE}};
  mn_id norm =
      make_node(g, MN_OP_BATCH_NORM, "norm", MN_F32, bn, IDS(conv, c[0], c[1], c[2], c[3]));
  mn_attr pads = {.pad = {{0, 1, 0, 0}, {0, 1, 2, 0}}};
  mn_id padded = make_node(g, MN_OP_PAD, "padded", MN_F32, pads, IDS(norm));
  mn_attr dw = {.conv = {make_window(3, 1, MN_PAD_EXPLICIT), MN_ACT_RELU, 2}};
  dw.conv.window.pad_top = 1;
  dw.conv.window.pad_right = 1;
  mn_id dw_weight = make_const(g, "dw.weight", MN_F32, SHAPE(3, 3, 8));
  mn_id deep = make_node(g, MN_OP_DWCONV2D, "dw", MN_F32, dw, IDS(padded, dw_weight));
  mn_id swish = make_node(g, MN_OP_HARD_SWISH, "swish", MN_F32, none, IDS(deep));
  mn_id gate = make_node(g, MN_OP_HARD_SIGMOID, "gate", MN_F32, none, IDS(deep));
  mn_attr relu6 = {.eltwise = {MN_ACT_RELU6}}, linear = {.eltwise = {MN_ACT_NONE}};
  mn_id mul = make_node(g, MN_OP_MUL, "mul", MN_F32, linear, IDS(swish, gate));
  mn_id add = make_node(g, MN_OP_ADD, "add", MN_F32, relu6, IDS(mul, deep));
  mn_id sub = make_node(g, MN_OP_SUB, "sub", MN_F32, linear, IDS(add, mul));
  mn_attr pool = {.pool = {make_window(2, 2, MN_PAD_SAME), MN_ACT_NONE, false}};
  mn_id most = make_node(g, MN_OP_MAX_POOL, "most", MN_F32, pool, IDS(sub));
  mn_attr to = {.resize = {.half_pixel = true, .height = 5, .width = 7}};
  mn_attr like = {.resize = {.align_corners = true, .like = true}};
  mn_id large = make_node(g, MN_OP_RESIZE_BILINEAR, "large", MN_F32, to, IDS(most));
  out[0] = make_node(g, MN_OP_RESIZE_NEAREST, "near", MN_F32, like, IDS(most, large));
  mn_attr mean = {.reduce = {6, true}};
  out[1] = make_node(g, MN_OP_MEAN, "average", MN_F32, mean, IDS(most));
  mn_attr global = {.pool = {.global = true}};
  mn_id pooled = make_node(g, MN_OP_AVG_POOL, "pooled", MN_F32, global, IDS(most));
  mn_attr flat = {.reshape = {{2, {0, -1}}}};
  mn_id row = make_node(g, MN_OP_RESHAPE, "row", MN_F32, flat, IDS(pooled));
  mn_id fc = make_const(g, "fc.weight", MN_F32, SHAPE(5, 8));
  mn_attr dense = {.dense = {MN_ACT_NONE, false}};
  mn_id logits = make_node(g, MN_OP_DENSE, "logits", MN_F32, dense, IDS(row, fc, MN_NONE));
  mn_attr relu = {.eltwise = {MN_ACT_RELU_N1_TO_1}};
  mn_id cut = make_node(g, MN_OP_RELU, "cut", MN_F32, relu, IDS(logits));
  mn_id sure = make_node(g, MN_OP_LOGISTIC, "sure", MN_F32, none, IDS(cut));
  mn_attr soft = {.softmax = {0.7f}};
  out[2] = make_node(g, MN_OP_SOFTMAX, "soft", MN_F32, soft, IDS(sure));
}

/* The int8 half, from `x` [1,8,8,3] f32. */
static inline mn_id make_every_int8_op(mn_graph *g, mn_id x) {
  mn_attr none = {0};
  static const float scales[4] = {0.1f, 0.02f, 0.003f, 1e-7f};
  mn_id q = make_node(g, MN_OP_QUANTIZE, "q", MN_I8, none, IDS(x));
  make_quant(g, q, 1 / 127.5f, -1);
  mn_id w = make_const(g, "q.weight", MN_I8, SHAPE(4, 1, 1, 3));
  assert_true(mn_graph_set_quant(g, w, 4, 0, scales, NULL));
  mn_id b = make_const(g, "q.bias", MN_I32, SHAPE(4));
  mn_attr conv = {.conv = {make_window(1, 1, MN_PAD_EXPLICIT), MN_ACT_RELU, 0}};
  mn_id y = make_node(g, MN_OP_CONV2D, "q.conv", MN_I8, conv, IDS(q, w, b));
  make_quant(g, y, 0.0235f, -128);
  mn_attr join = {.concat = {3, MN_ACT_NONE}};
  mn_id both = make_node(g, MN_OP_CONCAT, "q.join", MN_I8, join, IDS(y, y));
  make_quant(g, both, 0.0235f, -128);
  mn_id back = make_node(g, MN_OP_DEQUANTIZE, "back", MN_F32, none, IDS(both));
  mn_attr best = {.arg_max = {3, MN_I64}};
  return make_node(g, MN_OP_ARG_MAX, "best", MN_I64, best, IDS(back));
}

static inline void make_every_op(mn_graph *g) {
  mn_id out[4];
  mn_graph_init(g);
  mn_id x = make_input(g, "image", MN_F32, SHAPE(1, 8, 8, 3));
  make_every_float_op(g, x, out);
  out[3] = make_every_int8_op(g, x);
  make_done(g, 1, &x, 4, out);
}

#endif
