/* SPDX-License-Identifier: Apache-2.0
 * See trainer.h. */
#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/threads.h"
#include "train/dropout.h"
#include "train/head.h"
#include "train/weight_average.h"

enum { UPDATE_FLOATS = 1 << 14 }; /* of a slice of the update */

static const mn_parameter *parameter(const mn_trainer *t, int32_t i) {
  return &t->stepper->training.parameters[i];
}

static int32_t parameter_count(const mn_trainer *t) { return t->stepper->training.parameter_count; }

/* ---- Beginning and end -------------------------------------------------------------------- */

static bool make_slots(mn_trainer *t) {
  const int32_t count = parameter_count(t);
  const int slots = mn_optimizer_slots(&t->options.optimizer);
  t->slots = mn_arena_array(&t->arena, (size_t)count * MN_OPTIMIZER_SLOTS, sizeof *t->slots);
  if (!t->slots) return false;
  for (int32_t i = 0; i < count; i++) {
    const size_t size = parameter(t, i)->count;
    for (int s = 0; s < slots; s++) {
      float *slot = mn_arena_array(&t->arena, size, sizeof *slot);
      if (!slot) return false;
      for (size_t k = 0; k < size; k++) slot[k] = mn_optimizer_slot_start(&t->options.optimizer, s);
      t->slots[i * MN_OPTIMIZER_SLOTS + s] = slot;
    }
  }
  return true;
}

static bool make_averages(mn_trainer *t) {
  if (t->options.average <= 0) return true;
  t->averages = mn_arena_array(&t->arena, (size_t)parameter_count(t), sizeof *t->averages);
  for (int32_t i = 0; t->averages && i < parameter_count(t); i++) {
    const mn_parameter *p = parameter(t, i);
    t->averages[i] = mn_arena_copy(&t->arena, p->data, p->count * sizeof(float));
    if (!t->averages[i]) return false;
  }
  return t->averages != NULL;
}

/* Where each parameter's gradient is after a backward pass. */
static bool list_gradients(mn_trainer *t) {
  const size_t most = (size_t)parameter_count(t);
  const float **arrays = mn_arena_array(&t->arena, most, sizeof *arrays);
  size_t *counts = mn_arena_array(&t->arena, most, sizeof *counts);
  t->gradients = (mn_gradients){arrays, counts, 0};
  for (int32_t i = 0; arrays && counts && i < parameter_count(t); i++) {
    const float *gradient = t->sum.gradients[i];
    if (!gradient) continue;
    arrays[t->gradients.array_count] = gradient;
    counts[t->gradients.array_count++] = parameter(t, i)->count;
  }
  return arrays && counts;
}

/* Parameters are in the order of the layers: from the first that a node of the head reads on. */
static void find_head(mn_trainer *t) {
  const mn_graph *model = t->stepper->model;
  const int32_t given = t->options.head;
  const mn_id first = given > 0 ? given - 1 : mn_head_layer(model);
  t->head = parameter_count(t);
  for (mn_id n = first; first != MN_NONE && n < model->node_count; n++) {
    for (int32_t i = 1; i < model->nodes[n].in_count; i++) {
      for (int32_t k = 0; k < t->head; k++) {
        if (parameter(t, k)->model_value == model->nodes[n].in[i]) t->head = k;
      }
    }
  }
}

/* How many depthwise layers, as good as blocks, stand between a parameter and node `head`. */
static int32_t depth_of(const mn_graph *model, mn_id value, mn_id head) {
  int32_t depth = 0;
  for (mn_id n = head; n-- > 0;) {
    for (int32_t i = 0; i < model->nodes[n].in_count; i++) {
      if (model->nodes[n].in[i] == value) return depth;
    }
    depth += model->nodes[n].op == MN_OP_DWCONV2D;
  }
  return depth;
}

static bool make_shares(mn_trainer *t) {
  const mn_trainer_options *o = &t->options;
  const mn_graph *model = t->stepper->model;
  const mn_id head = o->head > 0 ? o->head - 1 : mn_head_layer(model);
  const double decay = o->layer_decay > 0 ? o->layer_decay : 1;
  t->shares = mn_arena_array(&t->arena, (size_t)parameter_count(t), sizeof *t->shares);
  for (int32_t i = 0; t->shares && i < parameter_count(t); i++) {
    t->shares[i] = 1;
    if (i >= t->head) continue;
    t->shares[i] =
        o->backbone_share * pow(decay, depth_of(model, parameter(t, i)->model_value, head));
  }
  return t->shares != NULL;
}

static mn_status open_objective(const mn_trainer *t, mn_error *err) {
  mn_shape shapes[MN_OBJECTIVE_OUTPUTS];
  const mn_graph *graph = &t->stepper->training.graph;
  const int32_t count = t->stepper->model->output_count;
  if (count > MN_OBJECTIVE_OUTPUTS) {
    return mn_fail(err, MN_ERR_SHAPE, "outputs", "there are %d, expected one or two", count);
  }
  for (int32_t i = 0; i < count; i++) shapes[i] = graph->values[graph->outputs[i]].shape;
  return t->options.objective->open(t->options.objective, shapes, count, err);
}

/* Frozen statistics are nobody's batch's. */
static bool is_synced(const mn_trainer *t) {
  const mn_trainer_options *o = &t->options;
  return o->sync_norm && !o->frozen_norm && !t->stage.frozen_norm && o->ranks &&
         o->ranks->count > 1;
}

static mn_status make_stepper(const mn_trainer *t, mn_stepper **out, mn_error *err) {
  const mn_trainer_options *o = &t->options;
  const mn_stepper_options stepper = {
      .autodiff = {.batch = o->batch,
                   .height = o->height,
                   .width = o->width,
                   .norm_momentum = (float)o->norm_momentum,
                   .frozen_norm = o->frozen_norm || t->stage.frozen_norm,
                   .frozen = o->frozen,
                   .dropout = o->dropout > 0 ? mn_head_layer(t->model) + 1 : 0,
                   .codes = o->codes,
                   .range_share = t->stage.range_share,
                   .rounded = t->stage.rounded},
      .sync = is_synced(t) ? o->ranks : NULL,
      .threads = o->threads,
      .features = o->features,
      .bf16 = o->bf16,
  };
  return mn_stepper_new(out, t->model, &stepper, err);
}

static mn_status open_sum(mn_trainer *t, mn_error *err) {
  const mn_trainer_options *o = &t->options;
  const mn_step_sum_options sum = {.ranks = o->ranks,
                                   .batches = o->batches > 0 ? o->batches : 1,
                                   .threads = o->threads,
                                   .frozen_norm = o->frozen_norm || t->stage.frozen_norm,
                                   .at_end = is_synced(t),
                                   .frozen_ranges = t->stage.range_share <= 0};
  return mn_step_sum_open(&t->sum, t->stepper, &sum, err);
}

static mn_status build(mn_trainer *t, mn_error *err) {
  if (t->options.sync_norm && t->options.codes) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, "sync_norm", "not with rounding to codes");
  }
  if (t->options.bf16 && t->options.codes) {
    return mn_fail(err, MN_ERR_ARGUMENT, "precision",
                   "bf16 would round what training for 8 bits has rounded to codes: f32");
  }
  mn_status status = make_stepper(t, &t->stepper, err);
  if (!status) status = open_objective(t, err);
  if (status) return status;
  find_head(t);
  status = open_sum(t, err);
  if (status) return status;
  const bool made = make_shares(t) && make_slots(t) && make_averages(t) && list_gradients(t);
  return made ? MN_OK : mn_fail_memory(err, t->arena.used);
}

mn_status mn_trainer_new(mn_trainer **out, const mn_graph *model, const mn_trainer_options *options,
                         mn_error *err) {
  *out = NULL;
  mn_trainer *t = mn_alloc_zero(sizeof *t);
  if (!t) return mn_fail_memory(err, sizeof *t);
  t->options = *options;
  t->model = model;
  mn_status status = build(t, err);
  if (status) {
    mn_trainer_free(t);
    return status;
  }
  *out = t;
  return MN_OK;
}

void mn_trainer_free(mn_trainer *t) {
  if (!t) return;
  mn_step_sum_close(&t->sum);
  mn_stepper_free(t->stepper);
  mn_arena_free(&t->arena);
  mn_free(t);
}

/* ---- Stages ------------------------------------------------------------------------------- */

static void copy_learned(mn_training_graph *to, const mn_training_graph *from) {
  for (int32_t i = 0; i < from->parameter_count; i++) {
    const mn_parameter *p = &from->parameters[i];
    memcpy(to->parameters[i].data, p->data, p->count * sizeof *p->data);
  }
  for (int32_t i = 0; i < from->running_count; i++) {
    const mn_running *r = &from->running[i];
    memcpy(to->running[i].data, r->data, r->count * sizeof *r->data);
  }
  if (from->range_count == 0) return;
  memcpy(to->ranges, from->ranges, (size_t)from->range_count * sizeof *from->ranges);
}

mn_status mn_trainer_enter(mn_trainer *t, mn_trainer_stage stage, mn_error *err) {
  const mn_trainer_stage before = t->stage;
  if (before.rounded == stage.rounded && before.range_share == stage.range_share &&
      before.frozen_norm == stage.frozen_norm) {
    return MN_OK;
  }
  mn_stepper *old = t->stepper;
  t->stage = stage;
  mn_step_sum_close(&t->sum);
  t->sum = (mn_step_sum){.stepper = NULL};
  mn_status status = make_stepper(t, &t->stepper, err);
  if (!status) {
    copy_learned(&t->stepper->training, &old->training);
    mn_stepper_changed(t->stepper);
    status = open_sum(t, err);
  }
  mn_stepper_free(old);
  if (!status && !list_gradients(t)) status = mn_fail_memory(err, sizeof(float *));
  return status;
}

/* ---- A step ------------------------------------------------------------------------------- */

typedef struct update {
  mn_trainer *trainer;
  double rate;
  float scale;
} update;

static bool decays(const mn_trainer *t, const mn_parameter *p) {
  return t->options.decay_all || !(p->vector || p->depthwise);
}

static void update_range(const update *u, int32_t i, size_t begin, size_t end) {
  mn_trainer *t = u->trainer;
  const mn_parameter *p = parameter(t, i);
  const float *gradient = t->sum.gradients[i];
  const double share = t->shares[i];
  if (!gradient || share <= 0) return;
  const mn_update step = {
      .weights = p->data,
      .gradient = gradient,
      .slots = {t->slots[i * MN_OPTIMIZER_SLOTS], t->slots[i * MN_OPTIMIZER_SLOTS + 1]},
      .rate = u->rate * share,
      .weight_decay = decays(t, p) ? t->options.weight_decay : 0,
      .scale = u->scale,
      .step = t->steps,
  };
  mn_optimizer_update(&t->options.optimizer, &step, begin, end);
  if (!t->averages) return;
  const double decay = t->options.average_warmup ? mn_average_decay(t->options.average, t->steps)
                                                 : t->options.average;
  mn_average_update(t->averages[i], p->data, decay, begin, end);
}

/* Slices [begin, end) of all parameters, each cut into UPDATE_FLOATS. */
static void update_slices(void *context, int worker, size_t begin, size_t end) {
  const update *u = context;
  size_t first = 0; /* slice of parameter i */
  (void)worker;
  for (int32_t i = 0; i < parameter_count(u->trainer) && first < end; i++) {
    const size_t count = parameter(u->trainer, i)->count;
    const size_t slices = (count + UPDATE_FLOATS - 1) / UPDATE_FLOATS;
    for (size_t s = begin > first ? begin - first : 0; s < slices && first + s < end; s++) {
      const size_t from = s * UPDATE_FLOATS;
      update_range(u, i, from, count - from < UPDATE_FLOATS ? count : from + UPDATE_FLOATS);
    }
    first += slices;
  }
}

static void change(mn_trainer *t, double rate, float scale) {
  update u = {t, rate, scale};
  size_t slices = 0;
  for (int32_t i = 0; i < parameter_count(t); i++) {
    slices += (parameter(t, i)->count + UPDATE_FLOATS - 1) / UPDATE_FLOATS;
  }
  const int workers = mn_threads_count(t->options.threads);
  mn_threads_run(t->options.threads, workers, slices, update_slices, &u);
  mn_stepper_changed(t->stepper);
}

static void drop_features(mn_trainer *t) {
  size_t rows, channels;
  float *mask = mn_stepper_dropout(t->stepper, &rows, &channels);
  const mn_dropout how = {.rate = t->options.dropout,
                          .seed = t->options.seed,
                          .step = t->steps,
                          .first = (int64_t)rows * mn_step_sum_batch(&t->sum)};
  if (mask) mn_dropout_mask(&how, rows, channels, mask);
}

static mn_verdict judge(const mn_trainer *t) {
  mn_said said = {.means = {t->options.threads, mn_grad_kernels_select(t->options.features)}};
  for (int32_t i = 0; i < t->stepper->model->output_count; i++) {
    said.outputs[i] = mn_stepper_output(t->stepper, i);
    said.gradients[i] = mn_stepper_output_gradient(t->stepper, i);
  }
  return t->options.objective->judge(t->options.objective, &said);
}

void mn_trainer_batch(mn_trainer *t, bool whole) {
  mn_batch_numbers numbers = {.whole = whole};
  mn_step_sum_begin(&t->sum);
  if (whole) {
    drop_features(t);
    mn_stepper_forward(t->stepper);
    const mn_verdict verdict = judge(t);
    numbers.loss = verdict.loss;
    numbers.right = verdict.right;
  }
  mn_step_sum_backward(&t->sum, &numbers);
}

mn_status mn_trainer_update(mn_trainer *t, double rate, mn_trained_step *done, mn_error *err) {
  mn_batch_numbers means;
  mn_status status = mn_step_sum_finish(&t->sum, &means, err);
  *done = (mn_trained_step){.loss = means.loss, .right = means.right};
  if (status || means.whole == 0) return status;
  const double norm = mn_gradient_norm(&t->gradients, t->options.threads) / means.whole;
  done->gradient_norm = norm;
  if (!isfinite(done->loss) || !isfinite(norm)) {
    return mn_fail(err, MN_ERR_FORMAT, "loss", "it is no number any more after %lld steps",
                   (long long)t->steps);
  }
  t->steps++;
  change(t, rate, (float)((double)mn_clip_scale(norm, t->options.clip) / means.whole));
  return MN_OK;
}

bool mn_trainer_step(mn_trainer *t, double rate, mn_trained_step *done) {
  mn_error err;
  mn_trainer_batch(t, true);
  return mn_trainer_update(t, rate, done, &err) == MN_OK;
}

mn_status mn_trainer_snapshot(const mn_trainer *t, mn_graph *out, mn_error *err) {
  return mn_stepper_snapshot(t->stepper, (const float *const *)t->averages, out, err);
}
