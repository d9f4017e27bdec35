/* SPDX-License-Identifier: Apache-2.0
 * A relu after a layer becomes the layer's activation. With integers the layer then clamps its
 * codes instead of the relu: the same codes where both tensors have one scale and zero point. */
#include "passes/rewrite.h"

/* Where a node keeps its activation, or NULL. */
static mn_act *act_of(mn_node *node) {
  switch (node->op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D:
    case MN_OP_TRANSPOSE_CONV: return &node->attr.conv.act;
    case MN_OP_DENSE: return &node->attr.dense.act;
    case MN_OP_ADD:
    case MN_OP_SUB:
    case MN_OP_MUL: return &node->attr.eltwise.act;
    case MN_OP_BATCH_NORM: return &node->attr.batch_norm.act;
    default: return NULL;
  }
}

static bool same_codes(const mn_value *a, const mn_value *b) {
  if (a->type != b->type) return false;
  if (a->type == MN_F32) return true;
  return a->quant.count == 1 && b->quant.count == 1 && a->quant.scale[0] == b->quant.scale[0] &&
         a->quant.zero[0] == b->quant.zero[0];
}

mn_status mn_pass_fuse_activation(mn_graph *graph, mn_error *err) {
  mn_rewrite rewrite;
  mn_status status = mn_rewrite_begin(&rewrite, graph, err);
  if (status) return status;
  for (int32_t n = 0; n < graph->node_count; n++) {
    mn_node *relu = &graph->nodes[n];
    if (relu->op != MN_OP_RELU) continue;
    mn_node *layer = mn_rewrite_sole_producer(&rewrite, relu->in[0]);
    mn_act *act = layer ? act_of(layer) : NULL;
    if (!act || *act != MN_ACT_NONE) continue;
    if (!same_codes(&graph->values[relu->in[0]], &graph->values[relu->out[0]])) continue;
    *act = relu->attr.eltwise.act;
    mn_rewrite_absorb(&rewrite, layer, relu);
  }
  return mn_rewrite_end(&rewrite, MN_OK);
}
