/* SPDX-License-Identifier: Apache-2.0
 * Training for one class a picture. */
#include <string.h>

#include "api/training.h"
#include "base/alloc.h"
#include "train/head.h"
#include "train/scoring.h"

/* A model of the very classes that the data has: its last layer knows them already. */
static bool knows_classes(const mn_training *t, const mn_model *start) {
  const mn_contract *contract = &start->graph.contract;
  const mn_dataset *set = t->parts.train.set;
  const int32_t classes = mn_dataset_class_count(set);
  if (!t->options.fine_tune || contract->labels.count != classes) return false;
  for (int32_t c = 0; c < classes; c++) {
    const char *name = mn_dataset_class_name(set, c);
    if (!name || strcmp(name, contract->labels.names[c]) != 0) return false;
  }
  return true;
}

static mn_status make_graph(mn_training *t, const mn_model *start, mn_error *err) {
  const int32_t classes = mn_dataset_class_count(t->parts.train.set);
  if (classes < 2) {
    return mn_fail(err, MN_ERR_FORMAT, "classes", "the data has %d, expected two or more", classes);
  }
  const bool keep = knows_classes(t, start);
  mn_status status = mn_head_replace(&t->graph, &start->graph, classes, t->options.seed, keep, err);
  if (status) return status;
  mn_contract *contract = &t->graph.contract;
  contract->task = MN_TASK_CLASSIFY;
  contract->score = MN_SCORE_SOFTMAX;
  contract->labels.background = -1;
  if (!t->options.fine_tune && t->recipe.augment.crop == MN_CROP_PADDED) {
    contract->input.fit = MN_FIT_STRETCH; /* of pictures made for it: no border is cut off */
  }
  if (t->recipe.seen > 0) contract->input.crop_fraction = t->recipe.seen;
  contract->assumed = 0;
  return mn_training_name_classes(t, NULL, err);
}

static mn_status make_objective(mn_training *t, mn_error *err) {
  const size_t classes = (size_t)mn_dataset_class_count(t->parts.train.set);
  t->recall = mn_arena_array(&t->graph.arena, classes, sizeof *t->recall);
  if (!t->recall) return mn_fail_memory(err, classes * sizeof *t->recall);
  for (size_t c = 0; c < classes; c++) t->recall[c] = -1;
  return mn_objective_classes(&t->objective, err);
}

/* Every class's part that was told, and the least of these. */
static void note_recall(const mn_training *t, const mn_class_tally *tally,
                        mn_trained_epoch *report) {
  for (int32_t c = 0; c < tally->classes; c++) {
    t->recall[c] = mn_class_recall(tally, c);
    if (t->recall[c] < 0) continue;
    if (report->worst_recall >= 0 && t->recall[c] >= report->worst_recall) continue;
    report->worst_recall = t->recall[c];
    report->worst_class = c;
  }
}

static mn_status score_graph(const mn_training *t, const mn_graph *graph, mn_class_tally *tally,
                             mn_error *err) {
  const mn_scoring scoring = {.graph = graph,
                              .feed = t->scored,
                              .part = &t->parts.held,
                              .batch = MN_SCORED_BATCH,
                              .height = t->height,
                              .width = t->width,
                              .threads = t->options.threads,
                              .features = t->features};
  return t->kept_held ? mn_features_score(t->kept_held, graph, tally, err)
                      : mn_scoring_run(&scoring, tally, err);
}

static double share(const mn_class_tally *tally) {
  return tally->pictures ? (double)tally->top1 / (double)tally->pictures : -1;
}

static mn_status score_floats(const mn_training *t, mn_trained_epoch *report, mn_error *err) {
  mn_graph graph;
  mn_class_tally tally = {.classes = t->objective->classes};
  mn_status status = mn_trainer_snapshot(t->trainer, &graph, err);
  if (status) return status;
  status = score_graph(t, &graph, &tally, err);
  report->eval_top1_float = share(&tally);
  mn_graph_free(&graph);
  return status;
}

static mn_status score_deployed(const mn_training *t, mn_class_tally *tally,
                                mn_trained_epoch *report, mn_error *err) {
  mn_graph graph;
  mn_status status = t->options.int8 ? mn_training_deployed(t, &graph, err)
                                     : mn_trainer_snapshot(t->trainer, &graph, err);
  if (status) return status;
  status = score_graph(t, &graph, tally, err);
  report->eval_top1 = share(tally);
  mn_graph_free(&graph);
  return status;
}

static mn_status score(const mn_training *t, mn_trained_epoch *report, mn_error *err) {
  if (!t->scored) return MN_OK;
  const size_t classes = (size_t)t->objective->classes;
  mn_class_tally tally = {.classes = t->objective->classes};
  tally.confusion = mn_alloc_zero(classes * classes * sizeof *tally.confusion);
  if (!tally.confusion) return mn_fail_memory(err, classes * classes);
  mn_status status = score_deployed(t, &tally, report, err);
  if (!status) note_recall(t, &tally, report);
  if (!status && t->options.int8) status = mn_training_compare_int8(t, report, err);
  if (!status && t->options.int8) status = score_floats(t, report, err);
  mn_free(tally.confusion);
  return status;
}

const mn_train_task mn_train_classes = {
    .task = MN_TASK_CLASSIFY,
    .make_graph = make_graph,
    .make_objective = make_objective,
    .score = score,
};
