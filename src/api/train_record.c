/* SPDX-License-Identifier: Apache-2.0
 * What a training says of itself: its epochs so far, which go on through a checkpoint; how it was
 * made, which stands in the model file; and what the model says of each picture held back. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/training.h"
#include "base/alloc.h"

enum { EPOCH_WORDS = sizeof(mn_trained_epoch) / sizeof(int64_t) };
_Static_assert(sizeof(mn_trained_epoch) % sizeof(int64_t) == 0, "an epoch is kept as words");

/* ---- Epochs --------------------------------------------------------------------------------- */

/* Scores before rounding come first. */
static int32_t words_before(const mn_training *t) {
  return t->options.int8 ? 2 + t->class_count : 0;
}

static mn_status make_room(mn_training *t, mn_error *err) {
  const size_t before = (size_t)words_before(t) * sizeof *t->words;
  const size_t bytes = before + (size_t)t->recipe.epochs * sizeof *t->history;
  if (!t->words) t->words = mn_alloc_zero(bytes);
  if (!t->words) return mn_fail_memory(err, bytes);
  t->history = (mn_trained_epoch *)(void *)(t->words + words_before(t));
  return MN_OK;
}

static void keep_before(const mn_training *t) {
  if (!t->options.int8) return;
  memcpy(&t->words[0], &t->before.all, sizeof t->before.all);
  memcpy(&t->words[1], &t->before.map, sizeof t->before.map);
  memcpy(&t->words[2], t->before.classes, (size_t)t->class_count * sizeof *t->before.classes);
}

static void take_before(mn_training *t) {
  if (!t->options.int8) return;
  memcpy(&t->before.all, &t->words[0], sizeof t->before.all);
  memcpy(&t->before.map, &t->words[1], sizeof t->before.map);
  memcpy(t->before.classes, &t->words[2], (size_t)t->class_count * sizeof *t->before.classes);
}

mn_status mn_training_remember(mn_training *t, const mn_trained_epoch *epoch, mn_error *err) {
  mn_status status = make_room(t, err);
  if (!status && epoch->epoch <= t->recipe.epochs) t->history[epoch->epoch - 1] = *epoch;
  return status;
}

mn_run_history mn_training_words(const mn_training *t) {
  if (!t->words) return (mn_run_history){NULL, 0};
  keep_before(t);
  return (mn_run_history){t->words, words_before(t) + t->epoch * EPOCH_WORDS};
}

mn_status mn_training_recall(mn_training *t, const mn_run_history *history, int32_t epochs,
                             mn_error *err) {
  mn_status status = make_room(t, err);
  if (status || epochs == 0) return status;
  if (epochs > t->recipe.epochs || history->count != words_before(t) + epochs * EPOCH_WORDS) {
    return mn_fail(err, MN_ERR_FORMAT, "epochs",
                   "the run was kept by another version of mobilenet: begin anew without it");
  }
  memcpy(t->words, history->words, (size_t)history->count * sizeof(int64_t));
  take_before(t);
  return MN_OK;
}

int32_t mn_training_history(const mn_training *t, const mn_trained_epoch **epochs) {
  *epochs = t->history;
  return t->history ? t->epoch : 0;
}

/* ---- The card in the model file -- */

static void write_number(mn_json_writer *w, const char *key, int64_t number) {
  mn_json_key(w, key);
  mn_json_int(w, number);
}

static void write_card(const mn_training *t, mn_json_writer *w) {
  char data[20];
  snprintf(data, sizeof data, "%016llx", (unsigned long long)t->data);
  mn_json_begin(w, '{');
  mn_json_key(w, "data");
  mn_json_string(w, data, strlen(data));
  write_number(w, "epochs_done", t->epoch);
  write_number(w, "frozen_nodes", t->frozen);
  write_number(w, "height", t->height);
  write_number(w, "pictures", t->parts.train.count);
  write_number(w, "pictures_held_back", t->parts.held.count);
  mn_json_key(w, "recipe");
  mn_recipe_write(&t->recipe, w);
  write_number(w, "seed", (int64_t)t->options.seed);
  mn_json_key(w, "version");
  mn_json_string(w, MN_VERSION, strlen(MN_VERSION));
  write_number(w, "width", t->width);
  mn_json_end(w, '}');
}

mn_status mn_training_write_card(const mn_training *t, mn_graph *graph, mn_error *err) {
  mn_json_writer writer = {0};
  write_card(t, &writer);
  graph->training = writer.failed ? NULL : mn_arena_string(&graph->arena, writer.text, writer.used);
  mn_json_writer_free(&writer);
  return graph->training ? MN_OK : mn_fail_memory(err, 1);
}

mn_status mn_training_recipe(const mn_training *t, char **text, mn_error *err) {
  mn_arena arena = {0};
  const char *lines = mn_recipe_text(&t->recipe, &arena);
  const size_t size = lines ? strlen(lines) + 1 : 0;
  *text = lines ? mn_alloc(size) : NULL;
  if (*text) memcpy(*text, lines, size);
  mn_arena_free(&arena);
  return *text ? MN_OK : mn_fail_memory(err, 1);
}

/* ---- Pictures held back ---------------------------------------------------------------------- */

typedef struct judging {
  const mn_training *training;
  mn_judged_picture *judged;
} judging;

static mn_status judge_picture(void *user, const mn_session *session, const mn_held_picture *held,
                               mn_error *err) {
  const judging *j = user;
  const mn_part *part = &j->training->parts.held;
  mn_judged_picture *to = &j->judged[held->index];
  const int32_t classes = j->training->objective->classes;
  mn_class best[1], list[1024];
  int count = classes < 1024 ? classes : 1024;
  mn_status status = mn_session_top(session, 0, count, list, &count, err);
  if (status) return status;
  best[0] = list[0];
  to->path = mn_dataset_path(part->set, part->items[held->index]);
  to->truth = mn_dataset_class(part->set, part->items[held->index]);
  to->answer = best[0].index;
  to->score = best[0].score;
  to->truth_score = 0;
  for (int i = 0; i < count; i++) {
    if (list[i].index == to->truth) to->truth_score = list[i].score;
  }
  return MN_OK;
}

mn_status mn_training_judge(const mn_training *t, mn_judged_picture *judged, mn_error *err) {
  judging j = {t, judged};
  mn_error_clear(err);
  if (t->task->task != MN_TASK_CLASSIFY) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, "judge", "only a classifier's pictures are judged");
  }
  return mn_training_run_held(t, false, judge_picture, &j, err);
}

mn_status mn_training_read_held(const mn_training *t, int64_t index,
                                const mn_picture_options *options, mn_picture **out,
                                mn_error *err) {
  const mn_part *part = &t->parts.held;
  mn_error_clear(err);
  if (index < 0 || index >= part->count) {
    return mn_fail(err, MN_ERR_ARGUMENT, "index", "%lld, but %lld are held back", (long long)index,
                   (long long)part->count);
  }
  return mn_dataset_read_picture(part->set, part->items[index], options, out, err);
}
