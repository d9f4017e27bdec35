/* SPDX-License-Identifier: Apache-2.0
 * The self-test's network: 16 x 16 x 3 -> convolution 3x3 /2 -> depthwise 3x3 -> pointwise ->
 * residual -> global pool -> dense, int8, with fixed pseudo-random weights. It goes the whole way
 * (verify, plan, run), so it also checks how operators pack, pad and place. */
#include <string.h>

#include "api/model.h"
#include "api/selftest.h"
#include "base/alloc.h"

enum { SIZE = 16, CHANNELS = 19, CLASSES = 11 };

typedef struct builder {
  mn_graph *graph;
  uint32_t state;
  bool failed; /* out of memory; everything after is void */
} builder;

static uint32_t next_random(builder *b) {
  b->state = b->state * 1664525u + 1013904223u;
  return b->state >> 16;
}

static mn_id add_value(builder *b, const char *name, mn_shape shape, float scale, int32_t zero) {
  mn_id id = b->failed ? MN_NONE : mn_graph_add_value(b->graph, name, MN_I8, &shape);
  if (id == MN_NONE || !mn_graph_set_quant(b->graph, id, 1, 0, &scale, &zero)) b->failed = true;
  return id;
}

/* Random int8 weights with a scale per tensor. */
static mn_id add_weights(builder *b, const char *name, mn_shape shape) {
  const float scale = 0.01f;
  const int32_t zero = 0;
  int32_t count = 0;
  mn_shape_elements(&shape, &count);
  int8_t *data = b->failed ? NULL : mn_arena_take(&b->graph->arena, (size_t)count);
  if (!data) {
    b->failed = true;
    return MN_NONE;
  }
  for (int32_t i = 0; i < count; i++) data[i] = (int8_t)((int32_t)(next_random(b) % 255) - 127);
  mn_id id = mn_graph_add_const(b->graph, name, MN_I8, &shape, data);
  if (id == MN_NONE || !mn_graph_set_quant(b->graph, id, 1, 0, &scale, &zero)) b->failed = true;
  return id;
}

static mn_id add_bias(builder *b, const char *name, int32_t count) {
  const mn_shape shape = {1, {count}};
  int32_t *data = b->failed ? NULL : mn_arena_array(&b->graph->arena, (size_t)count, sizeof *data);
  if (!data) {
    b->failed = true;
    return MN_NONE;
  }
  for (int32_t i = 0; i < count; i++) data[i] = (int32_t)(next_random(b) % 2001) - 1000;
  mn_id id = mn_graph_add_const(b->graph, name, MN_I32, &shape, data);
  if (id == MN_NONE) b->failed = true;
  return id;
}

/* Appends a node; NULL when that failed. */
static mn_attr *add_node(builder *b, mn_op op, const mn_id *in, int32_t count, mn_id out) {
  if (b->failed) return NULL;
  mn_id node = mn_graph_add_node(b->graph, op, b->graph->values[out].name, in, count, &out, 1);
  if (node == MN_NONE) b->failed = true;
  return node == MN_NONE ? NULL : &b->graph->nodes[node].attr;
}

/* A convolution (depthwise when op says so) from `in` to CHANNELS channels. */
static mn_id add_conv(builder *b, mn_op op, const char *const names[3], mn_id in, int32_t kernel) {
  if (b->failed) return MN_NONE;
  const mn_shape from = b->graph->values[in].shape;
  const int32_t stride = from.dim[1] == SIZE ? 2 : 1, side = SIZE / 2;
  const bool depthwise = op == MN_OP_DWCONV2D;
  const mn_shape weights = depthwise ? (mn_shape){3, {kernel, kernel, CHANNELS}}
                                     : (mn_shape){4, {CHANNELS, kernel, kernel, from.dim[3]}};
  mn_id out = add_value(b, names[0], (mn_shape){4, {1, side, side, CHANNELS}}, 0.04f, -20);
  const mn_id ins[3] = {in, add_weights(b, names[1], weights), add_bias(b, names[2], CHANNELS)};
  mn_attr *attr = add_node(b, op, ins, 3, out);
  if (!attr) return MN_NONE;
  attr->conv.window = (mn_window){.kernel_h = kernel,
                                  .kernel_w = kernel,
                                  .stride_h = stride,
                                  .stride_w = stride,
                                  .dilation_h = 1,
                                  .dilation_w = 1,
                                  .pad_rule = MN_PAD_SAME};
  attr->conv.act = depthwise ? MN_ACT_RELU6 : MN_ACT_NONE;
  attr->conv.multiplier = depthwise;
  return out;
}

/* False when out of memory. */
static bool build(mn_graph *graph) {
  static const char *const stem[3] = {"stem", "stem_w", "stem_b"};
  static const char *const dw[3] = {"dw", "dw_w", "dw_b"}, *const pw[3] = {"pw", "pw_w", "pw_b"};
  builder b = {graph, 7, false};
  mn_id input = add_value(&b, "input", (mn_shape){4, {1, SIZE, SIZE, 3}}, 1.0f / 128, -1);
  if (b.failed) return false;
  graph->values[input].kind = MN_KIND_INPUT;
  mn_id pair[2] = {add_conv(&b, MN_OP_CONV2D, stem, input, 3), MN_NONE};
  pair[1] = add_conv(&b, MN_OP_DWCONV2D, dw, pair[0], 3);
  pair[1] = add_conv(&b, MN_OP_CONV2D, pw, pair[1], 1);
  mn_id sum = add_value(&b, "sum", (mn_shape){4, {1, SIZE / 2, SIZE / 2, CHANNELS}}, 0.06f, 5);
  add_node(&b, MN_OP_ADD, pair, 2, sum);
  mn_id pool = add_value(&b, "pool", (mn_shape){4, {1, 1, 1, CHANNELS}}, 0.06f, 5);
  mn_attr *attr = add_node(&b, MN_OP_AVG_POOL, &sum, 1, pool);
  if (attr) attr->pool.global = true;
  mn_id scores = add_value(&b, "scores", (mn_shape){2, {1, CLASSES}}, 0.05f, 0);
  const mn_id ins[3] = {pool, add_weights(&b, "dense_w", (mn_shape){2, {CLASSES, CHANNELS}}),
                        add_bias(&b, "dense_b", CLASSES)};
  add_node(&b, MN_OP_DENSE, ins, 3, scores);
  const mn_id outputs[2] = {sum, scores};
  return !b.failed && mn_graph_set_inputs(graph, &input, 1) &&
         mn_graph_set_outputs(graph, outputs, 2);
}

/* Runs the planned network on a fixed picture and hashes what it gives. */
static mn_status run(const mn_plan *plan, uint64_t *hash, mn_error *err) {
  mn_session *session;
  mn_status status = mn_session_new(&session, plan, NULL, err);
  if (status) return status;
  int8_t *input = mn_session_input(session, 0);
  for (int32_t i = 0; i < SIZE * SIZE * 3; i++)
    input[i] = (int8_t)((i * 37 + i * i % 91) % 256 - 128);
  status = mn_session_run(session, err);
  if (status == MN_OK) {
    const uint64_t features =
        mn_selftest_hash(mn_session_output(session, 0), SIZE / 2 * SIZE / 2 * CHANNELS);
    *hash = features ^ mn_selftest_hash(mn_session_output(session, 1), CLASSES);
  }
  mn_session_free(session);
  return status;
}

mn_status mn_selftest_network(const char *isa, uint64_t *hash, mn_error *err) {
  mn_model *model = mn_alloc_zero(sizeof *model);
  if (!model) return mn_fail_memory(err, sizeof *model);
  mn_graph_init(&model->graph);
  const mn_plan_options options = {.struct_size = sizeof options, .isa = isa};
  mn_plan *plan = NULL;
  mn_status status = build(&model->graph) ? MN_OK : mn_fail_memory(err, sizeof *model);
  if (!status) status = mn_graph_verify(&model->graph, err);
  if (!status) status = mn_plan_new(&plan, model, &options, err);
  if (!status) status = run(plan, hash, err);
  mn_plan_free(plan);
  mn_graph_free(&model->graph);
  mn_free(model);
  return status;
}
