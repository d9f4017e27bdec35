/* SPDX-License-Identifier: Apache-2.0
 * What every pass needs: who writes a value and how often it is read, and small edits that keep
 * these counts right; passes add no values. A node that a pass makes superfluous gets out_count 0
 * and goes with mn_pass_remove_dead, which each pass ends with. */
#ifndef MN_PASSES_REWRITE_H
#define MN_PASSES_REWRITE_H

#include "passes/passes.h"

typedef struct mn_rewrite {
  mn_graph *graph;
  mn_error *err;
  mn_arena scratch;
  mn_id *producer; /* [value_count] the node that writes a value, or MN_NONE */
  int32_t *reads;  /* [value_count] by nodes, and 1 for each time it is a graph output */
  bool *is_output;
  bool changed;
} mn_rewrite;

mn_status mn_rewrite_begin(mn_rewrite *rewrite, mn_graph *graph, mn_error *err);
/* Frees, and removes what died when `status` is MN_OK and something changed. */
mn_status mn_rewrite_end(mn_rewrite *rewrite, mn_status status);

/* The node that writes value `id` for one reader only and no graph output, or NULL. */
mn_node *mn_rewrite_sole_producer(const mn_rewrite *rewrite, mn_id id);
/* The node that writes `id`, or NULL. */
mn_node *mn_rewrite_producer(const mn_rewrite *rewrite, mn_id id);

/* `first` writes what `second`, its only reader, wrote; `second` is superfluous. */
void mn_rewrite_absorb(mn_rewrite *rewrite, mn_node *first, mn_node *second);
/* Gives a node other inputs; false when out of memory. */
bool mn_rewrite_inputs(mn_rewrite *rewrite, mn_node *node, const mn_id *in, int32_t count);
#endif
