/* SPDX-License-Identifier: Apache-2.0
 * From a float network to one that 8 bits can say, in two steps: the network that is trained, whose
 * every operator LiteRT has for int8; and that as it will run, batch norms folded. Values keep
 * their names, so that what is rounded there can be found here. */
#ifndef MN_TRAIN_DEPLOY_H
#define MN_TRAIN_DEPLOY_H

#include "graph/graph.h"

/* Rewrites a float graph, in place, into one that computes the same: activations and pads are part
 * of layers, hard-sigmoid is spelled out, a global pool is a mean (whose result has a scale of its
 * own). Where all channels of the picture have one scale, the contract's offset moves by less than
 * half a level, so that a level is a code. Errors: MEMORY; those of passes. */
mn_status mn_deploy_prepare(mn_graph *graph, mn_error *err);

/* A copy of a prepared graph with batch norms folded into layers. It borrows from `prepared`. */
mn_status mn_deploy_fold(mn_graph *out, const mn_graph *prepared, mn_error *err);

#endif
