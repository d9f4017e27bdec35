/* SPDX-License-Identifier: Apache-2.0
 * Space-to-batch, a layer, batch-to-space: how TensorFlow wrote an atrous convolution. The layer
 * then sees every block-th pixel only, which is what a dilation says. The rows that the first pads
 * and the last crops cancel; the rest are the layer's own pads, the same at every size. */
#include "passes/rewrite.h"

static bool same_quant(const mn_value *a, const mn_value *b) {
  if (a->type != b->type || a->quant.count > 1 || a->quant.count != b->quant.count) return false;
  return a->quant.count == 0 ||
         (a->quant.scale[0] == b->quant.scale[0] && a->quant.zero[0] == b->quant.zero[0]);
}

/* A window that only ever looks at pixels of its own part of the batch. */
static bool foldable(const mn_window *w) {
  return w->pad_rule == MN_PAD_EXPLICIT && !w->pad_top && !w->pad_bottom && !w->pad_left &&
         !w->pad_right && w->stride_h == 1 && w->stride_w == 1 && w->dilation_h == 1 &&
         w->dilation_w == 1;
}

/* The window over the whole map; false where its pads would be negative or reach beyond it. */
static bool dilate(mn_window *w, const mn_attr *before, const mn_attr *after) {
  w->dilation_h = before->space_batch.block_h;
  w->dilation_w = before->space_batch.block_w;
  w->pad_top = before->space_batch.top - after->space_batch.top;
  w->pad_bottom = before->space_batch.bottom - after->space_batch.bottom;
  w->pad_left = before->space_batch.left - after->space_batch.left;
  w->pad_right = before->space_batch.right - after->space_batch.right;
  int64_t rows = (int64_t)(w->kernel_h - 1) * w->dilation_h;
  int64_t columns = (int64_t)(w->kernel_w - 1) * w->dilation_w;
  return before->space_batch.block_h == after->space_batch.block_h &&
         before->space_batch.block_w == after->space_batch.block_w && w->pad_top >= 0 &&
         w->pad_bottom >= 0 && w->pad_left >= 0 && w->pad_right >= 0 && w->pad_top <= rows &&
         w->pad_bottom <= rows && w->pad_left <= columns && w->pad_right <= columns;
}

static bool fold(mn_rewrite *rewrite, mn_node *layer, mn_node *join) {
  const mn_graph *graph = rewrite->graph;
  const mn_node *split = mn_rewrite_producer(rewrite, layer->in[0]);
  mn_window window = layer->attr.conv.window;
  if (!split || split->op != MN_OP_SPACE_TO_BATCH || !foldable(&window) ||
      !dilate(&window, &split->attr, &join->attr) ||
      !same_quant(&graph->values[split->in[0]], &graph->values[split->out[0]]) ||
      !same_quant(&graph->values[join->in[0]], &graph->values[join->out[0]])) {
    return true;
  }
  mn_id in[3] = {split->in[0], layer->in[1], layer->in_count > 2 ? layer->in[2] : MN_NONE};
  if (!mn_rewrite_inputs(rewrite, layer, in, layer->in_count)) return false;
  layer->attr.conv.window = window;
  mn_rewrite_absorb(rewrite, layer, join);
  return true;
}

mn_status mn_pass_fold_space_batch(mn_graph *graph, mn_error *err) {
  mn_rewrite rewrite;
  mn_status status = mn_rewrite_begin(&rewrite, graph, err);
  if (status) return status;
  for (int32_t n = 0; n < graph->node_count && !status; n++) {
    mn_node *join = &graph->nodes[n];
    if (join->op != MN_OP_BATCH_TO_SPACE) continue;
    mn_node *layer = mn_rewrite_sole_producer(&rewrite, join->in[0]);
    if (!layer || (layer->op != MN_OP_CONV2D && layer->op != MN_OP_DWCONV2D)) continue;
    if (!fold(&rewrite, layer, join)) status = mn_fail_memory(err, graph->arena.used);
  }
  return mn_rewrite_end(&rewrite, status);
}
