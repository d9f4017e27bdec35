/* SPDX-License-Identifier: Apache-2.0
 * Producers, readers and edits for the passes. */
#include "passes/rewrite.h"

static void count_uses(mn_rewrite *rewrite) {
  const mn_graph *graph = rewrite->graph;
  for (mn_id id = 0; id < graph->value_count; id++) rewrite->producer[id] = MN_NONE;
  for (int32_t n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    for (int32_t i = 0; i < node->in_count; i++) {
      if (node->in[i] != MN_NONE) rewrite->reads[node->in[i]]++;
    }
    for (int32_t i = 0; i < node->out_count; i++) rewrite->producer[node->out[i]] = n;
  }
  for (int32_t i = 0; i < graph->output_count; i++) {
    rewrite->reads[graph->outputs[i]]++;
    rewrite->is_output[graph->outputs[i]] = true;
  }
}

mn_status mn_rewrite_begin(mn_rewrite *rewrite, mn_graph *graph, mn_error *err) {
  size_t count = (size_t)graph->value_count;
  *rewrite = (mn_rewrite){.graph = graph, .err = err};
  rewrite->producer = mn_arena_array(&rewrite->scratch, count, sizeof *rewrite->producer);
  rewrite->reads = mn_arena_array(&rewrite->scratch, count, sizeof *rewrite->reads);
  rewrite->is_output = mn_arena_array(&rewrite->scratch, count, sizeof *rewrite->is_output);
  if (!rewrite->producer || !rewrite->reads || !rewrite->is_output) {
    mn_arena_free(&rewrite->scratch);
    return mn_fail_memory(err, count * 2 * sizeof(mn_id));
  }
  count_uses(rewrite);
  return MN_OK;
}

mn_status mn_rewrite_end(mn_rewrite *rewrite, mn_status status) {
  mn_arena_free(&rewrite->scratch);
  if (status || !rewrite->changed) return status;
  return mn_pass_remove_dead(rewrite->graph, rewrite->err);
}

mn_node *mn_rewrite_producer(const mn_rewrite *rewrite, mn_id id) {
  if (id == MN_NONE || rewrite->producer[id] == MN_NONE) return NULL;
  return &rewrite->graph->nodes[rewrite->producer[id]];
}

mn_node *mn_rewrite_sole_producer(const mn_rewrite *rewrite, mn_id id) {
  bool sole = id != MN_NONE && rewrite->reads[id] == 1 && !rewrite->is_output[id];
  return sole ? mn_rewrite_producer(rewrite, id) : NULL;
}

void mn_rewrite_absorb(mn_rewrite *rewrite, mn_node *first, mn_node *second) {
  rewrite->producer[first->out[0]] = MN_NONE;
  first->out[0] = second->out[0];
  rewrite->producer[first->out[0]] = (mn_id)(first - rewrite->graph->nodes);
  second->out_count = 0;
  rewrite->changed = true;
}

bool mn_rewrite_inputs(mn_rewrite *rewrite, mn_node *node, const mn_id *in, int32_t count) {
  mn_id *copy = mn_arena_copy(&rewrite->graph->arena, in, (size_t)count * sizeof *in);
  if (!copy) return false;
  node->in = copy;
  node->in_count = count;
  rewrite->changed = true;
  return true;
}
