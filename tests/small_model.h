/* SPDX-License-Identifier: Apache-2.0
 * A small classifier for tests, f32 or i8: 16x16 RGB -> conv 3x3 /2 -> depthwise 3x3 -> pointwise
 * + residual -> mean -> dense 5 -> softmax, with labels and a contract. Weights are a fixed
 * pseudo-random sequence. */
#ifndef MN_TEST_SMALL_MODEL_H
#define MN_TEST_SMALL_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"

enum { SMALL_SIZE = 16, SMALL_CHANNELS = 8, SMALL_CLASSES = 5, SMALL_LAYERS = 4 };

/* What a graph under construction borrows; static, so one graph of each type at a time is fine. */
typedef struct small_store {
  float f32[SMALL_LAYERS][512];
  int8_t i8[SMALL_LAYERS][512];
  float bias_f32[SMALL_LAYERS][16];
  int32_t bias_i32[SMALL_LAYERS][16];
} small_store;

typedef struct small_builder {
  mn_graph *graph;
  small_store *store;
  mn_type type;
  int layers;
} small_builder;

static inline mn_shape small_shape(int rank, const int *dims) {
  mn_shape shape = {.rank = rank};
  for (int i = 0; i < rank; i++) shape.dim[i] = dims[i];
  return shape;
}
#define SMALL_SHAPE(rank, ...) small_shape(rank, (const int[]){__VA_ARGS__})

static inline void small_check(bool fine, const char *what) {
  if (fine) return;
  fprintf(stderr, "small model: %s\n", what);
  exit(1);
}

static inline void small_quantize(small_builder *b, mn_id id, float scale, int32_t zero) {
  if (b->type == MN_F32) return;
  small_check(mn_graph_set_quant(b->graph, id, 1, 0, &scale, &zero), "quantization");
}

static inline mn_id small_value(small_builder *b, const char *name, mn_shape shape, float scale) {
  mn_id id = mn_graph_add_value(b->graph, name, b->type, &shape);
  small_check(id != MN_NONE, name);
  small_quantize(b, id, scale, scale == 1.0f / 256 ? -128 : 0);
  return id;
}

/* Weights in +-0.5 and small biases, as constants of the builder's type. */
static inline void small_constants(small_builder *b, mn_id *in, const char *name, mn_shape shape,
                                   int32_t channels) {
  int layer = b->layers++;
  int32_t count;
  char text[32];
  small_check(mn_shape_elements(&shape, &count) && count <= 512 && channels <= 16, name);
  uint32_t random = 12345u + (uint32_t)layer;
  for (int32_t i = 0; i < count; i++) {
    random = random * 1664525u + 1013904223u;
    b->store->i8[layer][i] = (int8_t)((int32_t)(random >> 25) - 64);
    b->store->f32[layer][i] = (float)b->store->i8[layer][i] / 128.0f;
  }
  for (int32_t i = 0; i < channels; i++) {
    b->store->bias_i32[layer][i] = 100 * (i % 3);
    b->store->bias_f32[layer][i] = 0.05f * (float)(i % 3);
  }
  bool is_f32 = b->type == MN_F32;
  const void *weights = is_f32 ? (void *)b->store->f32[layer] : (void *)b->store->i8[layer];
  const void *bias = is_f32 ? (void *)b->store->bias_f32[layer] : (void *)b->store->bias_i32[layer];
  snprintf(text, sizeof text, "%s/weights", name);
  in[1] = mn_graph_add_const(b->graph, text, b->type, &shape, weights);
  small_quantize(b, in[1], 1.0f / 128, 0);
  shape = SMALL_SHAPE(1, channels);
  snprintf(text, sizeof text, "%s/bias", name);
  in[2] = mn_graph_add_const(b->graph, text, is_f32 ? MN_F32 : MN_I32, &shape, bias);
  small_check(in[1] != MN_NONE && in[2] != MN_NONE, name);
  /* Kernels take a bias in units of input times weights; its own scale is for readers. */
  if (!is_f32) {
    const float scale = 1.0f / 128 / 32;
    small_check(mn_graph_set_quant(b->graph, in[2], 1, 0, &scale, NULL), name);
  }
}

static inline mn_attr *small_node(small_builder *b, mn_op op, const mn_id *in, int32_t count,
                                  mn_id out) {
  mn_id node = mn_graph_add_node(b->graph, op, b->graph->values[out].name, in, count, &out, 1);
  small_check(node != MN_NONE, "a node");
  return &b->graph->nodes[node].attr;
}

static inline mn_window small_window(int32_t kernel, int32_t stride) {
  return (mn_window){.kernel_h = kernel,
                     .kernel_w = kernel,
                     .stride_h = stride,
                     .stride_w = stride,
                     .dilation_h = 1,
                     .dilation_w = 1,
                     .pad_rule = MN_PAD_SAME};
}

static inline void small_contract(mn_graph *graph) {
  static const char *const names[SMALL_CLASSES] = {"oak", "elm", "ash", "fir", "yew"};
  mn_contract *contract = &graph->contract;
  mn_contract_default(contract);
  contract->task = MN_TASK_CLASSIFY;
  contract->input.map = MN_MAP_AFFINE;
  for (int i = 0; i < 3; i++) contract->input.scale[i] = 1.0 / 255;
  contract->labels.names = names;
  contract->labels.count = SMALL_CLASSES;
  contract->labels.background = -1;
  contract->score = MN_SCORE_NONE;
  graph->has_contract = true;
}

/* Builds and verifies; `graph` is freed by the caller. type: MN_F32 or MN_I8. */
static inline void small_graph(mn_graph *graph, small_store *store, mn_type type) {
  enum { HALF = SMALL_SIZE / 2, C = SMALL_CHANNELS };
  mn_error err = {MN_OK, "", ""};
  small_builder b = {graph, store, type, 0};
  mn_graph_init(graph);
  mn_shape map = SMALL_SHAPE(4, 1, HALF, HALF, C);
  mn_id input = small_value(&b, "input", SMALL_SHAPE(4, 1, SMALL_SIZE, SMALL_SIZE, 3), 1.0f / 255);
  if (type != MN_F32) small_quantize(&b, input, 1.0f / 255, -128);
  graph->values[input].kind = MN_KIND_INPUT;

  mn_id in[3] = {input};
  mn_id stem = small_value(&b, "stem", map, 1.0f / 32);
  small_constants(&b, in, "stem", SMALL_SHAPE(4, C, 3, 3, 3), C);
  mn_attr *attr = small_node(&b, MN_OP_CONV2D, in, 3, stem);
  attr->conv.window = small_window(3, 2);
  attr->conv.act = MN_ACT_RELU6;

  in[0] = stem;
  mn_id depthwise = small_value(&b, "depthwise", map, 1.0f / 32);
  small_constants(&b, in, "depthwise", SMALL_SHAPE(3, 3, 3, C), C);
  attr = small_node(&b, MN_OP_DWCONV2D, in, 3, depthwise);
  attr->conv.window = small_window(3, 1);
  attr->conv.multiplier = 1;
  attr->conv.act = MN_ACT_RELU6;

  in[0] = depthwise;
  mn_id pointwise = small_value(&b, "pointwise", map, 1.0f / 32);
  small_constants(&b, in, "pointwise", SMALL_SHAPE(4, C, 1, 1, C), C);
  attr = small_node(&b, MN_OP_CONV2D, in, 3, pointwise);
  attr->conv.window = small_window(1, 1);

  mn_id both[2] = {pointwise, stem};
  mn_id sum = small_value(&b, "sum", map, 1.0f / 32);
  small_node(&b, MN_OP_ADD, both, 2, sum);
  mn_id mean = small_value(&b, "mean", SMALL_SHAPE(2, 1, C), 1.0f / 32);
  small_node(&b, MN_OP_MEAN, &sum, 1, mean)->reduce.axes = 1u << 1 | 1u << 2;

  in[0] = mean;
  mn_id logits = small_value(&b, "logits", SMALL_SHAPE(2, 1, SMALL_CLASSES), 1.0f / 32);
  small_constants(&b, in, "logits", SMALL_SHAPE(2, SMALL_CLASSES, C), SMALL_CLASSES);
  small_node(&b, MN_OP_DENSE, in, 3, logits);
  mn_id output = small_value(&b, "output", SMALL_SHAPE(2, 1, SMALL_CLASSES), 1.0f / 256);
  small_node(&b, MN_OP_SOFTMAX, &logits, 1, output)->softmax.beta = 1;

  small_check(mn_graph_set_inputs(graph, &input, 1), "inputs");
  small_check(mn_graph_set_outputs(graph, &output, 1), "outputs");
  small_contract(graph);
  small_check(mn_graph_verify(graph, &err) == MN_OK, err.text);
}

/* The native file of that graph; *bytes is freed with mn_free. */
static inline void small_file(mn_type type, uint8_t **bytes, size_t *size) {
  static small_store store;
  mn_graph graph;
  mn_error err;
  small_graph(&graph, &store, type);
  small_check(mn_safetensors_save(&graph, bytes, size, &err) == MN_OK, "cannot be saved");
  mn_graph_free(&graph);
}

#endif
