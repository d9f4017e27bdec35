/* SPDX-License-Identifier: Apache-2.0
 * A graph with every operator that a TFLite file can hold, and saving and loading it, for tests. */
#ifndef MN_TESTS_TFLITE_MAKER_H
#define MN_TESTS_TFLITE_MAKER_H

#include "graph_maker.h"

#include "base/alloc.h"
#include "format/format.h"

typedef struct tflite_file {
  uint8_t *bytes; /* freed with mn_free */
  size_t size;
} tflite_file;

/* Float operators on `x` [1,8,8,3]; outputs go to out[0..2]. */
static inline void make_tflite_float_ops(mn_graph *g, mn_id x, mn_id *out) {
  mn_attr none = {0}, linear = {.eltwise = {MN_ACT_NONE}}, relu6 = {.eltwise = {MN_ACT_RELU6}};
  mn_attr conv = {.conv = {make_window(3, 2, MN_PAD_SAME), MN_ACT_RELU6, 0}};
  mn_id w = make_const(g, "conv.weight", MN_F32, SHAPE(4, 3, 3, 3));
  mn_id b = make_const(g, "conv.bias", MN_F32, SHAPE(4));
  mn_id y = make_node(g, MN_OP_CONV2D, "conv", MN_F32, conv, IDS(x, w, b));
  mn_attr pads = {.pad = {{0, 1, 0, 0}, {0, 1, 2, 0}}};
  mn_id padded = make_node(g, MN_OP_PAD, "padded", MN_F32, pads, IDS(y));
  mn_attr dw = {.conv = {make_window(3, 1, MN_PAD_EXPLICIT), MN_ACT_RELU, 2}};
  dw.conv.window.dilation_h = 2;
  mn_id dw_weight = make_const(g, "dw.weight", MN_F32, SHAPE(3, 3, 8));
  mn_id deep = make_node(g, MN_OP_DWCONV2D, "dw", MN_F32, dw, IDS(padded, dw_weight));
  mn_id swish = make_node(g, MN_OP_HARD_SWISH, "swish", MN_F32, none, IDS(deep));
  mn_id three = make_const(g, "three", MN_F32, SHAPE(8));
  mn_id mul = make_node(g, MN_OP_MUL, "mul", MN_F32, linear, IDS(swish, three));
  mn_id add = make_node(g, MN_OP_ADD, "add", MN_F32, relu6, IDS(mul, deep));
  mn_id sub = make_node(g, MN_OP_SUB, "sub", MN_F32, linear, IDS(add, mul));
  mn_attr pool = {.pool = {make_window(2, 2, MN_PAD_SAME), MN_ACT_NONE, false}};
  mn_id most = make_node(g, MN_OP_MAX_POOL, "most", MN_F32, pool, IDS(sub));
  mn_attr to = {.resize = {.half_pixel = true, .height = 5, .width = 7}};
  mn_attr near = {.resize = {.align_corners = true, .height = 3, .width = 3}};
  mn_id large = make_node(g, MN_OP_RESIZE_BILINEAR, "large", MN_F32, to, IDS(most));
  out[0] = make_node(g, MN_OP_RESIZE_NEAREST, "near", MN_F32, near, IDS(large));
  mn_attr mean = {.reduce = {6, true}};
  out[1] = make_node(g, MN_OP_MEAN, "average", MN_F32, mean, IDS(most));
  mn_attr global = {.pool = {.global = true}}, flat = {.reshape = {{2, {0, -1}}}};
  mn_id pooled = make_node(g, MN_OP_AVG_POOL, "pooled", MN_F32, global, IDS(most));
  mn_id row = make_node(g, MN_OP_RESHAPE, "row", MN_F32, flat, IDS(pooled));
  mn_id fc = make_const(g, "fc.weight", MN_F32, SHAPE(5, 8));
  mn_attr dense = {.dense = {MN_ACT_NONE, true}}, cut = {.eltwise = {MN_ACT_RELU_N1_TO_1}};
  mn_id logits = make_node(g, MN_OP_DENSE, "logits", MN_F32, dense, IDS(row, fc));
  mn_id clipped = make_node(g, MN_OP_RELU, "cut", MN_F32, cut, IDS(logits));
  mn_id sure = make_node(g, MN_OP_LOGISTIC, "sure", MN_F32, none, IDS(clipped));
  mn_attr soft = {.softmax = {0.75f}};
  out[2] = make_node(g, MN_OP_SOFTMAX, "soft", MN_F32, soft, IDS(sure));
}

/* Of the graph that make_tflite_model makes, ready to be freed. */
static inline void make_tflite_model(mn_graph *g) {
  static const char *const names[5] = {"oak", "elm", "ash", "fir", "yew"};
  mn_id out[4], list[4];
  mn_graph_init(g);
  mn_id x = make_input(g, "image", MN_F32, SHAPE(1, 8, 8, 3));
  make_tflite_float_ops(g, x, out);
  out[3] = make_every_int8_op(g, x);
  for (int i = 0; i < 4; i++) list[i] = out[3 - i]; /* the labelled one first but one */
  list[0] = out[2];
  list[1] = out[3];
  make_done(g, 1, &x, 4, list);
  mn_error err = {0};
  mn_contract_default(&g->contract);
  assert_int_equal(mn_contract_preset(&g->contract, "tf", &err), MN_OK);
  g->contract.labels.names = names;
  g->contract.labels.count = 5;
  g->has_contract = true;
}

static inline tflite_file save_tflite(const mn_graph *graph) {
  tflite_file file;
  mn_error err = {0};
  if (mn_tflite_save(graph, &file.bytes, &file.size, &err)) fail_msg("%s", err.text);
  return file;
}

static inline mn_status load_tflite(mn_graph *graph, const uint8_t *bytes, size_t size,
                                    mn_contract_facts *facts, mn_error *err) {
  mn_load_request request = {bytes, size, "model", 16 << 20, NULL};
  mn_status status = mn_tflite_load(graph, &request, facts, err);
  return status ? status : mn_graph_verify(graph, err);
}

#endif
