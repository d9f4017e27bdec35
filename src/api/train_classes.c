/* SPDX-License-Identifier: Apache-2.0
 * Training for one class a picture. */
#include "api/training.h"
#include "train/head.h"
#include "train/scoring.h"

static mn_status make_graph(mn_training *t, const mn_model *start, mn_error *err) {
  const int32_t classes = mn_dataset_class_count(t->parts.train.set);
  if (classes < 2) {
    return mn_fail(err, MN_ERR_FORMAT, "classes", "the data has %d, expected two or more", classes);
  }
  mn_status status =
      mn_head_replace(&t->graph, &start->graph, classes, t->options.seed, false, err);
  if (status) return status;
  mn_contract *contract = &t->graph.contract;
  contract->task = MN_TASK_CLASSIFY;
  contract->score = MN_SCORE_SOFTMAX;
  contract->labels.background = -1;
  if (!t->options.fine_tune && t->recipe.augment.crop == MN_CROP_PADDED) {
    contract->input.fit = MN_FIT_STRETCH; /* of pictures made for it: no border is cut off */
  }
  contract->assumed = 0;
  return mn_training_name_classes(t, NULL, err);
}

static mn_status make_objective(mn_training *t, mn_error *err) {
  return mn_objective_classes(&t->objective, err);
}

static mn_status score(const mn_training *t, mn_trained_epoch *report, mn_error *err) {
  mn_graph graph;
  if (!t->scored) return MN_OK;
  mn_status status = mn_trainer_snapshot(t->trainer, &graph, err);
  if (status) return status;
  const mn_scoring scoring = {.graph = &graph,
                              .feed = t->scored,
                              .part = &t->parts.held,
                              .batch = MN_SCORED_BATCH,
                              .height = t->height,
                              .width = t->width,
                              .threads = t->options.threads,
                              .features = t->features};
  mn_class_tally tally = {.classes = t->objective->classes};
  status = t->kept_held ? mn_features_score(t->kept_held, &graph, &tally, err)
                        : mn_scoring_run(&scoring, &tally, err);
  if (!status && tally.pictures) report->eval_top1 = (double)tally.top1 / (double)tally.pictures;
  mn_graph_free(&graph);
  return status;
}

const mn_train_task mn_train_classes = {
    .task = MN_TASK_CLASSIFY,
    .make_graph = make_graph,
    .make_objective = make_objective,
    .score = score,
};
