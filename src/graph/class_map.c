/* SPDX-License-Identifier: Apache-2.0
 * Whether a network ends in a map of classes: logits or scores of every pixel, the class of every
 * pixel, or one number for a pixel that is part of something. */
#include "graph/graph.h"

static const mn_node *writer_of(const mn_graph *graph, mn_id value) {
  for (int32_t i = graph->node_count - 1; i >= 0; i--) {
    if (graph->nodes[i].out[0] == value) return &graph->nodes[i];
  }
  return NULL;
}

/* Classes that the node choosing among them had before it. */
static int32_t chosen_among(const mn_graph *graph, const mn_node *last) {
  if (!last || last->op != MN_OP_ARG_MAX) return 0;
  const mn_shape *scores = &graph->values[last->in[0]].shape;
  int32_t axis = last->attr.arg_max.axis;
  return scores->rank == 4 && axis == 3 ? scores->dim[3] : 0;
}

/* A single number is a mask only when it ends in a sigmoid: other networks give depths. */
static bool is_matte(const mn_graph *graph, const mn_node *last) {
  while (last && (last->op == MN_OP_QUANTIZE || last->op == MN_OP_DEQUANTIZE)) {
    const mn_node *before = writer_of(graph, last->in[0]);
    if (!before || before >= last) return false; /* not in order: verify will say so */
    last = before;
  }
  return last && last->op == MN_OP_LOGISTIC;
}

int32_t mn_graph_mask_classes(const mn_graph *graph) {
  enum { MOST = 256 }; /* a mask is bytes */
  if (graph->output_count < 1) return 0;
  const mn_value *out = &graph->values[graph->outputs[0]];
  const mn_shape *shape = &out->shape;
  const mn_node *last = writer_of(graph, graph->outputs[0]);
  bool map = (shape->rank == 3 || shape->rank == 4) && shape->dim[1] > 1 && shape->dim[2] > 1;
  int32_t classes = 0;
  if (!map) return 0;
  if (out->type == MN_I32 || out->type == MN_I64) {
    classes = shape->rank == 3 ? chosen_among(graph, last) : 0;
  } else if (shape->rank == 4 && (out->type == MN_F32 || out->quant.count == 1)) {
    classes = shape->dim[3] > 1 ? shape->dim[3] : is_matte(graph, last) ? 2 : 0;
  }
  return classes <= MOST ? classes : 0;
}
