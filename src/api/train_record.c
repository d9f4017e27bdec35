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

static mn_status make_room(mn_training *t, mn_error *err) {
  const size_t bytes = (size_t)t->recipe.epochs * sizeof *t->history;
  if (!t->history) t->history = mn_alloc_zero(bytes);
  return t->history ? MN_OK : mn_fail_memory(err, bytes);
}

mn_status mn_training_remember(mn_training *t, const mn_trained_epoch *epoch, mn_error *err) {
  mn_status status = make_room(t, err);
  if (!status && epoch->epoch <= t->recipe.epochs) t->history[epoch->epoch - 1] = *epoch;
  return status;
}

mn_run_history mn_training_words(const mn_training *t) {
  return (mn_run_history){(int64_t *)t->history, t->history ? t->epoch * EPOCH_WORDS : 0};
}

mn_status mn_training_recall(mn_training *t, const mn_run_history *history, mn_error *err) {
  mn_status status = make_room(t, err);
  if (status || history->count > t->recipe.epochs * EPOCH_WORDS) return status;
  if (history->count) memcpy(t->history, history->words, (size_t)history->count * sizeof(int64_t));
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
