/* SPDX-License-Identifier: Apache-2.0
 * How much an int8 network falls below floats: of all pictures held back, and of each class. Floats
 * are those that rounding began with, where these had been trained; else the same weights as floats
 * (docs/training.md). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/training.h"
#include "train/ranks.h"

/* The background of boxes is no class of its own. */
static int32_t first_class(const mn_training *t) {
  return t->graph.contract.labels.background == 0;
}

static bool make_scores(mn_training *t, mn_held_scores *scores) {
  const size_t count = (size_t)t->class_count;
  *scores = (mn_held_scores){.all = -1, .map = -1};
  scores->classes = mn_arena_array(&t->graph.arena, count, sizeof *scores->classes);
  for (size_t c = 0; scores->classes && c < count; c++) scores->classes[c] = -1;
  return scores->classes != NULL;
}

mn_status mn_training_make_scores(mn_training *t, mn_error *err) {
  t->class_count = t->graph.contract.labels.count - first_class(t);
  if (make_scores(t, &t->now) && make_scores(t, &t->floats) && make_scores(t, &t->before)) {
    return MN_OK;
  }
  return mn_fail_memory(err, (size_t)t->class_count * sizeof(double));
}

mn_status mn_training_begin_rounding(mn_training *t, mn_error *err) {
  const bool trained = t->epoch > 0 || !t->anew;
  if (!trained || t->parts.held.count == 0 || !mn_ranks_first(t->options.ranks)) return MN_OK;
  return t->task->measure(t, true, &t->before, err);
}

void mn_training_note_drop(const mn_training *t, mn_trained_epoch *report) {
  const mn_held_scores *floats = t->before.all >= 0 ? &t->before : &t->floats;
  const mn_contract *contract = &t->graph.contract;
  report->drop = floats->all - t->now.all;
  for (int32_t c = 0; c < t->class_count; c++) {
    const double drop = floats->classes[c] - t->now.classes[c];
    if (floats->classes[c] < 0 || t->now.classes[c] < 0 || drop <= report->drop) continue;
    report->drop = drop;
    snprintf(report->drop_class, sizeof report->drop_class, "%s",
             contract->labels.names[c + first_class(t)]);
  }
}
