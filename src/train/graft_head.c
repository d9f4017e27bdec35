/* SPDX-License-Identifier: Apache-2.0
 * See head.h: a head of another task on a classifier. */
#include "passes/passes.h"
#include "train/head.h"

static mn_status graft(mn_graph *graph, const mn_arch *arch, uint64_t seed, int32_t *first,
                       mn_error *err) {
  mn_status status = mn_pass_fold_constants(graph, err);
  if (!status) status = mn_pass_fold_pad(graph, err);
  if (!status) status = mn_pass_match_hard_swish(graph, err);
  if (!status) status = mn_head_check_float(graph, err);
  const int32_t before = graph->node_count;
  if (!status) status = mn_zoo_put_head(graph, arch, seed, err);
  const int32_t added = graph->node_count - before;
  if (!status) status = mn_pass_remove_dead(graph, err);
  *first = graph->node_count - added + 1;
  if (!status) status = mn_head_infer(graph, 0, 0, err);
  if (!status) status = mn_head_begin(graph, MN_HEAD_QUIET, seed, err);
  return status ? status : mn_graph_verify(graph, err);
}

mn_status mn_head_graft(mn_graph *out, const mn_graph *model, const mn_arch *arch, uint64_t seed,
                        int32_t *first, mn_error *err) {
  mn_graph_init(out);
  mn_status status = mn_graph_copy(out, model, err);
  if (!status) status = graft(out, arch, seed, first, err);
  if (status) mn_graph_free(out);
  return status;
}
