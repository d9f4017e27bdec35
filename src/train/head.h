/* SPDX-License-Identifier: Apache-2.0
 * A classifier's head for other classes. */
#ifndef MN_TRAIN_HEAD_H
#define MN_TRAIN_HEAD_H

#include "graph/graph.h"

/* `out` becomes a copy of a float classifier (which it borrows from) that ends in raw scores of
 * `classes` classes: the last layer, dense or 1x1, gets new weights, normal with deviation 0.01
 * from `seed`, and a bias of 0; what followed it (softmax) goes. Constants that are stored in less
 * are widened. With the same number of classes and `keep`, the layer keeps its weights. Errors:
 * UNSUPPORTED, naming what stands at the end instead, or what is not float; MEMORY. */
mn_status mn_head_replace(mn_graph *out, const mn_graph *model, int32_t classes, uint64_t seed,
                          bool keep, mn_error *err);

/* The node of a classifier's last layer of weights; MN_NONE where the graph ends otherwise. */
mn_id mn_head_layer(const mn_graph *graph);

#endif
