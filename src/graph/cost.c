/* SPDX-License-Identifier: Apache-2.0
 * Multiply-adds and parameters of a node: one rule per name in ops.def's cost column. Elementwise
 * and pooling work counts nothing, as in the papers' tables. */
#include "graph/graph.h"

static uint64_t elements_of(const mn_shape *shape) {
  uint64_t elements = 1;
  for (int32_t i = 0; i < shape->rank; i++) elements *= (uint64_t)shape->dim[i];
  return elements;
}

static uint64_t macs_conv2d(const mn_shape *in, const mn_shape *weights, const mn_shape *out) {
  (void)in;
  return elements_of(out) * elements_of(weights) / (uint64_t)weights->dim[0];
}

static uint64_t macs_dwconv2d(const mn_shape *in, const mn_shape *weights, const mn_shape *out) {
  (void)in;
  return elements_of(out) * (uint64_t)weights->dim[0] * (uint64_t)weights->dim[1];
}

/* Every input pixel meets the whole kernel. */
static uint64_t macs_transpose_conv(const mn_shape *in, const mn_shape *weights,
                                    const mn_shape *out) {
  (void)out;
  return elements_of(in) / (uint64_t)in->dim[3] * elements_of(weights);
}

static uint64_t macs_dense(const mn_shape *in, const mn_shape *weights, const mn_shape *out) {
  (void)in;
  return elements_of(out) * (uint64_t)weights->dim[1];
}

static uint64_t macs_free(const mn_shape *in, const mn_shape *weights, const mn_shape *out) {
  (void)in;
  (void)weights;
  (void)out;
  return 0;
}

typedef uint64_t macs_rule(const mn_shape *in, const mn_shape *weights, const mn_shape *out);
static macs_rule *const rules[] = {
#define MN_OP(id, name, min_in, max_in, attr, shape_fn, cost_fn) macs_##cost_fn,
#include "graph/ops.def"
#undef MN_OP
};

mn_cost mn_node_cost(const mn_graph *graph, mn_id node_id, const mn_shape *shapes) {
  const mn_node *node = &graph->nodes[node_id];
  mn_cost cost = {0, 0};
  if (node->op >= MN_OP_COUNT) return cost;
  const mn_shape *weights = node->in_count > 1 ? &shapes[node->in[1]] : NULL;
  cost.macs = rules[node->op](&shapes[node->in[0]], weights, &shapes[node->out[0]]);
  /* A batch norm's running statistics are no parameters: nothing trains them. */
  int32_t counted = node->op == MN_OP_BATCH_NORM ? 3 : node->in_count;
  for (int32_t i = 1; i < counted; i++) {
    if (node->in[i] == MN_NONE || graph->values[node->in[i]].kind != MN_KIND_CONST) continue;
    cost.params += elements_of(&shapes[node->in[i]]);
  }
  return cost;
}
