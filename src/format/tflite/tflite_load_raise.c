/* SPDX-License-Identifier: Apache-2.0
 * Resizes to a constant size, raised to "as large as that value" where the network says so: the
 * result is joined, element by element or channel by channel, with a map of the same size, so at
 * any input size it can only have that map's. A resize that is left fixes the input size. */
#include "format/tflite/tflite_load.h"

typedef struct links {
  mn_id *writer; /* [value_count] node that writes it; MN_NONE = none */
  mn_id *reader; /* [value_count] first node that reads it; MN_NONE = none */
} links;

static mn_status find_links(mn_tflite_loader *loader, links *l) {
  const mn_graph *graph = loader->graph;
  size_t count = (size_t)graph->value_count, bytes = 2 * count * sizeof *l->writer;
  mn_status status = mn_tflite_check(loader, bytes);
  if (status) return status;
  l->writer = mn_arena_array(&loader->scratch, count, sizeof *l->writer);
  l->reader = mn_arena_array(&loader->scratch, count, sizeof *l->reader);
  if (!l->writer || !l->reader) return mn_fail_memory(loader->err, bytes);
  for (size_t i = 0; i < count; i++) l->writer[i] = l->reader[i] = MN_NONE;
  for (mn_id n = graph->node_count - 1; n >= 0; n--) {
    const mn_node *node = &graph->nodes[n];
    for (int32_t i = 0; i < node->out_count; i++) l->writer[node->out[i]] = n;
    for (int32_t i = 0; i < node->in_count; i++) {
      if (node->in[i] != MN_NONE) l->reader[node->in[i]] = n;
    }
  }
  return MN_OK;
}

/* Height and width of the output are those of input 0 at every size. */
static bool keeps_map(const mn_node *node) {
  const mn_window *w = &node->attr.conv.window;
  switch (node->op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D:
      return w->stride_h == 1 && w->stride_w == 1 &&
             (w->pad_rule == MN_PAD_SAME || (w->kernel_h == 1 && w->kernel_w == 1));
    case MN_OP_QUANTIZE:
    case MN_OP_DEQUANTIZE:
    case MN_OP_RELU:
    case MN_OP_LOGISTIC:
    case MN_OP_HARD_SWISH: return true;
    default: return false;
  }
}

static bool joins_maps(const mn_node *node) {
  return node->op == MN_OP_ADD || node->op == MN_OP_SUB || node->op == MN_OP_MUL ||
         (node->op == MN_OP_CONCAT && node->attr.concat.axis == 3);
}

/* The map that `value`, the output of resize `from`, is joined with; MN_NONE when there is none. */
static mn_id find_partner(const mn_graph *graph, const links *l, mn_id from) {
  mn_id value = graph->nodes[from].out[0], n = l->reader[value];
  while (n != MN_NONE && keeps_map(&graph->nodes[n])) {
    value = graph->nodes[n].out[0];
    n = l->reader[value] > n ? l->reader[value] : MN_NONE; /* forward only: it ends */
  }
  if (n == MN_NONE || !joins_maps(&graph->nodes[n])) return MN_NONE;
  const mn_shape *size = &graph->values[value].shape;
  for (int32_t i = 0; i < graph->nodes[n].in_count; i++) {
    mn_id other = graph->nodes[n].in[i];
    const mn_value *v = &graph->values[other];
    if (other != value && v->kind != MN_KIND_CONST && v->shape.rank == 4 && size->rank == 4 &&
        v->shape.dim[1] == size->dim[1] && v->shape.dim[2] == size->dim[2]) {
      return other;
    }
  }
  return MN_NONE;
}

/* A value as large as `value` that is known before node `before`; MN_NONE when there is none. */
static mn_id earlier(const mn_graph *graph, const links *l, mn_id value, mn_id before) {
  while (value != MN_NONE && l->writer[value] >= before) {
    const mn_node *node = &graph->nodes[l->writer[value]];
    mn_id in = node->in[0];
    bool backward = l->writer[in] < l->writer[value];
    value = backward && keeps_map(node) && graph->values[in].kind != MN_KIND_CONST ? in : MN_NONE;
  }
  return value;
}

static mn_status raise_resize(mn_tflite_loader *loader, const links *l, mn_id n) {
  mn_graph *graph = loader->graph;
  mn_id like = earlier(graph, l, find_partner(graph, l, n), n);
  if (like == MN_NONE) {
    if (graph->fixed_by == MN_NONE || graph->fixed_by > n) graph->fixed_by = n;
    return MN_OK;
  }
  mn_id *in = mn_arena_array(&graph->arena, 2, sizeof *in);
  if (!in) return mn_fail_memory(loader->err, 2 * sizeof *in);
  in[0] = graph->nodes[n].in[0];
  in[1] = like;
  graph->nodes[n].in = in;
  graph->nodes[n].in_count = 2;
  graph->nodes[n].attr.resize.like = true;
  return MN_OK;
}

mn_status mn_tflite_raise_resizes(mn_tflite_loader *loader) {
  const mn_graph *graph = loader->graph;
  links l = {NULL, NULL};
  mn_status status = find_links(loader, &l);
  for (mn_id n = 0; n < graph->node_count && !status; n++) {
    mn_op op = graph->nodes[n].op;
    bool resize = op == MN_OP_RESIZE_BILINEAR || op == MN_OP_RESIZE_NEAREST;
    if (resize && !graph->nodes[n].attr.resize.like) status = raise_resize(loader, &l, n);
  }
  return status;
}
