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
  t->anew = !keep;
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
  return mn_objective_classes(&t->objective, err);
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

static mn_status tally_pictures(const mn_training *t, bool floats, mn_class_tally *tally,
                                mn_error *err) {
  mn_graph graph;
  mn_status status = t->options.int8 && !floats ? mn_training_deployed(t, &graph, err)
                                                : mn_trainer_snapshot(t->trainer, &graph, err);
  if (status) return status;
  status = score_graph(t, &graph, tally, err);
  mn_graph_free(&graph);
  return status;
}

static mn_status measure(const mn_training *t, bool floats, mn_held_scores *out, mn_error *err) {
  const size_t classes = (size_t)t->objective->classes;
  mn_class_tally tally = {.classes = t->objective->classes};
  tally.confusion = mn_alloc_zero(classes * classes * sizeof *tally.confusion);
  if (!tally.confusion) return mn_fail_memory(err, classes * classes);
  const mn_status status = tally_pictures(t, floats, &tally, err);
  out->all = tally.pictures ? (double)tally.top1 / (double)tally.pictures : -1;
  for (int32_t c = 0; c < tally.classes; c++) out->classes[c] = mn_class_recall(&tally, c);
  mn_free(tally.confusion);
  return status;
}

/* The class of which the least part was told is named, too. */
static void tell(const mn_training *t, mn_trained_epoch *report) {
  report->eval_top1 = t->now.all;
  report->eval_top1_float = t->floats.all;
  for (int32_t c = 0; c < t->class_count; c++) {
    const double recall = t->now.classes[c];
    if (recall < 0 || (report->worst_recall >= 0 && recall >= report->worst_recall)) continue;
    report->worst_recall = recall;
    report->worst_class = c;
  }
}

const mn_train_task mn_train_classes = {
    .task = MN_TASK_CLASSIFY,
    .make_graph = make_graph,
    .make_objective = make_objective,
    .measure = measure,
    .tell = tell,
};
