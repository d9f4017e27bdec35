/* SPDX-License-Identifier: Apache-2.0
 * Training for boxes: an SSD head with one column for each class of the data and one, the first,
 * for the background. */
#include <string.h>

#include "api/training.h"
#include "base/alloc.h"
#include "mobilenet/eval.h"
#include "passes/passes.h"
#include "train/head.h"

enum { MOST_DETECTIONS = 100 }; /* of a picture, as mobilenet eval has it */

/* TensorFlow's anchors or torchvision's, whichever make as many boxes as the head has. */
static mn_status choose_anchors(mn_graph *graph, mn_error *err) {
  static const char *const rules[] = {"ssd", "ssdlite-torch"};
  mn_status status = MN_OK;
  for (int i = 0; i < 2; i++) {
    float *anchors;
    int32_t count;
    status = mn_contract_set_anchors(&graph->contract, rules[i], &graph->arena, err);
    if (!status) status = mn_detector_anchors(graph, &anchors, &count, err);
    if (!status) return MN_OK;
  }
  return status;
}

/* Scores are of a softmax, which mining trains; below a hundredth nothing is worth suppressing. */
static mn_status settle_contract(mn_training *t, mn_error *err) {
  mn_contract *contract = &t->graph.contract;
  mn_status status = MN_OK;
  if (contract->detect.anchors == MN_ANCHORS_IN_GRAPH) status = choose_anchors(&t->graph, err);
  if (status) return status;
  contract->task = MN_TASK_DETECT;
  contract->score = MN_SCORE_SOFTMAX;
  contract->labels.background = 0;
  contract->detect.score_threshold = 0.01;
  contract->detect.iou_threshold = 0.5;
  contract->detect.detections = contract->detect.per_class = MOST_DETECTIONS;
  if (contract->input.fit != MN_FIT_LETTERBOX) contract->input.fit = MN_FIT_STRETCH;
  contract->assumed = 0;
  mn_error_clear(err); /* what the first rule has left there */
  return mn_training_name_classes(t, "background", err);
}

static mn_status make_graph(mn_training *t, const mn_model *start, mn_error *err) {
  const int32_t columns = mn_dataset_class_count(t->parts.train.set) + 1;
  mn_status status = mn_training_make_head(t, start, columns, err);
  return status ? status : settle_contract(t, err);
}

static mn_status make_objective(mn_training *t, mn_error *err) {
  float *anchors;
  int32_t count;
  const mn_contract *contract = &t->graph.contract;
  mn_status status = mn_detector_anchors(&t->graph, &anchors, &count, err);
  if (status) return status;
  mn_box_terms terms = {.anchors = anchors,
                        .anchor_count = (size_t)count,
                        .torch_boxes = contract->detect.coder == MN_CODER_TORCH,
                        .threshold = 0.5,
                        .negatives = 3,
                        .least = 3,
                        .width = t->width,
                        .height = t->height};
  memcpy(terms.scale, contract->detect.scale, sizeof terms.scale);
  return mn_objective_boxes(&t->objective, &terms, err);
}

static mn_status finish(mn_graph *graph, mn_error *err) {
  mn_status status = mn_pass_append_detector(graph, err);
  return status ? status : mn_graph_verify(graph, err);
}

/* ---- What is held back ----------------------------------------------------------------------- */

typedef struct held_boxes {
  const mn_part *part;
  mn_map_picture *pictures; /* [count], with boxes and detections of their own */
} held_boxes;

static mn_status take_picture(void *user, const mn_session *session, const mn_held_picture *held,
                              mn_error *err) {
  const held_boxes *h = user;
  const int64_t item = h->part->items[held->index];
  const int32_t boxed = mn_dataset_box_count(h->part->set, item);
  int found = mn_plan_detections(session->plan);
  mn_map_picture *picture = &h->pictures[held->index];
  mn_box *boxes = mn_alloc((size_t)(boxed + 1) * sizeof *boxes);
  mn_detection *detections = mn_alloc((size_t)(found + 1) * sizeof *detections);
  *picture = (mn_map_picture){boxes, detections, boxed, 0};
  if (!boxes || !detections) return mn_fail_memory(err, (size_t)found * sizeof *detections);
  mn_dataset_boxes(h->part->set, item, held->width, held->height, boxes);
  mn_status status = mn_session_detections(session, 0, detections, &found, err);
  picture->detection_count = found < MOST_DETECTIONS ? found : MOST_DETECTIONS;
  return status;
}

static void free_pictures(mn_map_picture *pictures, int64_t count) {
  for (int64_t i = 0; pictures && i < count; i++) {
    mn_free((void *)(uintptr_t)pictures[i].boxes);
    mn_free((void *)(uintptr_t)pictures[i].detections);
  }
  mn_free(pictures);
}

static mn_status score_pictures(const mn_training *t, const held_boxes *held, mn_held_scores *out,
                                mn_error *err) {
  const int32_t classes = t->class_count;
  mn_map_scores scores;
  mn_map_class *each = mn_alloc((size_t)classes * sizeof *each);
  if (!each) return mn_fail_memory(err, (size_t)classes * sizeof *each);
  const mn_map_query query = {held->pictures, t->parts.held.count, classes};
  const mn_status status = mn_map_score(&query, &scores, each, err);
  out->all = scores.map50;
  out->map = scores.map;
  for (int32_t c = 0; c < classes && !status; c++) {
    out->classes[c] = each[c].boxes > 0 ? each[c].ap50 : -1;
  }
  mn_free(each);
  return status;
}

static mn_status measure(const mn_training *t, bool floats, mn_held_scores *out, mn_error *err) {
  const int64_t count = t->parts.held.count;
  const size_t bytes = (size_t)count * sizeof(mn_map_picture);
  held_boxes held = {&t->parts.held, mn_alloc_zero(bytes)};
  if (!held.pictures) return mn_fail_memory(err, bytes);
  mn_status status = mn_training_run_held(t, floats, take_picture, &held, err);
  if (!status) status = score_pictures(t, &held, out, err);
  free_pictures(held.pictures, count);
  return status;
}

static void tell(const mn_training *t, mn_trained_epoch *report) {
  report->eval_map = t->now.map;
  report->eval_map50 = t->now.all;
  report->eval_map_float = t->floats.map;
  report->eval_map50_float = t->floats.all;
}

const mn_train_task mn_train_boxes = {
    .task = MN_TASK_DETECT,
    .make_graph = make_graph,
    .make_objective = make_objective,
    .measure = measure,
    .tell = tell,
    .finish = finish,
};
