/* SPDX-License-Identifier: Apache-2.0
 * See freeze.h. */
#include "train/freeze.h"

#include <stdlib.h>
#include <string.h>

#include "passes/passes.h"

static bool has_weights(const mn_node *node) {
  return node->op == MN_OP_CONV2D || node->op == MN_OP_DWCONV2D || node->op == MN_OP_DENSE;
}

/* The node where layer `layer` begins, counted from 0; `head` where there are not so many. */
static mn_id begin_of(const mn_graph *graph, mn_id head, long layer) {
  mn_id n = 0;
  for (; n < head; n++) {
    if (has_weights(&graph->nodes[n]) && layer-- == 0) break;
  }
  return n;
}

mn_status mn_freeze_nodes(const mn_graph *graph, mn_id head, const char *what, int32_t *nodes,
                          mn_error *err) {
  char *end;
  long layers = 0;
  *nodes = head;
  for (mn_id n = 0; n < head; n++) layers += has_weights(&graph->nodes[n]);
  if (strcmp(what, "backbone") == 0) return MN_OK;
  const long wanted = strtol(what, &end, 10);
  if (end == what || *end || wanted < 1 || wanted > layers) {
    return mn_fail(err, MN_ERR_ARGUMENT, "freeze",
                   "'%s', expected backbone, or how many of the network's %ld layers before its "
                   "head stay as they are",
                   what, layers);
  }
  *nodes = begin_of(graph, head, wanted);
  return MN_OK;
}

/* ---- Two graphs of one ---------------------------------------------------------------------- */

static mn_status check_cut(const mn_graph *graph, mn_id head, mn_error *err) {
  for (mn_id n = head; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    for (int32_t i = 0; i < node->in_count; i++) {
      const mn_id in = node->in[i];
      if (in == MN_NONE || graph->values[in].kind == MN_KIND_CONST) continue;
      if (in == graph->nodes[head].in[0] ? n == head : n > head) continue;
      return mn_fail(err, MN_ERR_UNSUPPORTED, node->name, "it reads what is before the head");
    }
  }
  return MN_OK;
}

static mn_status keep_first(mn_graph *graph, mn_id head, mn_error *err) {
  const mn_id features = graph->nodes[head].in[0];
  if (!mn_graph_set_outputs(graph, &features, 1)) return mn_fail_memory(err, sizeof features);
  return mn_pass_remove_dead(graph, err);
}

static mn_status keep_last(mn_graph *graph, mn_id head, mn_error *err) {
  const mn_id features = graph->nodes[head].in[0];
  graph->node_count -= head;
  memmove(graph->nodes, graph->nodes + head, (size_t)graph->node_count * sizeof *graph->nodes);
  graph->values[features].kind = MN_KIND_INPUT;
  graph->fixed_by = MN_NONE;
  if (!mn_graph_set_inputs(graph, &features, 1)) return mn_fail_memory(err, sizeof features);
  return mn_pass_remove_dead(graph, err);
}

mn_status mn_freeze_split(const mn_graph *graph, mn_id head, mn_graph *backbone, mn_graph *last,
                          mn_error *err) {
  mn_graph_init(last);
  mn_graph_init(backbone);
  mn_status status = check_cut(graph, head, err);
  if (!status) status = mn_graph_copy(backbone, graph, err);
  if (!status) status = mn_graph_copy(last, graph, err);
  if (!status) status = keep_first(backbone, head, err);
  if (!status) status = keep_last(last, head, err);
  if (!status) status = mn_graph_verify(backbone, err);
  if (!status) status = mn_graph_verify(last, err);
  if (status) {
    mn_graph_free(backbone);
    mn_graph_free(last);
  }
  return status;
}

mn_status mn_freeze_join(const mn_graph *graph, const mn_graph *last, mn_graph *out,
                         mn_error *err) {
  mn_status status = mn_graph_copy(out, graph, err);
  for (int32_t i = 0; i < last->value_count && !status; i++) {
    const mn_value *from = &last->values[i];
    const mn_id id = mn_graph_find_value(out, from->name);
    if (from->kind != MN_KIND_CONST || id == MN_NONE) continue;
    out->values[id].data = mn_arena_copy(&out->arena, from->data, from->bytes);
    if (!out->values[id].data) status = mn_fail_memory(err, from->bytes);
  }
  if (status) mn_graph_free(out);
  return status;
}
