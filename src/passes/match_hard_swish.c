/* SPDX-License-Identifier: Apache-2.0
 * Hard-swish and hard-sigmoid from the pieces that frameworks export (Howard et al. 2019, section
 * 5.2): with t = relu6(x + 3), written as add with a fused relu6 or followed by one,
 *
 *     t * (1/6)             -> hard_sigmoid(x)
 *     x * hard_sigmoid(x)   -> hard_swish(x)
 *     (x * t) * (1/6)       -> hard_swish(x)
 *     (x * (1/6)) * t       -> hard_swish(x)
 *
 * A factor that is not 1/6 to float precision (0.16667 in some networks) is left as it is. */
#include <math.h>

#include "passes/rewrite.h"

/* Every element of a float constant is `number`, give or take two units in the last place. */
static bool is_constant(const mn_graph *graph, mn_id id, float number) {
  const mn_value *value = &graph->values[id];
  if (value->kind != MN_KIND_CONST || value->type != MN_F32) return false;
  const float *data = value->data;
  for (size_t i = 0; i < value->bytes / sizeof *data; i++) {
    if (!(fabsf(data[i] - number) <= number * 2.4e-7f)) return false;
  }
  return true;
}

static bool is_plain(const mn_node *node, mn_op op) {
  return node && node->op == op && node->attr.eltwise.act == MN_ACT_NONE;
}

/* The other input of a two-input node whose one input is the constant `number`, or MN_NONE. */
static mn_id beside_constant(const mn_graph *graph, const mn_node *node, float number) {
  for (int i = 0; i < 2; i++) {
    mn_id other = node->in[1 - i];
    if (is_constant(graph, node->in[i], number) &&
        mn_shape_equal(&graph->values[other].shape, &graph->values[node->out[0]].shape)) {
      return other;
    }
  }
  return MN_NONE;
}

/* x where value `id` is relu6(x + 3), or MN_NONE. */
static mn_id shifted_relu6(const mn_rewrite *rewrite, mn_id id) {
  const mn_node *node = mn_rewrite_producer(rewrite, id);
  if (!node) return MN_NONE;
  if (node->op == MN_OP_ADD && node->attr.eltwise.act == MN_ACT_RELU6) {
    return beside_constant(rewrite->graph, node, 3);
  }
  if (node->op != MN_OP_RELU || node->attr.eltwise.act != MN_ACT_RELU6) return MN_NONE;
  node = mn_rewrite_producer(rewrite, node->in[0]);
  return is_plain(node, MN_OP_ADD) ? beside_constant(rewrite->graph, node, 3) : MN_NONE;
}

/* x where value `id` is x / 6, or MN_NONE. */
static mn_id sixth(const mn_rewrite *rewrite, mn_id id) {
  const mn_node *node = mn_rewrite_producer(rewrite, id);
  return is_plain(node, MN_OP_MUL) ? beside_constant(rewrite->graph, node, 1.0f / 6) : MN_NONE;
}

/* x where value `id` is x * relu6(x + 3), or MN_NONE. */
static mn_id gated(const mn_rewrite *rewrite, mn_id id) {
  const mn_node *node = mn_rewrite_producer(rewrite, id);
  if (!is_plain(node, MN_OP_MUL)) return MN_NONE;
  for (int i = 0; i < 2; i++) {
    if (shifted_relu6(rewrite, node->in[i]) == node->in[1 - i]) return node->in[1 - i];
  }
  return MN_NONE;
}

static bool is_hard_sigmoid_of(const mn_rewrite *rewrite, mn_id id, mn_id x) {
  const mn_node *node = mn_rewrite_producer(rewrite, id);
  return node && node->op == MN_OP_HARD_SIGMOID && node->in[0] == x;
}

/* What a multiplication is, and of which x: MN_OP_COUNT when neither. */
static mn_op match(const mn_rewrite *rewrite, const mn_node *mul, mn_id *x) {
  mn_id rest = beside_constant(rewrite->graph, mul, 1.0f / 6);
  if (rest != MN_NONE) {
    *x = shifted_relu6(rewrite, rest);
    if (*x != MN_NONE) return MN_OP_HARD_SIGMOID;
    *x = gated(rewrite, rest);
    return *x != MN_NONE ? MN_OP_HARD_SWISH : MN_OP_COUNT;
  }
  for (int i = 0; i < 2; i++) {
    *x = mul->in[i];
    if (is_hard_sigmoid_of(rewrite, mul->in[1 - i], *x)) return MN_OP_HARD_SWISH;
    *x = sixth(rewrite, mul->in[i]);
    if (*x != MN_NONE && shifted_relu6(rewrite, mul->in[1 - i]) == *x) return MN_OP_HARD_SWISH;
  }
  return MN_OP_COUNT;
}

mn_status mn_pass_match_hard_swish(mn_graph *graph, mn_error *err) {
  mn_rewrite rewrite;
  mn_status status = mn_rewrite_begin(&rewrite, graph, err);
  if (status) return status;
  for (int32_t n = 0; n < graph->node_count && !status; n++) {
    mn_node *mul = &graph->nodes[n];
    mn_id x;
    if (!is_plain(mul, MN_OP_MUL) || graph->values[mul->out[0]].type != MN_F32) continue;
    mn_op op = match(&rewrite, mul, &x);
    if (op == MN_OP_COUNT) continue;
    if (!mn_rewrite_inputs(&rewrite, mul, &x, 1)) {
      status = mn_fail_memory(err, graph->arena.used);
      break;
    }
    mul->op = op;
    mul->attr = (mn_attr){0};
  }
  return mn_rewrite_end(&rewrite, status);
}
