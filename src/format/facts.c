/* SPDX-License-Identifier: Apache-2.0
 * What a graph shows of its contract: the type and scale of its input, the size of its output, and
 * whether that is a probability already. */
#include <string.h>

#include "format/format.h"

static const mn_node *writer_of(const mn_graph *graph, mn_id value) {
  for (int32_t i = graph->node_count - 1; i >= 0; i--) {
    if (graph->nodes[i].out[0] == value) return &graph->nodes[i];
  }
  return NULL;
}

/* The last op but for those that change codes or shape only. */
static bool is_normalized(const mn_graph *graph, mn_id value) {
  const mn_node *node = writer_of(graph, value);
  while (node && (node->op == MN_OP_QUANTIZE || node->op == MN_OP_DEQUANTIZE ||
                  node->op == MN_OP_RESHAPE)) {
    mn_id in = node->in[0];
    const mn_node *before = node;
    node = writer_of(graph, in);
    if (node >= before) return false; /* not in order: verify will say so */
  }
  return node && (node->op == MN_OP_SOFTMAX || node->op == MN_OP_LOGISTIC);
}

/* A classifier's output: one row of scores a picture. 0 for anything else, a map of classes say. */
static int32_t scores_count(const mn_value *out) {
  const mn_shape *shape = &out->shape;
  bool scores = out->type == MN_F32 || out->type == MN_U8 || out->type == MN_I8;
  if (!scores || shape->rank < 1) return 0;
  for (int32_t i = 1; i + 1 < shape->rank; i++) {
    if (shape->dim[i] != 1) return 0;
  }
  return shape->dim[shape->rank - 1];
}

void mn_format_facts(const mn_graph *graph, mn_contract_facts *facts) {
  memset(facts, 0, sizeof *facts);
  if (graph->input_count < 1 || graph->output_count < 1) return;
  const mn_value *in = &graph->values[graph->inputs[0]];
  const mn_value *out = &graph->values[graph->outputs[0]];
  facts->input_type = in->type;
  facts->input_channels = in->shape.rank ? in->shape.dim[in->shape.rank - 1] : 0;
  if (in->quant.count) {
    facts->input_scale = in->quant.scale[0];
    facts->input_zero = in->quant.zero[0];
  }
  facts->output_count = scores_count(out);
  facts->output_normalized = is_normalized(graph, graph->outputs[0]);
}
