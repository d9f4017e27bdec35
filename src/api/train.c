/* SPDX-License-Identifier: Apache-2.0
 * The public training: data, recipe, trainer and scores put together; what of it is the
 * task's is in train_TASK.c. */
#define _POSIX_C_SOURCE 200809L
#include "mobilenet/train.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/training.h"
#include "base/alloc.h"
#include "base/cpu.h"
#include "base/struct_size.h"
#include "train/checkpoint.h"
#include "train/head.h"
#include "train/ranks.h"

static const uint64_t default_cache = (uint64_t)1 << 30;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- Preparing ----------------------------------------------------------------------------- */

static mn_status read_recipe(mn_training *t, mn_error *err) {
  const mn_train_options *o = &t->options;
  const char *name = o->recipe                 ? o->recipe
                     : o->fine_tune && o->int8 ? "qat"
                     : o->fine_tune            ? "finetune"
                                               : "small-data";
  mn_status status = mn_recipe_find(&t->recipe, name, err);
  if (!status) mn_recipe_adapt(&t->recipe, t->task->task);
  for (int32_t i = 0; i < o->setting_count && !status; i++) {
    const char *setting = o->settings[i], *equals = strchr(setting, '=');
    char key[64];
    if (!equals || (size_t)(equals - setting) >= sizeof key) {
      return mn_fail(err, MN_ERR_ARGUMENT, "settings", "'%s' is not KEY=VALUE", setting);
    }
    memcpy(key, setting, (size_t)(equals - setting));
    key[equals - setting] = 0;
    status = mn_recipe_set(&t->recipe, key, equals + 1, err);
  }
  const int32_t batches = t->recipe.accumulate;
  if (!status) status = mn_ranks_share(o->ranks, &t->recipe, err);
  t->divided = t->recipe.accumulate != batches;
  return status ? status : mn_recipe_check(&t->recipe, err);
}

static int survey_progress(void *user, size_t done, size_t count) {
  const mn_train_options *o = &((const mn_training *)user)->options;
  return o->progress ? o->progress(o->user, "pictures", (int64_t)done, (int64_t)count) : 0;
}

static mn_status open_data(mn_training *t, const char *data, mn_error *err) {
  const mn_parts_options options = {
      .task = t->task->task,
      .fraction = t->options.held_back,
      .seed = t->options.seed,
      .survey = {.threads = t->options.threads, .progress = survey_progress, .user = t},
  };
  mn_status status = mn_parts_open(&t->parts, data, &options, err);
  if (status || !t->divided) return status;
  return mn_notes_add(&t->parts.notes, err,
                      "a step's %d pictures are divided: one process with batch=%d and "
                      "accumulate=%d would train to the same bits",
                      t->recipe.batch * t->recipe.accumulate, t->recipe.batch,
                      t->recipe.accumulate);
}

mn_status mn_training_name_classes(mn_training *t, const char *background, mn_error *err) {
  const int known = mn_dataset_class_count(t->parts.train.set), first = background != NULL;
  const char **names = mn_arena_array(&t->graph.arena, (size_t)(known + first), sizeof *names);
  for (int i = 0; names && i < known + first; i++) {
    char number[16];
    const char *name =
        i < first ? background : mn_dataset_class_name(t->parts.train.set, i - first);
    snprintf(number, sizeof number, "%d", i - first);
    if (!name) name = number;
    names[i] = mn_arena_string(&t->graph.arena, name, strlen(name));
    if (!names[i]) return mn_fail_memory(err, sizeof number);
  }
  if (!names) return mn_fail_memory(err, (size_t)(known + first) * sizeof *names);
  t->graph.contract.labels.names = names;
  t->graph.contract.labels.count = known + first;
  return MN_OK;
}

static mn_status make_graph(mn_training *t, const mn_model *start, mn_error *err) {
  if (!start->graph.has_contract) {
    *err = start->no_contract;
    return start->no_contract.status;
  }
  mn_status status = t->task->make_graph(t, start, err);
  if (status) return status;
  for (int32_t n = 0; n < t->graph.node_count && t->recipe.norm_epsilon > 0; n++) {
    if (t->graph.nodes[n].op != MN_OP_BATCH_NORM) continue;
    t->graph.nodes[n].attr.batch_norm.epsilon = (float)t->recipe.norm_epsilon;
  }
  const mn_shape *input = &t->graph.values[t->graph.inputs[0]].shape;
  t->height = t->options.height ? t->options.height : input->dim[1];
  t->width = t->options.width ? t->options.width : input->dim[2];
  if (t->graph.open_size) t->graph.open_size = false;
  status = mn_head_infer(&t->graph, t->height, t->width, err);
  if (!status) status = mn_training_unfold(t, err);
  if (!status) status = mn_training_prepare_int8(t, err);
  if (!status) status = mn_training_make_scores(t, err);
  return status ? status : t->task->make_objective(t, err);
}

static mn_status make_trainer(mn_training *t, mn_error *err) {
  const mn_recipe *r = &t->recipe;
  const int64_t pictures = (int64_t)r->batch * r->accumulate;
  if (t->parts.train.count < pictures) {
    const int64_t most = t->parts.train.count / r->accumulate;
    return mn_fail(err, MN_ERR_ARGUMENT, "batch",
                   "a step takes %lld pictures and there are %lld to train on: batch=%lld at most",
                   (long long)pictures, (long long)t->parts.train.count,
                   (long long)(most > 0 ? most : 1));
  }
  const mn_trainer_options options = {
      .objective = t->objective,
      .head = t->head,
      .batch = r->batch,
      .batches = r->accumulate,
      .ranks = t->options.ranks,
      .sync_norm = r->sync_norm,
      .height = t->kept ? 0 : t->height,
      .width = t->kept ? 0 : t->width,
      .optimizer = r->optimizer,
      .weight_decay = r->weight_decay,
      .decay_all = r->decay_all,
      .clip = r->clip,
      .average = r->average,
      .average_warmup = r->average_warmup,
      .backbone_share = t->options.fine_tune ? r->backbone_share : 1,
      .layer_decay = t->options.fine_tune ? r->layer_decay : 1,
      .frozen = t->kept ? 0 : t->frozen,
      .dropout = r->dropout,
      .seed = t->options.seed,
      .norm_momentum = r->norm_momentum,
      .frozen_norm = t->options.fine_tune && r->frozen_norm,
      .codes = t->options.int8 ? &t->codes : NULL,
      .threads = t->options.threads,
      .features = t->features,
      .bf16 = r->precision == MN_PRODUCTS_BF16,
  };
  return mn_trainer_new(&t->trainer, t->kept ? &t->last : &t->graph, &options, err);
}

mn_feed_options mn_training_feed(const mn_training *t) {
  return (mn_feed_options){
      .contract = &t->graph.contract,
      .height = t->height,
      .width = t->width,
      .batch = t->recipe.batch,
      .step = t->recipe.accumulate,
      .rank = t->options.ranks ? t->options.ranks->rank : 0,
      .ranks = t->options.ranks ? t->options.ranks->count : 1,
      .classes = t->objective->classes,
      .training = true,
      .drop_last = true,
      .augment = t->recipe.augment,
      .seed = t->options.seed,
      .threads = mn_threads_count(t->options.threads),
      .cache_bytes = t->options.cache_bytes ? t->options.cache_bytes : default_cache,
  };
}

/* Of the memory for pictures, what is one side's: both are read in every epoch. */
static uint64_t cache_share(const mn_training *t, uint64_t bytes, const mn_part *part) {
  const double pictures = (double)(t->parts.train.count + t->parts.held.count);
  return (uint64_t)((double)bytes * ((double)part->count / pictures));
}

static mn_status make_feeds(mn_training *t, mn_error *err) {
  mn_feed_options options = mn_training_feed(t);
  const bool both = t->parts.held.count > 0 && t->task->task == MN_TASK_CLASSIFY;
  const uint64_t cache = options.cache_bytes;
  if (both) options.cache_bytes = cache_share(t, cache, &t->parts.train);
  mn_status status = t->kept ? MN_OK : mn_feed_new(&t->feed, &t->parts.train, &options, err);
  if (status || t->parts.held.count == 0 || !(both || t->options.int8)) return status;
  /* Boxes and masks are scored from the pictures themselves; four are compared in int8. */
  options.cache_bytes = both ? cache_share(t, cache, &t->parts.held) : 0;
  options.batch = MN_SCORED_BATCH;
  options.step = options.ranks = 1;
  options.rank = 0;
  options.classes = 0;
  options.training = options.drop_last = false;
  return mn_feed_new(&t->scored, &t->parts.held, &options, err);
}

/* FNV-1a of what must be the same for a run to go on. */
static void hash(uint64_t *sum, const void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    *sum = (*sum ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
  }
}

static mn_status take_fingerprint(mn_training *t, mn_error *err) {
  uint64_t sum = 0xcbf29ce484222325u;
  mn_status status = mn_parts_fingerprint(&t->parts, &t->data, err);
  if (status) return status;
  mn_json_writer writer = {0};
  mn_recipe_write(&t->recipe, &writer);
  if (!writer.text) return mn_fail_memory(err, 1);
  hash(&sum, writer.text, writer.used);
  mn_json_writer_free(&writer);
  hash(&sum, &t->data, sizeof t->data);
  hash(&sum, &t->frozen, sizeof t->frozen);
  hash(&sum, &t->options.int8, sizeof t->options.int8);
  hash(&sum, &t->options.ignore, sizeof t->options.ignore);
  hash(&sum, &t->height, sizeof t->height);
  hash(&sum, &t->width, sizeof t->width);
  memcpy(&t->fingerprint, &sum, sizeof sum);
  return MN_OK;
}

static int64_t steps_of(const mn_training *t) {
  const int64_t batches = t->kept ? mn_features_batches(t->kept) : mn_feed_batches(t->feed);
  return batches / t->recipe.accumulate;
}

/* What only masks need said. */
static mn_status check_names(const mn_training *t, mn_error *err) {
  if (t->task->task == MN_TASK_SEGMENT || (!t->options.labels && !t->options.ignore)) return MN_OK;
  return mn_fail(err, MN_ERR_ARGUMENT, t->options.labels ? "labels" : "ignore",
                 "it is for masks, but this is no segmenter: the data names its classes");
}

static mn_status prepare(mn_training *t, const mn_model *start, const char *data, mn_error *err) {
  mn_status status = mn_training_find_task(&t->task, start, t->options.head, err);
  if (!status) status = check_names(t, err);
  if (!status) status = mn_cpu_level(NULL, &t->features, err);
  if (!status) status = read_recipe(t, err);
  if (!status) status = open_data(t, data, err);
  if (!status) status = make_graph(t, start, err);
  if (!status) status = mn_training_freeze(t, err);
  if (!status) status = make_trainer(t, err);
  if (!status) status = make_feeds(t, err);
  if (!status) status = take_fingerprint(t, err);
  if (!status) t->schedule = mn_recipe_schedule(&t->recipe, steps_of(t));
  return mn_ranks_agree(t->options.ranks, status, t->fingerprint, err);
}

mn_status mn_training_new(mn_training **out, const mn_model *start, const char *data,
                          const mn_train_options *options, mn_error *err) {
  *out = NULL;
  mn_error_clear(err);
  mn_training *t = mn_alloc_zero(sizeof *t);
  if (!t) return mn_fail_memory(err, sizeof *t);
  mn_options_read(&t->options, sizeof t->options, options);
  mn_graph_init(&t->graph);
  mn_graph_init(&t->backbone);
  mn_graph_init(&t->last);
  mn_status status = prepare(t, start, data, err);
  if (status) {
    mn_training_free(t);
    return status;
  }
  *out = t;
  return MN_OK;
}

void mn_training_free(mn_training *t) {
  if (!t) return;
  mn_feed_free(t->feed);
  mn_feed_free(t->scored);
  mn_trainer_free(t->trainer);
  mn_objective_free(t->objective);
  mn_free(t->words);
  mn_features_free(t->kept);
  mn_features_free(t->kept_held);
  mn_graph_free(&t->backbone);
  mn_graph_free(&t->last);
  mn_graph_free(&t->graph);
  mn_parts_free(&t->parts);
  mn_free(t);
}

const char *mn_training_note(const mn_training *t, int index) {
  const mn_notes *notes = &t->parts.notes;
  return index >= 0 && (size_t)index < notes->count ? notes->list[index] : NULL;
}

int64_t mn_training_pictures(const mn_training *t, int held_back) {
  return held_back ? t->parts.held.count : t->parts.train.count;
}

mn_task mn_training_task(const mn_training *t) { return t->task->task; }

const char *mn_training_class(const mn_training *t, int index, double *recall) {
  const mn_contract *contract = &t->graph.contract;
  const bool known = index >= 0 && index < contract->labels.count;
  const bool told = known && t->task->task == MN_TASK_CLASSIFY;
  if (recall) *recall = told ? t->now.classes[index] : -1;
  return known ? contract->labels.names[index] : NULL;
}

/* Boxes and masks are scored from the pictures themselves, of which none is kept. */
void mn_training_kept(const mn_training *t, mn_kept_pictures *out) {
  mn_feed *const feeds[] = {t->feed, t->feed ? t->scored : NULL};
  const int64_t pictures[] = {t->parts.train.count, t->parts.held.count};
  *out = (mn_kept_pictures){.kept = 0};
  for (int i = 0; i < 2; i++) {
    if (!feeds[i] || (i == 1 && t->task->task != MN_TASK_CLASSIFY)) continue;
    const mn_feed_counts counts = mn_feed_count(feeds[i]);
    out->pictures += pictures[i];
    out->kept += (int64_t)counts.kept_pictures;
    out->bytes += counts.kept_bytes;
    out->full |= counts.full;
  }
}

int32_t mn_training_epochs(const mn_training *t) { return t->recipe.epochs; }

/* ---- An epoch ------------------------------------------------------------------------------ */

static mn_status next_batch(mn_training *t, mn_feed_batch *batch, mn_error *err) {
  float *inputs = mn_trainer_pixels(t->trainer), *targets = mn_trainer_targets(t->trainer);
  if (!t->kept) return mn_feed_next(t->feed, inputs, targets, batch, err);
  mn_features_next(t->kept, inputs, targets, batch);
  return MN_OK;
}

/* This rank's batches of a step. One that lacks pictures, unreadable ones, counts for nothing. */
static mn_status train_batches(mn_training *t, mn_error *err) {
  mn_feed_batch batch;
  mn_status status = MN_OK;
  for (int32_t i = 0; i < t->trainer->sum.batches && !status; i++) {
    status = next_batch(t, &batch, err);
    const bool whole = !status && batch.count == t->recipe.batch;
    if (whole) t->objective->take(t->objective, &batch);
    if (!status) mn_trainer_batch(t->trainer, whole);
  }
  return status;
}

static mn_status train_step(mn_training *t, mn_trained_epoch *report, mn_error *err) {
  mn_trained_step done;
  mn_status status = train_batches(t, err);
  if (status) return status;
  report->rate = mn_schedule_rate(&t->schedule, t->trainer->steps);
  status = mn_trainer_update(t->trainer, report->rate, &done, err);
  if (status == MN_ERR_FORMAT) {
    return mn_fail(err, MN_ERR_FORMAT, "loss",
                   "it is no number any more after %lld steps: a smaller rate (rate=%g) or clip=1 "
                   "may help; the last checkpoint is from before",
                   (long long)t->trainer->steps, t->recipe.rate / 3);
  }
  report->loss += done.loss;
  report->top1 += done.right;
  return status;
}

static mn_status score(mn_training *t, mn_trained_epoch *report, mn_error *err) {
  report->eval_top1 = report->eval_miou = report->eval_map = report->eval_map50 = -1;
  report->eval_top1_float = report->eval_miou_float = report->worst_recall = -1;
  report->eval_map_float = report->eval_map50_float = -1;
  report->codes_differ = report->layer_differs = -1;
  report->drop = NAN;
  if (!mn_ranks_first(t->options.ranks) || t->parts.held.count == 0) return MN_OK;
  const bool int8 = t->options.int8;
  mn_status status = t->task->measure(t, false, &t->now, err);
  if (!status && int8) status = t->task->measure(t, true, &t->floats, err);
  if (!status) t->task->tell(t, report);
  if (!status && int8) status = mn_training_compare_int8(t, report, err);
  if (!status && int8) mn_training_note_drop(t, report);
  return status;
}

mn_status mn_training_epoch(mn_training *t, mn_trained_epoch *report, mn_error *err) {
  mn_error_clear(err);
  memset(report, 0, sizeof *report);
  mn_status status = mn_training_enter_stage(t, err);
  const int64_t steps = steps_of(t), images = (int64_t)t->recipe.batch * t->recipe.accumulate;
  const double begin = now_s(), waited = mn_step_sum_waited_s(&t->trainer->sum);
  if (t->kept) {
    mn_features_seek(t->kept, (uint32_t)t->epoch);
  } else if (!status) {
    status = mn_feed_seek(t->feed, (uint32_t)t->epoch, 0, err);
  }
  for (int64_t s = 0; s < steps && !status; s++) {
    const mn_train_options *o = &t->options;
    if (o->progress && o->progress(o->user, "images", s * images, steps * images)) {
      return mn_fail(err, MN_ERR_CANCELLED, "epoch", "stopped within epoch %d", t->epoch + 1);
    }
    status = train_step(t, report, err);
  }
  if (status) return status;
  report->images_per_s = (double)(steps * images) / (now_s() - begin);
  report->waited_s = mn_step_sum_waited_s(&t->trainer->sum) - waited;
  report->loss /= (double)steps;
  report->top1 /= (double)steps;
  status = score(t, report, err);
  if (status) return status;
  report->epoch = ++t->epoch;
  report->epochs = t->recipe.epochs;
  return mn_training_remember(t, report, err);
}

/* ---- What is kept -------------------------------------------------------------------------- */

mn_status mn_training_save(const mn_training *t, const char *path, mn_error *err) {
  mn_error_clear(err);
  const mn_run_state state = {.epoch = t->epoch,
                              .steps = t->trainer->steps,
                              .seed = (int64_t)t->options.seed,
                              .fingerprint = t->fingerprint};
  const mn_run_history history = mn_training_words(t);
  return mn_checkpoint_save(t->trainer, &state, &history, path, err);
}

static mn_status go_on(mn_training *t, const char *path, mn_error *err) {
  mn_run_state state;
  mn_run_history history = {0};
  mn_status status = mn_checkpoint_load(t->trainer, &state, &history, path, err);
  const bool same =
      !status && state.fingerprint == t->fingerprint && state.seed == (int64_t)t->options.seed;
  if (same) status = mn_training_recall(t, &history, (int32_t)state.epoch, err);
  mn_free(history.words);
  if (status) return status;
  if (!same) {
    return mn_fail(
        err, MN_ERR_FORMAT, path,
        "it is of a run with other pictures, another recipe, size or seed: give the same "
        "ones, or begin anew without it");
  }
  t->epoch = (int32_t)state.epoch;
  return MN_OK;
}

mn_status mn_training_resume(mn_training *t, const char *path, int32_t *epoch, mn_error *err) {
  mn_error_clear(err);
  mn_status status = go_on(t, path, err);
  *epoch = t->epoch;
  return mn_ranks_agree(t->options.ranks, status, t->epoch, err);
}

/* Constants move into the graph's own memory, and the contract with its texts. */
static mn_status own(mn_graph *graph, char **contract, mn_error *err) {
  for (int32_t i = 0; i < graph->value_count; i++) {
    mn_value *value = &graph->values[i];
    if (value->kind != MN_KIND_CONST) continue;
    value->data = mn_arena_copy(&graph->arena, value->data, value->bytes);
    if (!value->data) return mn_fail_memory(err, value->bytes);
  }
  *contract = mn_contract_to_json(&graph->contract, &graph->arena);
  if (!*contract) return mn_fail_memory(err, 1);
  return mn_contract_from_json(&graph->contract, *contract, strlen(*contract), &graph->arena, err);
}

typedef mn_status make_fn(const mn_training *t, mn_graph *out, mn_error *err);

static mn_status make_model(const mn_training *t, make_fn *make, mn_model **out, mn_error *err) {
  *out = NULL;
  mn_error_clear(err);
  mn_model *model = mn_alloc_zero(sizeof *model);
  if (!model) return mn_fail_memory(err, sizeof *model);
  mn_status status = make(t, &model->graph, err);
  if (!status && t->task->finish) status = t->task->finish(&model->graph, err);
  if (!status) status = own(&model->graph, &model->contract_json, err);
  if (!status) status = mn_training_write_card(t, &model->graph, err);
  if (status) {
    mn_model_free(model);
    return status;
  }
  *out = model;
  return MN_OK;
}

mn_status mn_training_model(const mn_training *t, mn_model **out, mn_error *err) {
  return make_model(t, mn_training_deployed, out, err);
}

mn_status mn_training_floats(const mn_training *t, mn_model **out, mn_error *err) {
  return make_model(t, mn_training_snapshot, out, err);
}

const char *mn_recipe_names(int index, const char **purpose) {
  if (purpose) *purpose = mn_recipe_purpose(index);
  return mn_recipe_name(index);
}

mn_status mn_recipe_show(const char *name, char **text, mn_error *err) {
  mn_recipe recipe;
  mn_arena arena = {0};
  *text = NULL;
  mn_status status = mn_recipe_find(&recipe, name, err);
  if (status) return status;
  const char *lines = mn_recipe_text(&recipe, &arena);
  const size_t size = lines ? strlen(lines) + 1 : 0;
  if (lines) *text = mn_alloc(size);
  if (*text) memcpy(*text, lines, size);
  mn_arena_free(&arena);
  return *text ? MN_OK : mn_fail_memory(err, 1);
}

void mn_text_free(char *text) { mn_free(text); }
