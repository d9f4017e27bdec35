/* SPDX-License-Identifier: Apache-2.0
 * See checkpoint.h. */
#include "train/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "format/format.h"

#define STATE_NAME "train/state"
#define RANGES_NAME "train/ranges"
#define HISTORY_NAME "train/history"
enum { STATE_NUMBERS = sizeof(mn_run_state) / sizeof(int64_t), NAME_BYTES = 256 };

/* What a checkpoint has of a parameter besides the weights: slots, then the average. */
static int kinds(const mn_trainer *t) {
  return mn_optimizer_slots(&t->options.optimizer) + (t->averages != NULL);
}

static float *array_of(const mn_trainer *t, int32_t parameter, int kind) {
  const int slots = mn_optimizer_slots(&t->options.optimizer);
  if (kind < slots) return t->slots[parameter * MN_OPTIMIZER_SLOTS + kind];
  return t->averages[parameter];
}

static void name_array(const mn_trainer *t, int32_t parameter, int kind, char *name) {
  const mn_parameter *p = &t->stepper->training.parameters[parameter];
  const char *of = t->stepper->model->values[p->model_value].name;
  if (kind < mn_optimizer_slots(&t->options.optimizer)) {
    snprintf(name, NAME_BYTES, "train/slot%d/%.200s", kind, of);
  } else {
    snprintf(name, NAME_BYTES, "train/average/%.200s", of);
  }
}

/* ---- Saving ------------------------------------------------------------------------------- */

static mn_status add_arrays(const mn_trainer *t, const mn_run_state *state,
                            const mn_run_history *history, mn_graph *graph, mn_error *err) {
  const mn_shape numbers = {1, {STATE_NUMBERS}}, words = {1, {history->count}};
  char name[NAME_BYTES];
  mn_id id = mn_graph_add_const(graph, STATE_NAME, MN_I64, &numbers, state);
  if (id != MN_NONE && history->count > 0) {
    id = mn_graph_add_const(graph, HISTORY_NAME, MN_I64, &words, history->words);
  }
  for (int32_t i = 0; i < t->stepper->training.parameter_count && id != MN_NONE; i++) {
    const mn_parameter *p = &t->stepper->training.parameters[i];
    const mn_shape shape = t->stepper->model->values[p->model_value].shape;
    for (int k = 0; k < kinds(t) && id != MN_NONE; k++) {
      name_array(t, i, k, name);
      id = mn_graph_add_const(graph, name, MN_F32, &shape, array_of(t, i, k));
    }
  }
  const mn_training_graph *training = &t->stepper->training;
  const mn_shape ranges = {2, {training->range_count, 2}};
  if (id != MN_NONE && training->range_count > 0) {
    id = mn_graph_add_const(graph, RANGES_NAME, MN_F32, &ranges, training->ranges);
  }
  return id == MN_NONE ? mn_fail_memory(err, sizeof(mn_value)) : MN_OK;
}

mn_status mn_checkpoint_save(const mn_trainer *t, const mn_run_state *state,
                             const mn_run_history *history, const char *path, mn_error *err) {
  mn_graph graph;
  uint8_t *bytes = NULL;
  size_t size = 0;
  mn_status status = mn_stepper_snapshot(t->stepper, NULL, &graph, err);
  if (status) return status;
  status = add_arrays(t, state, history, &graph, err);
  if (!status) status = mn_safetensors_save(&graph, &bytes, &size, err);
  if (!status) status = mn_file_write(path, bytes, size, err);
  mn_free(bytes);
  mn_graph_free(&graph);
  return status;
}

/* ---- Loading ------------------------------------------------------------------------------ */

/* The file's tensor of this name and size, or NULL after saying why. */
static const void *find(const mn_graph *graph, const char *name, mn_type type, size_t bytes,
                        mn_error *err) {
  const mn_id id = mn_graph_find_value(graph, name);
  const mn_value *value = id == MN_NONE ? NULL : &graph->values[id];
  if (value && value->data && value->type == type && value->bytes == bytes) return value->data;
  mn_fail(err, MN_ERR_FORMAT, NULL,
          "%s %s: it is of a run of another network, or with other options: give the same ones, or "
          "begin anew without it",
          name, value ? "has another size in it" : "is not in it");
  return NULL;
}

/* Finds all of a trainer's arrays, and with `put` copies them. */
static bool visit(mn_trainer *t, const mn_graph *graph, bool put, mn_error *err) {
  char name[NAME_BYTES];
  const mn_training_graph *training = &t->stepper->training;
  for (int32_t i = 0; i < training->parameter_count; i++) {
    const mn_parameter *p = &training->parameters[i];
    const size_t bytes = p->count * sizeof(float);
    for (int k = -1; k < kinds(t); k++) {
      if (k >= 0) name_array(t, i, k, name);
      const char *wanted = k < 0 ? t->stepper->model->values[p->model_value].name : name;
      const void *data = find(graph, wanted, MN_F32, bytes, err);
      if (!data) return false;
      if (put) memcpy(k < 0 ? p->data : array_of(t, i, k), data, bytes);
    }
  }
  for (int32_t i = 0; i < training->running_count; i++) {
    const mn_running *r = &training->running[i];
    const char *wanted = t->stepper->model->values[r->model_value].name;
    const void *data = find(graph, wanted, MN_F32, r->count * sizeof(float), err);
    if (!data) return false;
    if (put) memcpy(r->data, data, r->count * sizeof(float));
  }
  const size_t ranges = (size_t)training->range_count * sizeof *training->ranges;
  if (ranges > 0) {
    const void *data = find(graph, RANGES_NAME, MN_F32, ranges, err);
    if (!data) return false;
    if (put) memcpy(training->ranges, data, ranges);
  }
  return true;
}

/* "ant, bee, cat", cut where there is no more room. */
static void list_classes(const mn_graph *graph, char *text, size_t size) {
  size_t used = 0;
  text[0] = 0;
  for (int32_t i = 0; i < graph->contract.labels.count && used < size; i++) {
    const char *name = graph->contract.labels.names[i];
    used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", name);
  }
}

/* A checkpoint of other classes has other tensors too; this says it in the user's words. */
static mn_status check_classes(const mn_trainer *t, const mn_graph *graph, mn_error *err) {
  char theirs[200], ours[200];
  list_classes(graph, theirs, sizeof theirs);
  list_classes(t->stepper->model, ours, sizeof ours);
  if (strcmp(theirs, ours) == 0) return MN_OK;
  return mn_fail(err, MN_ERR_FORMAT, "classes",
                 "the checkpoint's are %s, the data's are %s: give the data that it began with",
                 theirs, ours);
}

static mn_status find_history(mn_run_history *history, const mn_graph *graph, mn_error *err) {
  const mn_id id = mn_graph_find_value(graph, HISTORY_NAME);
  *history = (mn_run_history){0};
  if (id == MN_NONE || !graph->values[id].data || graph->values[id].type != MN_I64) return MN_OK;
  const size_t bytes = graph->values[id].bytes;
  history->words = mn_alloc(bytes);
  if (!history->words) return mn_fail_memory(err, bytes);
  memcpy(history->words, graph->values[id].data, bytes);
  history->count = (int32_t)(bytes / sizeof *history->words);
  return MN_OK;
}

static mn_status load(mn_trainer *t, mn_run_state *state, const mn_graph *graph, mn_error *err) {
  if (check_classes(t, graph, err)) return MN_ERR_FORMAT;
  const void *numbers = find(graph, STATE_NAME, MN_I64, sizeof *state, err);
  if (!numbers || !visit(t, graph, false, err)) return MN_ERR_FORMAT;
  memcpy(state, numbers, sizeof *state);
  t->steps = state->steps;
  visit(t, graph, true, err);
  mn_stepper_changed(t->stepper);
  return MN_OK;
}

mn_status mn_checkpoint_load(mn_trainer *t, mn_run_state *state, mn_run_history *history,
                             const char *path, mn_error *err) {
  mn_file file = {0};
  mn_graph graph;
  mn_contract_facts facts;
  mn_status status = mn_file_map(&file, path, err);
  if (status) return status;
  mn_graph_init(&graph);
  const mn_load_request request = {.bytes = file.bytes, .size = file.size, .name = path};
  status = mn_format_load(&graph, &request, &facts, err);
  if (!status) status = mn_graph_verify(&graph, err);
  if (!status) status = find_history(history, &graph, err);
  if (!status) {
    status = load(t, state, &graph, err);
    if (status) mn_error_at(err, status, path);
  }
  mn_graph_free(&graph);
  mn_file_close(&file);
  return status;
}
