/* SPDX-License-Identifier: Apache-2.0
 * A gate (SE) multiplies each channel of a map all over an image, and so may multiply the weights
 * of the pointwise layer that alone reads the map: where these are few beside it. Of plans only: no
 * other format has such a layer. */
#include "passes/rewrite.h"

enum { PANEL = 32 }; /* outputs, to whole ones of which weights are padded */

/* One vector an image, of maps; in float. */
static bool is_gate(const mn_graph *graph, const mn_node *mul) {
  if (mul->op != MN_OP_MUL || mul->attr.eltwise.act != MN_ACT_NONE) return false;
  const mn_value *map = &graph->values[mul->in[0]], *gate = &graph->values[mul->in[1]];
  return map->type == MN_F32 && gate->kind == MN_KIND_TEMP && map->shape.rank == 4 &&
         gate->shape.rank == 4 && gate->shape.dim[0] == map->shape.dim[0] &&
         gate->shape.dim[1] == 1 && gate->shape.dim[2] == 1 &&
         gate->shape.dim[3] == map->shape.dim[3];
}

/* A weight, in scratch, costs about half of what a value of the map does. */
static bool pays(const mn_graph *graph, const mn_node *mul, const mn_node *conv) {
  const mn_shape *map = &graph->values[mul->in[0]].shape;
  const int32_t outputs = graph->values[conv->in[1]].shape.dim[0];
  return (int64_t)map->dim[1] * map->dim[2] / 2 >= (outputs + PANEL - 1) / PANEL * PANEL;
}

mn_status mn_pass_fuse_gate(mn_graph *graph, mn_error *err) {
  mn_rewrite rewrite;
  mn_status status = mn_rewrite_begin(&rewrite, graph, err);
  if (status) return status;
  for (int32_t n = 0; n < graph->node_count; n++) {
    mn_node *conv = &graph->nodes[n];
    if (conv->op != MN_OP_CONV2D || !mn_window_is_pointwise(&conv->attr.conv.window)) continue;
    if (conv->in_count != 3 || conv->in[2] == MN_NONE) continue;
    mn_node *mul = mn_rewrite_sole_producer(&rewrite, conv->in[0]);
    if (!mul || !is_gate(graph, mul) || !pays(graph, mul, conv)) continue;
    const mn_id in[4] = {mul->in[0], conv->in[1], conv->in[2], mul->in[1]};
    if (!mn_rewrite_inputs(&rewrite, conv, in, 4)) {
      status = mn_fail_memory(err, sizeof in);
      break;
    }
    conv->op = MN_OP_GATED_CONV2D;
    mul->out_count = 0;
  }
  return mn_rewrite_end(&rewrite, status);
}
