/* SPDX-License-Identifier: Apache-2.0
 * Small networks built through the graph API, for tests: a stem convolution, a depthwise and a
 * pointwise one, a residual, a global pool, a dense layer and a softmax; float or 8 bit, with
 * deterministic weights. Static: each test program gets its own copy. */
#ifndef MN_TESTS_TINY_NET_H
#define MN_TESTS_TINY_NET_H

#include <string.h>

#include "graph/graph.h"

/* splitmix64: the tests' source of reproducible numbers. */
static inline uint64_t tiny_random(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* A constant with random content in the graph's arena. */
static inline mn_id tiny_const(mn_graph *g, const char *name, mn_type type, mn_shape shape,
                               uint64_t *seed) {
  int32_t count;
  if (!mn_shape_elements(&shape, &count)) return MN_NONE;
  size_t bytes = (size_t)count * mn_type_bytes(type);
  unsigned char *data = (unsigned char *)mn_arena_take(&g->arena, bytes);
  if (!data) return MN_NONE;
  for (int32_t i = 0; i < count; i++) {
    uint64_t r = tiny_random(seed);
    float f = (float)(int32_t)(r % 2001) / 1000.0f - 1.0f;
    int32_t q = (int32_t)(r % 255) - 127, b = (int32_t)(r % 2001) - 1000;
    if (type == MN_F32) memcpy(data + 4 * (size_t)i, &f, 4);
    if (type == MN_I8) data[i] = (unsigned char)q;
    if (type == MN_U8) data[i] = (unsigned char)(q + 128);
    if (type == MN_I32) memcpy(data + 4 * (size_t)i, &b, 4);
  }
  return mn_graph_add_const(g, name, type, &shape, data);
}

typedef struct tiny_net {
  mn_graph *g;
  mn_type type; /* F32, U8 or I8 */
  uint64_t seed;
} tiny_net;

static inline void tiny_scale(tiny_net *t, mn_id value, float scale) {
  int32_t zero = t->type == MN_U8 ? 128 : 0;
  if (t->type != MN_F32 && value != MN_NONE) {
    mn_graph_set_quant(t->g, value, 1, 0, &scale, &zero);
  }
}

/* A conv or depthwise layer, 3x3 SAME or 1x1, relu6; weights are named after it. */
static inline mn_id tiny_layer(tiny_net *t, mn_op op, const char *name, mn_id in, int32_t oc,
                               int32_t kernel, int32_t stride) {
  const mn_shape in_shape = t->g->values[in].shape;
  int32_t ic = in_shape.dim[3];
  char text[64];
  mn_shape shape = {4, {oc, kernel, kernel, ic}};
  if (op == MN_OP_DWCONV2D) shape = (mn_shape){3, {kernel, kernel, ic, 0}};
  if (op == MN_OP_DWCONV2D) oc = ic;
  strcat(strcpy(text, name), "_w");
  mn_id w = tiny_const(t->g, text, t->type, shape, &t->seed);
  tiny_scale(t, w, 0.01f);
  strcat(strcpy(text, name), "_b");
  mn_id b =
      tiny_const(t->g, text, t->type == MN_F32 ? MN_F32 : MN_I32, (mn_shape){1, {oc}}, &t->seed);
  mn_shape out = {4,
                  {in_shape.dim[0], (in_shape.dim[1] + stride - 1) / stride,
                   (in_shape.dim[2] + stride - 1) / stride, oc}};
  mn_id y = mn_graph_add_value(t->g, name, t->type, &out);
  tiny_scale(t, y, 0.05f);
  mn_id ins[3] = {in, w, b};
  mn_id node = mn_graph_add_node(t->g, op, name, ins, 3, &y, 1);
  if (node == MN_NONE) return MN_NONE;
  mn_window window = {kernel, kernel, stride, stride, 1, 1, MN_PAD_SAME, 0, 0, 0, 0};
  t->g->nodes[node].attr.conv.window = window;
  t->g->nodes[node].attr.conv.act = MN_ACT_RELU6;
  t->g->nodes[node].attr.conv.multiplier = op == MN_OP_DWCONV2D ? 1 : 0;
  return y;
}

static inline mn_id tiny_unary(tiny_net *t, mn_op op, const char *name, mn_id in, mn_shape shape) {
  mn_id y = mn_graph_add_value(t->g, name, t->type, &shape);
  mn_id node = mn_graph_add_node(t->g, op, name, &in, 1, &y, 1);
  tiny_scale(t, y, op == MN_OP_SOFTMAX ? 1.0f / 256 : 0.05f);
  if (node == MN_NONE) return MN_NONE;
  if (op == MN_OP_SOFTMAX) t->g->nodes[node].attr.softmax.beta = 1;
  if (op == MN_OP_AVG_POOL) t->g->nodes[node].attr.pool.global = true;
  return y;
}

/* size x size x 3 to 5 classes. The graph is ready for mn_graph_verify. False: out of memory. */
static inline bool tiny_net_build(mn_graph *g, mn_type type, int32_t size) {
  tiny_net t = {g, type, 42};
  mn_graph_init(g);
  mn_shape in = {4, {1, size, size, 3}};
  mn_id x = mn_graph_add_value(g, "input", type, &in);
  if (x == MN_NONE) return false;
  g->values[x].kind = MN_KIND_INPUT;
  tiny_scale(&t, x, 1.0f / 128);
  mn_id y = tiny_layer(&t, MN_OP_CONV2D, "stem", x, 8, 3, 2);
  if (y == MN_NONE) return false;
  mn_id dw = tiny_layer(&t, MN_OP_DWCONV2D, "dw", y, 0, 3, 1);
  if (dw == MN_NONE) return false;
  mn_id pw = tiny_layer(&t, MN_OP_CONV2D, "pw", dw, 8, 1, 1);
  if (pw == MN_NONE) return false;
  mn_id sum = mn_graph_add_value(g, "sum", type, &g->values[pw].shape);
  if (sum == MN_NONE) return false;
  tiny_scale(&t, sum, 0.05f);
  mn_id pair[2] = {y, pw};
  if (mn_graph_add_node(g, MN_OP_ADD, "sum", pair, 2, &sum, 1) == MN_NONE) return false;
  mn_id pool = tiny_unary(&t, MN_OP_AVG_POOL, "pool", sum, (mn_shape){4, {1, 1, 1, 8}});
  if (pool == MN_NONE) return false;
  mn_id w = tiny_const(g, "dense_w", type, (mn_shape){2, {5, 8}}, &t.seed);
  mn_id b = tiny_const(g, "dense_b", type == MN_F32 ? MN_F32 : MN_I32, (mn_shape){1, {5}}, &t.seed);
  if (w == MN_NONE || b == MN_NONE) return false;
  tiny_scale(&t, w, 0.01f);
  mn_id logits = mn_graph_add_value(g, "logits", type, &(mn_shape){2, {1, 5}});
  if (logits == MN_NONE) return false;
  tiny_scale(&t, logits, 0.05f);
  mn_id ins[3] = {pool, w, b};
  if (mn_graph_add_node(g, MN_OP_DENSE, "logits", ins, 3, &logits, 1) == MN_NONE) return false;
  mn_id scores = tiny_unary(&t, MN_OP_SOFTMAX, "scores", logits, (mn_shape){2, {1, 5}});
  if (scores == MN_NONE) return false;
  int32_t zero = type == MN_I8 ? -128 : 0;
  float scale = 1.0f / 256;
  if (type != MN_F32 && !mn_graph_set_quant(g, scores, 1, 0, &scale, &zero)) return false;
  return mn_graph_set_inputs(g, &x, 1) && mn_graph_set_outputs(g, &scores, 1);
}

#endif
