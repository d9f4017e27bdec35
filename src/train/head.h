/* SPDX-License-Identifier: Apache-2.0
 * Heads for other classes, on networks that have learned some: a classifier's last layer, the
 * layers of scores of a detector or a segmenter, or a head of another task in a classifier's place.
 */
#ifndef MN_TRAIN_HEAD_H
#define MN_TRAIN_HEAD_H

#include "zoo/zoo.h"

/* `out` becomes a copy of a float classifier (which it borrows from) that ends in raw scores of
 * `classes` classes: the last layer, dense or 1x1, gets new weights, normal with deviation 0.01
 * from `seed`, and a bias of 0; what followed it (softmax) goes. Constants that are stored in less
 * are widened. With the same number of classes and `keep`, the layer keeps its weights. Errors:
 * UNSUPPORTED, naming what stands at the end instead, or what is not float; MEMORY. */
mn_status mn_head_replace(mn_graph *out, const mn_graph *model, int32_t classes, uint64_t seed,
                          bool keep, mn_error *err);

/* The node of a classifier's last layer of weights; MN_NONE where the graph ends otherwise. */
mn_id mn_head_layer(const mn_graph *graph);

/* `out` becomes a copy of a classifier with the arch's head on its features (zoo/zoo.h says of what
 * the arch is read). *first: the head's first node, counted from 1. Errors: as above, and what
 * mn_zoo_put_head says. */
mn_status mn_head_graft(mn_graph *out, const mn_graph *model, const mn_arch *arch, uint64_t seed,
                        int32_t *first, mn_error *err);

/* `out` becomes a copy of a float detector or segmenter that ends in raw scores of `classes`
 * columns, a background's included: layers of scores keep their weights where the number is the
 * same and `keep`, else are made anew. Decoding at a detector's end goes, into its contract.
 * *first: the first node made anew, counted from 1, or beyond the last. Errors: likewise. */
mn_status mn_head_rename(mn_graph *out, const mn_graph *model, int32_t classes, uint64_t seed,
                         bool keep, int32_t *first, mn_error *err);

/* ---- What these are made of ------------------------------------------------------------------ */

/* Error: UNSUPPORTED, naming the node that computes in integers. */
mn_status mn_head_check_float(const mn_graph *graph, mn_error *err);
/* How large first weights are. QUIET, 0.01: at first a layer says nearly nothing, and pulls on what
 * is before it as little. BY_INPUTS, the root of 1 / (3 inputs): as PyTorch's layers begin. */
typedef enum mn_head_weights { MN_HEAD_QUIET, MN_HEAD_BY_INPUTS } mn_head_weights;
/* New weights for `rows` outputs of a layer. False: out of memory. */
bool mn_head_new_weights(mn_graph *graph, const mn_node *layer, int32_t rows,
                         mn_head_weights weights, uint64_t seed);
/* The layers that a detector's or segmenter's outputs are made of get new weights. */
mn_status mn_head_begin(mn_graph *graph, mn_head_weights weights, uint64_t seed, mn_error *err);
/* Shapes of all values at another size of the input; 0: as it is. */
mn_status mn_head_infer(mn_graph *graph, int32_t height, int32_t width, mn_error *err);

#endif
