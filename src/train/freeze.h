/* SPDX-License-Identifier: Apache-2.0
 * Which part of a network stays as it is, and a classifier cut in two there: a backbone that says
 * the same of a picture every time, and a head that is trained on what it says. */
#ifndef MN_TRAIN_FREEZE_H
#define MN_TRAIN_FREEZE_H

#include "graph/graph.h"

/* How many of the first nodes stay. `what` is "backbone", all before node `head`, or a number of
 * layers with weights. Error: ARGUMENT, with how many there are. */
mn_status mn_freeze_nodes(const mn_graph *graph, mn_id head, const char *what, int32_t *nodes,
                          mn_error *err);

/* Cuts a graph of one output before node `head`, its last layer: `backbone` ends in that layer's
 * input, `last` begins with it. Both borrow from the graph. Errors: UNSUPPORTED (something before
 * the head is read after it), MEMORY. */
mn_status mn_freeze_split(const mn_graph *graph, mn_id head, mn_graph *backbone, mn_graph *last,
                          mn_error *err);
/* `out` becomes the whole graph again with the weights that `last` has; it borrows from the graph
 * only. Error: MEMORY. */
mn_status mn_freeze_join(const mn_graph *graph, const mn_graph *last, mn_graph *out, mn_error *err);

#endif
