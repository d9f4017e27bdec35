/* SPDX-License-Identifier: Apache-2.0
 * An SSD head that its contract explains gets what it lacks: the score function and the decoding of
 * boxes. From then on the graph ends in detections and the contract says no more about anchors. */
#include <string.h>

#include "passes/passes.h"
#include "post/anchors.h"

typedef struct detector {
  mn_graph *graph;
  mn_id boxes, scores; /* the head's outputs */
  int32_t rows, columns;
  mn_error *err;
} detector;

/* ---- Anchors --------------------------------------------------------------------------------- */

/* The maps of strides 16, 32, ...: as many as make `rows` anchors; 0 when no number does. */
static int32_t find_maps(const detector *d, mn_anchor_maps *maps) {
  const mn_contract *contract = &d->graph->contract;
  const mn_shape *input = &d->graph->values[d->graph->inputs[0]].shape;
  bool torch = contract->detect.anchors == MN_ANCHORS_TORCH;
  *maps = (mn_anchor_maps){.picture_h = input->dim[1],
                           .picture_w = input->dim[2],
                           .min_scale = contract->detect.min_scale,
                           .max_scale = contract->detect.max_scale};
  int32_t h = (input->dim[1] + 15) / 16, w = (input->dim[2] + 15) / 16;
  for (int32_t i = 0; i < MN_ANCHOR_MAPS; i++, h = (h + 1) / 2, w = (w + 1) / 2) {
    maps->size[i][0] = h;
    maps->size[i][1] = w;
    maps->count = i + 1;
    int32_t rows = torch ? mn_anchors_torch_count(maps) : mn_anchors_tf_count(maps);
    if (rows == d->rows) return maps->count;
  }
  return 0;
}

static mn_status make_anchors(const detector *d, float *anchors) {
  const mn_contract *contract = &d->graph->contract;
  mn_anchor_maps maps;
  if (contract->detect.anchors == MN_ANCHORS_TABLE) {
    if (contract->detect.table_count != d->rows) {
      return mn_fail(d->err, MN_ERR_CONTRACT, "detect.anchors",
                     "there are %d anchors, but the model has %d boxes",
                     contract->detect.table_count, d->rows);
    }
    memcpy(anchors, contract->detect.table, (size_t)d->rows * 4 * sizeof *anchors);
    return MN_OK;
  }
  if (find_maps(d, &maps) == 0) {
    return mn_fail(d->err, MN_ERR_CONTRACT, "detect.anchors",
                   "this rule does not make the %d boxes that the model has, whatever the number "
                   "of maps",
                   d->rows);
  }
  if (contract->detect.anchors == MN_ANCHORS_TORCH) {
    mn_anchors_torch(&maps, anchors);
  } else {
    mn_anchors_tf(&maps, anchors);
  }
  return MN_OK;
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

/* Appends a node with one output like `from` but for its shape; MN_NONE when out of memory. */
static mn_id append(const detector *d, mn_op op, const char *name, mn_id from,
                    const mn_shape *shape) {
  mn_graph *graph = d->graph;
  mn_id to = mn_graph_add_value(graph, name, graph->values[from].type, shape);
  if (to == MN_NONE) return MN_NONE;
  const mn_quant *quant = &graph->values[from].quant;
  if (quant->count && !mn_graph_set_quant(graph, to, 1, 0, quant->scale, quant->zero)) {
    return MN_NONE;
  }
  return mn_graph_add_node(graph, op, name, &from, 1, &to, 1) == MN_NONE ? MN_NONE : to;
}

/* [a,c] as [1,a,c]; a value of three dimensions stays. */
static mn_id with_batch(const detector *d, const char *name, mn_id value, int32_t columns) {
  if (d->graph->values[value].shape.rank == 3 || value == MN_NONE) return value;
  const mn_shape shape = {3, {1, d->rows, columns}};
  mn_id to = append(d, MN_OP_RESHAPE, name, value, &shape);
  if (to != MN_NONE) d->graph->nodes[d->graph->node_count - 1].attr.reshape.shape = shape;
  return to;
}

/* Codes as real numbers: score functions and thresholds are real. */
static mn_id as_float(const detector *d, const char *name, mn_id value) {
  if (value == MN_NONE || d->graph->values[value].type == MN_F32) return value;
  const mn_shape shape = d->graph->values[value].shape;
  mn_id to = mn_graph_add_value(d->graph, name, MN_F32, &shape);
  if (to == MN_NONE) return MN_NONE;
  mn_id node = mn_graph_add_node(d->graph, MN_OP_DEQUANTIZE, name, &value, 1, &to, 1);
  return node == MN_NONE ? MN_NONE : to;
}

static mn_id with_score(const detector *d, mn_id scores) {
  const mn_score score = d->graph->contract.score;
  if (scores == MN_NONE || score == MN_SCORE_NONE) return scores;
  const mn_shape shape = d->graph->values[scores].shape;
  bool softmax = score == MN_SCORE_SOFTMAX;
  mn_id to = append(d, softmax ? MN_OP_SOFTMAX : MN_OP_LOGISTIC, "detector.scores", scores, &shape);
  if (to != MN_NONE && softmax) {
    d->graph->nodes[d->graph->node_count - 1].attr.softmax.beta = 1;
  }
  return to;
}

static void set_attributes(const detector *d, mn_attr *attr) {
  const mn_contract *contract = &d->graph->contract;
  attr->ssd_detect.detections = contract->detect.detections;
  attr->ssd_detect.classes = d->columns - (contract->labels.background == 0);
  attr->ssd_detect.per_anchor = 1;
  attr->ssd_detect.per_class = contract->detect.per_class;
  attr->ssd_detect.candidates = contract->detect.candidates;
  attr->ssd_detect.regular = true;
  attr->ssd_detect.torch_boxes = contract->detect.coder == MN_CODER_TORCH;
  attr->ssd_detect.score_threshold = (float)contract->detect.score_threshold;
  attr->ssd_detect.iou_threshold = (float)contract->detect.iou_threshold;
  for (int i = 0; i < 4; i++) attr->ssd_detect.scale[i] = (float)contract->detect.scale[i];
}

static mn_status append_detect(const detector *d, const mn_id in[3]) {
  static const char *const names[4] = {"detections.boxes", "detections.classes",
                                       "detections.scores", "detections.count"};
  mn_graph *graph = d->graph;
  const int32_t most = graph->contract.detect.detections;
  const mn_shape shapes[4] = {{3, {1, most, 4}}, {2, {1, most}}, {2, {1, most}}, {1, {1}}};
  mn_id out[4];
  for (int i = 0; i < 4; i++) {
    out[i] = mn_graph_add_value(graph, names[i], MN_F32, &shapes[i]);
    if (out[i] == MN_NONE) return mn_fail_memory(d->err, 0);
  }
  mn_id node = mn_graph_add_node(graph, MN_OP_SSD_DETECT, names[0], in, 3, out, 4);
  if (node == MN_NONE || !mn_graph_set_outputs(graph, out, 4)) return mn_fail_memory(d->err, 0);
  set_attributes(d, &graph->nodes[node].attr);
  return MN_OK;
}

/* The background has no detections, and from now on no label. */
static void settle_contract(mn_contract *contract) {
  if (contract->labels.background == 0 && contract->labels.count > 0) {
    contract->labels.names++;
    contract->labels.count--;
  }
  contract->labels.background = -1;
  contract->score = MN_SCORE_NONE;
  contract->detect.anchors = MN_ANCHORS_IN_GRAPH;
}

static mn_status find_head(detector *d) {
  if (!mn_graph_ssd_head(d->graph, &d->boxes, &d->scores)) {
    return mn_fail(d->err, MN_ERR_CONTRACT, "detect.anchors",
                   "the model does not end in box encodings and scores");
  }
  const mn_shape *scores = &d->graph->values[d->scores].shape;
  d->rows = scores->dim[scores->rank - 2];
  d->columns = scores->dim[scores->rank - 1];
  return MN_OK;
}

static mn_status take_anchors(const detector *d, float **anchors) {
  const size_t count = (size_t)d->rows * 4;
  *anchors = mn_arena_array(&d->graph->arena, count, sizeof **anchors);
  return *anchors ? make_anchors(d, *anchors) : mn_fail_memory(d->err, count * sizeof **anchors);
}

mn_status mn_detector_anchors(mn_graph *graph, float **anchors, int32_t *count, mn_error *err) {
  detector d = {.graph = graph, .err = err};
  mn_status status = find_head(&d);
  if (!status) status = take_anchors(&d, anchors);
  *count = d.rows;
  return status;
}

mn_status mn_pass_append_detector(mn_graph *graph, mn_error *err) {
  detector d = {.graph = graph, .err = err};
  float *anchors;
  const mn_contract *contract = &graph->contract;
  if (contract->task != MN_TASK_DETECT || contract->detect.anchors == MN_ANCHORS_IN_GRAPH) {
    return MN_OK;
  }
  mn_status status = find_head(&d);
  if (!status) status = take_anchors(&d, &anchors);
  if (status) return status;
  const mn_shape shape = {2, {d.rows, 4}};
  mn_id in[3] = {
      as_float(&d, "detector.boxes_real", with_batch(&d, "detector.boxes", d.boxes, 4)),
      with_score(&d, as_float(&d, "detector.scores_real",
                              with_batch(&d, "detector.logits", d.scores, d.columns))),
      mn_graph_add_const(graph, "detector.anchors", MN_F32, &shape, anchors),
  };
  for (int i = 0; i < 3; i++) {
    if (in[i] == MN_NONE) return mn_fail_memory(err, 0);
  }
  status = append_detect(&d, in);
  if (!status) settle_contract(&graph->contract);
  return status;
}
