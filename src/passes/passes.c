/* SPDX-License-Identifier: Apache-2.0
 * The standard list: constants first (the others look for them), activations after normalizations
 * (which stand between a layer and its relu), hard-swish after activations (it looks for relu6). */
#include "passes/passes.h"

typedef mn_status pass(mn_graph *graph, mn_error *err);

static pass *const passes[] = {
    mn_pass_fold_constants,   mn_pass_fold_batchnorm,   mn_pass_fuse_activation,
    mn_pass_match_hard_swish, mn_pass_fold_space_batch, mn_pass_fold_pad,
    mn_pass_remove_dead,
};

mn_status mn_passes_run(mn_graph *graph, mn_error *err) {
  for (size_t i = 0; i < sizeof passes / sizeof passes[0]; i++) {
    mn_status status = passes[i](graph, err);
    if (status) return status;
  }
  return mn_graph_verify(graph, err);
}
