/* SPDX-License-Identifier: Apache-2.0
 * Rewrites of a graph that change what is computed as little as possible and how much as much as
 * possible. They take a verified graph that nobody shares yet (mn_graph_copy makes one), in any
 * order; each leaves a graph that verifies. New constants go to the graph's arena; borrowed ones
 * are never written. Names of inputs and outputs stay. */
#ifndef MN_PASSES_PASSES_H
#define MN_PASSES_PASSES_H

#include "graph/graph.h"

/* All of them in the order that lets each feed the next, then mn_graph_verify. */
mn_status mn_passes_run(mn_graph *graph, mn_error *err);

/* reshape and dequantize of a constant become constants. */
mn_status mn_pass_fold_constants(mn_graph *graph, mn_error *err);
/* batch_norm right after a float conv, depthwise or dense layer goes into its weights and bias. */
mn_status mn_pass_fold_batchnorm(mn_graph *graph, mn_error *err);
/* relu, relu6 and relu_n1_to_1 become the activation of the layer before; integer ones only where
 * both sides have the same scale and zero point, so that it is exact. */
mn_status mn_pass_fuse_activation(mn_graph *graph, mn_error *err);
/* x * relu6(x + 3) / 6 in its usual spellings becomes hard_swish, relu6(x + 3) / 6 hard_sigmoid. */
mn_status mn_pass_match_hard_swish(mn_graph *graph, mn_error *err);
/* hard_swish after a float conv, depthwise or dense layer becomes its activation, which no file can
 * say: not among mn_passes_run's, but a plan's own. */
mn_status mn_pass_fuse_hard_swish(mn_graph *graph, mn_error *err);
/* A gate (SE) before a pointwise float layer of few weights goes into the weights, in each run:
 * gated_conv2d. Likewise a plan's own. */
mn_status mn_pass_fuse_gate(mn_graph *graph, mn_error *err);
/* pad of height and width before a conv or depthwise layer becomes its window's pads. */
mn_status mn_pass_fold_pad(mn_graph *graph, mn_error *err);
/* What the contract says of an SSD head's anchors becomes nodes; not among mn_passes_run's, for a
 * contract is settled later. Errors: CONTRACT, MEMORY. Verify afterwards. */
mn_status mn_pass_append_detector(mn_graph *graph, mn_error *err);
/* What the boxes of an SSD head are relative to, by its contract, as post/anchors.h orders them:
 * [*count][4] in the arena. Errors: likewise. */
mn_status mn_detector_anchors(mn_graph *graph, float **anchors, int32_t *count, mn_error *err);
/* space_to_batch, a layer and batch_to_space become the layer with a dilation. */
mn_status mn_pass_fold_space_batch(mn_graph *graph, mn_error *err);
/* Nodes and values that reach no output go; ids are renumbered. Inputs stay. */
mn_status mn_pass_remove_dead(mn_graph *graph, mn_error *err);

#endif
