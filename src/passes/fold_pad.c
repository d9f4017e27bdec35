/* SPDX-License-Identifier: Apache-2.0
 * Explicit padding before a conv or depthwise layer is what the layer's own window can do: both pad
 * with zero (the zero point of integers). Not for pools: an average counts only real pixels under
 * its own pads, and a maximum ignores them. */
#include "passes/rewrite.h"

/* Rows and columns are added, nothing else and nothing cut off. */
static bool spatial_only(const mn_node *pad) {
  const int32_t *before = pad->attr.pad.before, *after = pad->attr.pad.after;
  for (int i = 1; i < 3; i++) {
    if (before[i] < 0 || after[i] < 0) return false;
  }
  return before[0] == 0 && after[0] == 0 && before[3] == 0 && after[3] == 0;
}

static bool same_quant(const mn_value *a, const mn_value *b) {
  if (a->quant.count == 0 && b->quant.count == 0) return true;
  return a->quant.count == 1 && b->quant.count == 1 && a->quant.scale[0] == b->quant.scale[0] &&
         a->quant.zero[0] == b->quant.zero[0];
}

/* Adds the pads, each staying below the window's extent (every window then sees a real pixel). */
static bool widen(mn_window *window, const mn_node *pad) {
  const int32_t *before = pad->attr.pad.before, *after = pad->attr.pad.after;
  int64_t extent_h = (int64_t)(window->kernel_h - 1) * window->dilation_h + 1;
  int64_t extent_w = (int64_t)(window->kernel_w - 1) * window->dilation_w + 1;
  int64_t top = (int64_t)window->pad_top + before[1];
  int64_t bottom = (int64_t)window->pad_bottom + after[1];
  int64_t left = (int64_t)window->pad_left + before[2];
  int64_t right = (int64_t)window->pad_right + after[2];
  if (top >= extent_h || bottom >= extent_h || left >= extent_w || right >= extent_w) return false;
  window->pad_top = (int32_t)top;
  window->pad_bottom = (int32_t)bottom;
  window->pad_left = (int32_t)left;
  window->pad_right = (int32_t)right;
  return true;
}

static bool fold(mn_graph *graph, mn_node *layer, const mn_node *pad) {
  if (!pad || pad->op != MN_OP_PAD || !spatial_only(pad)) return false;
  if (!same_quant(&graph->values[pad->in[0]], &graph->values[pad->out[0]])) return false;
  mn_window *window = &layer->attr.conv.window;
  return window->pad_rule == MN_PAD_EXPLICIT && widen(window, pad);
}

mn_status mn_pass_fold_pad(mn_graph *graph, mn_error *err) {
  mn_rewrite rewrite;
  mn_status status = mn_rewrite_begin(&rewrite, graph, err);
  if (status) return status;
  for (int32_t n = 0; n < graph->node_count && !status; n++) {
    mn_node *layer = &graph->nodes[n];
    if (layer->op != MN_OP_CONV2D && layer->op != MN_OP_DWCONV2D) continue;
    const mn_node *pad = mn_rewrite_producer(&rewrite, layer->in[0]);
    if (!fold(graph, layer, pad)) continue;
    if (graph->fixed_by == pad - graph->nodes) graph->fixed_by = n; /* its numbers live on here */
    mn_id in[3] = {pad->in[0], layer->in[1], layer->in_count > 2 ? layer->in[2] : MN_NONE};
    if (!mn_rewrite_inputs(&rewrite, layer, in, layer->in_count)) {
      status = mn_fail_memory(err, graph->arena.used);
    }
  }
  return mn_rewrite_end(&rewrite, status);
}
