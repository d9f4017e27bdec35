/* SPDX-License-Identifier: Apache-2.0
 * Dead code: what no output needs, and nodes that another pass made superfluous (out_count 0). */
#include "passes/passes.h"

/* Marks the values that are needed: outputs, inputs, and what live nodes read. */
static void mark(const mn_graph *graph, bool *needed, bool *live) {
  for (int32_t i = 0; i < graph->input_count; i++) needed[graph->inputs[i]] = true;
  for (int32_t i = 0; i < graph->output_count; i++) needed[graph->outputs[i]] = true;
  for (int32_t n = graph->node_count; n-- > 0;) {
    const mn_node *node = &graph->nodes[n];
    for (int32_t i = 0; i < node->out_count; i++) live[n] |= needed[node->out[i]];
    for (int32_t i = 0; live[n] && i < node->out_count; i++) needed[node->out[i]] = true;
    for (int32_t i = 0; live[n] && i < node->in_count; i++) {
      if (node->in[i] != MN_NONE) needed[node->in[i]] = true;
    }
  }
}

/* Moves the values that stay to the front; to[old] = new. */
static void pack_values(mn_graph *graph, const bool *needed, mn_id *to) {
  int32_t count = 0;
  for (int32_t i = 0; i < graph->value_count; i++) {
    to[i] = MN_NONE;
    if (!needed[i]) continue;
    graph->values[count] = graph->values[i];
    to[i] = count++;
  }
  graph->value_count = count;
}

static bool renumber(mn_graph *graph, mn_node *node, const mn_id *to) {
  mn_id *in = mn_arena_array(&graph->arena, (size_t)node->in_count, sizeof *in);
  if (!in) return false;
  for (int32_t i = 0; i < node->in_count; i++) {
    in[i] = node->in[i] == MN_NONE ? MN_NONE : to[node->in[i]];
  }
  for (int32_t i = 0; i < node->out_count; i++) node->out[i] = to[node->out[i]];
  node->in = in;
  return true;
}

static bool pack_nodes(mn_graph *graph, const bool *live, const mn_id *to) {
  int32_t count = 0;
  mn_id fixed_by = MN_NONE;
  for (int32_t n = 0; n < graph->node_count; n++) {
    if (!live[n]) continue;
    if (graph->fixed_by == n) fixed_by = count;
    graph->nodes[count] = graph->nodes[n];
    if (!renumber(graph, &graph->nodes[count++], to)) return false;
  }
  graph->node_count = count;
  graph->fixed_by = fixed_by;
  return true;
}

static mn_status remove_dead(mn_graph *graph, mn_arena *scratch) {
  bool *needed = mn_arena_array(scratch, (size_t)graph->value_count, sizeof *needed);
  bool *live = mn_arena_array(scratch, (size_t)graph->node_count, sizeof *live);
  mn_id *to = mn_arena_array(scratch, (size_t)graph->value_count, sizeof *to);
  if (!needed || !live || !to) return MN_ERR_MEMORY;
  mark(graph, needed, live);
  pack_values(graph, needed, to);
  if (!pack_nodes(graph, live, to)) return MN_ERR_MEMORY;
  for (int32_t i = 0; i < graph->input_count; i++) graph->inputs[i] = to[graph->inputs[i]];
  for (int32_t i = 0; i < graph->output_count; i++) graph->outputs[i] = to[graph->outputs[i]];
  return MN_OK;
}

mn_status mn_pass_remove_dead(mn_graph *graph, mn_error *err) {
  mn_arena scratch = {0};
  mn_status status = remove_dead(graph, &scratch);
  size_t used = scratch.used;
  mn_arena_free(&scratch);
  return status ? mn_fail_memory(err, used) : MN_OK;
}
