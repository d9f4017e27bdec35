/* SPDX-License-Identifier: Apache-2.0
 * What a graph shows of its contract: the type and scale of its input, what its outputs look like,
 * and whether they are probabilities already. */
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

/* An SSD head without decoding: box encodings [1,a,4] and scores [1,a,c], one batch or none named.
 * Rows, or 0. */
static int32_t raw_anchors(const mn_graph *graph, int32_t *columns) {
  mn_id boxes, scores;
  if (!mn_graph_ssd_head(graph, &boxes, &scores)) return 0;
  const mn_shape *shape = &graph->values[scores].shape;
  *columns = shape->dim[shape->rank - 1];
  return shape->dim[shape->rank - 2];
}

/* By the last resize, which enlarges what the masks are made of. */
static bool aligns_corners(const mn_graph *graph) {
  for (int32_t i = graph->node_count - 1; i >= 0; i--) {
    const mn_node *node = &graph->nodes[i];
    if (node->op == MN_OP_RESIZE_BILINEAR) return node->attr.resize.align_corners;
  }
  return false;
}

static void see_outputs(const mn_graph *graph, mn_contract_facts *facts) {
  const mn_node *last = writer_of(graph, graph->outputs[0]);
  if (last && last->op == MN_OP_SSD_DETECT) {
    facts->task = MN_TASK_DETECT;
    facts->output_count = last->attr.ssd_detect.classes;
    return;
  }
  facts->raw_anchors = raw_anchors(graph, &facts->output_count);
  if (facts->raw_anchors) {
    facts->task = MN_TASK_DETECT;
    return;
  }
  facts->output_count = mn_graph_mask_classes(graph);
  if (facts->output_count > 0) {
    facts->task = MN_TASK_SEGMENT;
    facts->align_corners = aligns_corners(graph);
    return;
  }
  facts->output_count = scores_count(&graph->values[graph->outputs[0]]);
  if (facts->output_count > 0) facts->task = MN_TASK_CLASSIFY;
}

void mn_format_facts(const mn_graph *graph, mn_contract_facts *facts) {
  memset(facts, 0, sizeof *facts);
  if (graph->input_count < 1 || graph->output_count < 1) return;
  const mn_value *in = &graph->values[graph->inputs[0]];
  facts->input_type = in->type;
  facts->input_channels = in->shape.rank ? in->shape.dim[in->shape.rank - 1] : 0;
  if (in->quant.count) {
    facts->input_scale = in->quant.scale[0];
    facts->input_zero = in->quant.zero[0];
  }
  see_outputs(graph, facts);
  facts->output_normalized = is_normalized(graph, graph->outputs[0]);
}
