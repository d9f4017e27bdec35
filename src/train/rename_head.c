/* SPDX-License-Identifier: Apache-2.0
 * See head.h: other classes for a detector or a segmenter. Its layers of scores are those that an
 * output is made of by moving, adding and enlarging alone: one a map, or LR-ASPP's two. */
#include <string.h>

#include "passes/passes.h"
#include "train/head.h"

static const mn_node *writer_of(const mn_graph *graph, mn_id value) {
  for (int32_t n = graph->node_count - 1; n >= 0; n--) {
    if (graph->nodes[n].out[0] == value) return &graph->nodes[n];
  }
  return NULL;
}

/* ---- Without decoding ------------------------------------------------------------------------ */

/* What the node knows of anchors and boxes goes back to where it came from. */
static void restore_contract(mn_graph *graph, const mn_node *node) {
  const mn_value *anchors = &graph->values[node->in[2]];
  mn_contract *contract = &graph->contract;
  contract->detect.anchors = MN_ANCHORS_TABLE;
  contract->detect.table = anchors->data;
  contract->detect.table_count = anchors->shape.dim[0];
  contract->detect.coder = node->attr.ssd_detect.torch_boxes ? MN_CODER_TORCH : MN_CODER_SSD;
  contract->detect.detections = node->attr.ssd_detect.detections;
  contract->detect.per_class = node->attr.ssd_detect.per_class;
  contract->detect.candidates = node->attr.ssd_detect.candidates;
  contract->detect.score_threshold = (double)node->attr.ssd_detect.score_threshold;
  contract->detect.iou_threshold = (double)node->attr.ssd_detect.iou_threshold;
  for (int i = 0; i < 4; i++) {
    contract->detect.scale[i] = (double)node->attr.ssd_detect.scale[i];
  }
}

/* A probability's logit. */
static mn_id before_score(const mn_graph *graph, mn_id scores) {
  const mn_node *last = writer_of(graph, scores);
  const bool score = last && (last->op == MN_OP_SOFTMAX || last->op == MN_OP_LOGISTIC);
  return score ? last->in[0] : scores;
}

/* Outputs become raw boxes and logits, or logits alone; *scores is the latter. */
static mn_status strip(mn_graph *graph, mn_id *scores, mn_error *err) {
  const mn_node *last = writer_of(graph, graph->outputs[0]);
  mn_id ends[2], boxes;
  if (last && last->op == MN_OP_SSD_DETECT) {
    restore_contract(graph, last);
    ends[0] = last->in[0];
    ends[1] = *scores = before_score(graph, last->in[1]);
    return mn_graph_set_outputs(graph, ends, 2) ? MN_OK : mn_fail_memory(err, sizeof ends);
  }
  if (mn_graph_ssd_head(graph, &boxes, scores)) {
    ends[0] = boxes;
    ends[1] = *scores = before_score(graph, *scores);
    return mn_graph_set_outputs(graph, ends, 2) ? MN_OK : mn_fail_memory(err, sizeof ends);
  }
  *scores = before_score(graph, graph->outputs[0]);
  if (mn_graph_mask_classes(graph) > 0 && graph->output_count == 1) {
    return mn_graph_set_outputs(graph, scores, 1) ? MN_OK : mn_fail_memory(err, sizeof ends);
  }
  return mn_fail(err, MN_ERR_UNSUPPORTED, "outputs",
                 "the network ends neither in boxes and scores nor in a map of classes");
}

/* ---- Layers of scores ------------------------------------------------------------------------ */

typedef struct renaming {
  mn_graph *graph;
  int32_t old, classes;
  mn_head_weights weights; /* QUIET unless said */
  uint64_t seed;
  bool *reached; /* [values] scores of classes */
  int32_t first; /* node made anew, counted from 1 */
  mn_error *err;
} renaming;

static mn_status rename_layer(renaming *r, mn_id n) {
  const mn_node *layer = &r->graph->nodes[n];
  const int32_t rows = r->graph->values[layer->in[1]].shape.dim[0];
  if (rows % r->old) {
    return mn_fail(r->err, MN_ERR_UNSUPPORTED, layer->name, "it has %d columns for %d classes",
                   rows, r->old);
  }
  r->first = n + 1;
  const bool made = mn_head_new_weights(r->graph, layer, rows / r->old * r->classes, r->weights,
                                        r->seed + (uint64_t)n * 0x9e3779b97f4a7c15u);
  return made ? MN_OK : mn_fail_memory(r->err, sizeof(float));
}

static mn_status visit(renaming *r, mn_id n) {
  mn_node *node = &r->graph->nodes[n];
  switch (node->op) {
    case MN_OP_CONV2D:
    case MN_OP_DENSE: return rename_layer(r, n);
    case MN_OP_RESHAPE: {
      mn_shape *to = &node->attr.reshape.shape;
      if (to->rank && to->dim[to->rank - 1] == r->old) to->dim[to->rank - 1] = r->classes;
      r->reached[node->in[0]] = true;
      return MN_OK;
    }
    case MN_OP_RESIZE_BILINEAR: r->reached[node->in[0]] = true; return MN_OK;
    case MN_OP_ADD:
    case MN_OP_CONCAT:
      for (int32_t i = 0; i < node->in_count; i++) r->reached[node->in[i]] = true;
      return MN_OK;
    default:
      return mn_fail(r->err, MN_ERR_UNSUPPORTED, node->name,
                     "scores come from %s, expected a layer to put new classes on",
                     mn_op_name(node->op));
  }
}

/* All layers that an output is made of. */
static mn_status rename_layers(renaming *r, mn_id output) {
  mn_status status = MN_OK;
  const mn_shape *shape = &r->graph->values[output].shape;
  r->old = shape->dim[shape->rank - 1];
  r->reached = mn_arena_array(&r->graph->arena, (size_t)r->graph->value_count, sizeof(bool));
  if (!r->reached) return mn_fail_memory(r->err, (size_t)r->graph->value_count);
  r->reached[output] = true;
  for (mn_id n = r->graph->node_count - 1; n >= 0 && !status; n--) {
    if (r->reached[r->graph->nodes[n].out[0]]) status = visit(r, n);
  }
  return status;
}

mn_status mn_head_begin(mn_graph *graph, mn_head_weights weights, uint64_t seed, mn_error *err) {
  renaming r = {.graph = graph, .weights = weights, .seed = seed, .err = err};
  mn_status status = MN_OK;
  for (int32_t i = 0; i < graph->output_count && !status; i++) {
    const mn_shape *shape = &graph->values[graph->outputs[i]].shape;
    r.classes = shape->dim[shape->rank - 1];
    status = rename_layers(&r, graph->outputs[i]);
  }
  return status;
}

static mn_status build(mn_graph *graph, renaming *r, bool keep) {
  mn_id scores;
  mn_status status = mn_pass_fold_constants(graph, r->err);
  if (!status) status = strip(graph, &scores, r->err);
  if (!status) status = mn_pass_remove_dead(graph, r->err);
  if (!status) status = mn_head_check_float(graph, r->err);
  if (status) return status;
  scores = graph->outputs[graph->output_count - 1];
  const mn_shape *shape = &graph->values[scores].shape;
  r->first = graph->node_count + 1;
  if (shape->dim[shape->rank - 1] == r->classes && keep) return mn_graph_verify(graph, r->err);
  status = rename_layers(r, scores);
  if (!status) status = mn_head_infer(graph, 0, 0, r->err);
  return status ? status : mn_graph_verify(graph, r->err);
}

mn_status mn_head_rename(mn_graph *out, const mn_graph *model, int32_t classes, uint64_t seed,
                         bool keep, int32_t *first, mn_error *err) {
  renaming r = {.graph = out, .classes = classes, .seed = seed, .err = err};
  mn_graph_init(out);
  mn_status status = mn_graph_copy(out, model, err);
  if (!status) status = build(out, &r, keep);
  *first = r.first;
  if (status) mn_graph_free(out);
  return status;
}
