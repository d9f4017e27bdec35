/* SPDX-License-Identifier: Apache-2.0
 * Batch norms for layers that have lost theirs. Published files have them folded into weights;
 * without them one rate fits no two layers, and a few steps undo what was learned. What comes back
 * has the statistics that pictures show now and changes no value, so that training goes on where it
 * ended. */
#ifndef MN_TRAIN_UNFOLD_H
#define MN_TRAIN_UNFOLD_H

#include "graph/graph.h"
#include "train/feed.h"

typedef struct mn_unfolded {
  mn_id *norms; /* [count] their nodes, in the graph's arena; each stands behind its layer */
  int32_t count;
} mn_unfolded;

/* Gives layers of nodes [0, end) one that does nothing yet: float convolutions with a bias, over
 * more than one pixel, whose output other layers compute with. Shapes of `graph` are known. Error:
 * MEMORY. */
mn_status mn_unfold(mn_graph *graph, mn_id end, float epsilon, mn_unfolded *out, mn_error *err);

typedef struct mn_unfold_request {
  mn_feed *feed; /* of `batch` pictures of height x width */
  int32_t batch, height, width;
  int64_t batches;
  mn_threads *threads;
  uint32_t features;
} mn_unfold_request;

/* Their statistics, over the feed's next pictures, with gamma and beta that undo them. Errors:
 * those of a plan and of the feed; FORMAT: there is no picture. */
mn_status mn_unfold_measure(mn_graph *graph, const mn_unfolded *norms,
                            const mn_unfold_request *request, mn_error *err);

#endif
