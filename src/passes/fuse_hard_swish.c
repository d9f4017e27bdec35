/* SPDX-License-Identifier: Apache-2.0
 * Hard-swish after a float layer with weights becomes the layer's activation: it is applied to sums
 * that are in registers. Of plans only: no file has such a layer. */
#include "passes/rewrite.h"

/* Where a layer that can keeps its activation, or NULL. */
static mn_act *act_of(const mn_graph *graph, mn_node *layer) {
  if (graph->values[layer->in[0]].type != MN_F32) return NULL;
  switch (layer->op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D: return &layer->attr.conv.act;
    case MN_OP_DENSE: return &layer->attr.dense.act;
    default: return NULL;
  }
}

mn_status mn_pass_fuse_hard_swish(mn_graph *graph, mn_error *err) {
  mn_rewrite rewrite;
  mn_status status = mn_rewrite_begin(&rewrite, graph, err);
  if (status) return status;
  for (int32_t n = 0; n < graph->node_count; n++) {
    mn_node *swish = &graph->nodes[n];
    if (swish->op != MN_OP_HARD_SWISH) continue;
    mn_node *layer = mn_rewrite_sole_producer(&rewrite, swish->in[0]);
    mn_act *act = layer ? act_of(graph, layer) : NULL;
    if (!act || *act != MN_ACT_NONE) continue;
    *act = MN_ACT_HARD_SWISH;
    mn_rewrite_absorb(&rewrite, layer, swish);
  }
  return mn_rewrite_end(&rewrite, MN_OK);
}
