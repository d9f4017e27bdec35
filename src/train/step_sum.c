/* SPDX-License-Identifier: Apache-2.0
 * See step_sum.h. */
#include "train/step_sum.h"

#include <string.h>

/* ---- What moves in a forward pass ----------------------------------------------------------- */

/* Running statistics of batch norms, and after them the ranges of codes. */
static int32_t moving_count(const mn_step_sum *s) {
  const mn_training_graph *training = &s->stepper->training;
  return training->running_count + (training->range_count > 0);
}

static mn_running moving(const mn_step_sum *s, int32_t i) {
  const mn_training_graph *training = &s->stepper->training;
  if (i < training->running_count) return training->running[i];
  const size_t count = (size_t)training->range_count * sizeof *training->ranges / sizeof(float);
  return (mn_running){.data = &training->ranges[0].low, .count = count};
}

static bool is_frozen(const mn_step_sum *s, const mn_step_sum_options *o, int32_t i) {
  return i < s->stepper->training.running_count ? o->frozen_norm : o->frozen_ranges;
}

/* ---- What is summed ------------------------------------------------------------------------- */

/* A parameter's gradient, or running statistics, before they are put in the order of steps. */
typedef struct entry {
  mn_summand summand;
  int32_t index; /* of summand_of */
} entry;

static const mn_training_graph *training_of(const mn_step_sum *s) { return &s->stepper->training; }

/* By the step that makes it; few thousands at most, and nearly in reverse order. */
static void insert(entry *entries, int32_t count, entry new) {
  int32_t at = count;
  for (; at > 0 && entries[at - 1].summand.ready > new.summand.ready; at--) {
    entries[at] = entries[at - 1];
  }
  entries[at] = new;
}

static int32_t list_entries(const mn_step_sum *s, const mn_step_sum_options *o, entry *entries) {
  const mn_training_graph *training = training_of(s);
  int32_t count = 0;
  for (int32_t i = 0; i < moving_count(s); i++) {
    const mn_running r = moving(s, i);
    const mn_summand summand = {r.data, r.count, s->stepper->backward};
    if (is_frozen(s, o, i)) continue;
    insert(entries, count++, (entry){summand, training->parameter_count + i});
  }
  for (int32_t i = training->parameter_count; i-- > 0;) {
    const float *gradient = mn_stepper_gradient(s->stepper, i);
    if (!gradient) continue;
    const mn_summand summand = {gradient, training->parameters[i].count,
                                mn_stepper_gradient_step(s->stepper, i)};
    insert(entries, count++, (entry){summand, i});
  }
  return count;
}

static mn_status make_sum(mn_step_sum *s, const mn_step_sum_options *o, mn_error *err) {
  const mn_training_graph *training = training_of(s);
  const size_t most = (size_t)(training->parameter_count + moving_count(s));
  entry *entries = mn_arena_array(&s->arena, most, sizeof *entries);
  mn_summand *summands = mn_arena_array(&s->arena, most, sizeof *summands);
  s->summand_of = mn_arena_array(&s->arena, most, sizeof *s->summand_of);
  if (!entries || !summands || !s->summand_of) return mn_fail_memory(err, most * sizeof *entries);
  for (size_t i = 0; i < most; i++) s->summand_of[i] = -1;
  const int32_t count = list_entries(s, o, entries);
  for (int32_t i = 0; i < count; i++) {
    summands[i] = entries[i].summand;
    s->summand_of[entries[i].index] = i;
  }
  const mn_gradient_sum_options options = {
      .ranks = s->ranks, .batches = s->batches, .threads = o->threads};
  mn_status status = mn_gradient_sum_new(&s->sum, summands, count, &options, err);
  for (int32_t i = 0; i < training->parameter_count && !status; i++) {
    if (s->summand_of[i] >= 0) s->gradients[i] = mn_gradient_sum_of(s->sum, s->summand_of[i]);
  }
  return status;
}

static mn_status reserve(mn_step_sum *s, int32_t all_batches, mn_error *err) {
  const mn_training_graph *training = training_of(s);
  size_t running = 0;
  for (int32_t i = 0; i < moving_count(s); i++) running += moving(s, i).count;
  s->before = mn_arena_array(&s->arena, running, sizeof *s->before);
  s->mine = mn_arena_array(&s->arena, (size_t)s->batches, sizeof *s->mine);
  s->all = mn_arena_array(&s->arena, (size_t)all_batches, sizeof *s->all);
  s->gradients = mn_arena_array(&s->arena, (size_t)training->parameter_count, sizeof *s->gradients);
  if (!s->before || !s->mine || !s->all || !s->gradients) {
    return mn_fail_memory(err, running * sizeof *s->before);
  }
  for (int32_t i = 0; i < training->parameter_count; i++) {
    s->gradients[i] = (float *)(uintptr_t)mn_stepper_gradient(s->stepper, i);
  }
  return MN_OK;
}

mn_status mn_step_sum_open(mn_step_sum *s, mn_stepper *stepper, const mn_step_sum_options *o,
                           mn_error *err) {
  const int32_t ranks = o->ranks ? o->ranks->count : 1;
  *s = (mn_step_sum){.stepper = stepper, .batches = o->batches / ranks, .at_end = o->at_end};
  if (ranks > 1) s->ranks = o->ranks;
  mn_status status = reserve(s, o->batches, err);
  if (!status && o->batches > 1) status = make_sum(s, o, err);
  return status;
}

void mn_step_sum_close(mn_step_sum *s) {
  mn_gradient_sum_free(s->sum);
  mn_arena_free(&s->arena);
}

/* ---- A batch -------------------------------------------------------------------------------- */

typedef enum direction { REMEMBER, PUT_BACK } direction;

static void move_running(const mn_step_sum *s, direction where) {
  float *before = s->before;
  for (int32_t i = 0; i < moving_count(s); i++) {
    const mn_running r = moving(s, i);
    if (where == REMEMBER) {
      memcpy(before, r.data, r.count * sizeof *before);
    } else {
      memcpy(r.data, before, r.count * sizeof *before);
    }
    before += r.count;
  }
}

void mn_step_sum_begin(mn_step_sum *s) {
  if (s->sum) move_running(s, s->taken ? PUT_BACK : REMEMBER);
}

void mn_step_sum_backward(mn_step_sum *s, const mn_batch_numbers *numbers) {
  s->mine[s->taken] = *numbers;
  int32_t from = s->stepper->backward;
  if (s->at_end && numbers->whole > 0) {
    from = s->stepper->plan->step_count;
    mn_stepper_run(s->stepper, s->stepper->backward, from);
  }
  for (int32_t b = 0; s->sum && b < mn_gradient_sum_buckets(s->sum); b++) {
    const int32_t ready = mn_gradient_sum_ready(s->sum, b);
    if (numbers->whole > 0) {
      mn_stepper_run(s->stepper, from, ready);
      mn_gradient_sum_take(s->sum, s->taken, b);
    } else {
      mn_gradient_sum_take_nothing(s->sum, s->taken, b);
    }
    if (from < ready) from = ready;
  }
  if (numbers->whole > 0) mn_stepper_run(s->stepper, from, s->stepper->plan->step_count);
  s->taken++;
}

/* ---- All of them ---------------------------------------------------------------------------- */

static void set_running(const mn_step_sum *s, double batches) {
  const mn_training_graph *training = training_of(s);
  for (int32_t i = 0; i < moving_count(s); i++) {
    const int32_t summand = s->summand_of[training->parameter_count + i];
    const mn_running r = moving(s, i);
    if (summand < 0) continue;
    const float *sum = mn_gradient_sum_of(s->sum, summand);
    for (size_t c = 0; c < r.count; c++) r.data[c] = (float)((double)sum[c] / batches);
  }
}

double mn_step_sum_waited_s(const mn_step_sum *s) {
  return s->sum ? mn_gradient_sum_waited_s(s->sum) : 0;
}

static mn_status gather_numbers(const mn_step_sum *s, mn_error *err) {
  const size_t bytes = (size_t)s->batches * sizeof *s->mine;
  if (!s->ranks) {
    memcpy(s->all, s->mine, bytes);
    return MN_OK;
  }
  if (s->ranks->gather(s->ranks->user, s->mine, s->all, bytes) == 0) return MN_OK;
  return mn_fail(err, MN_ERR_CANCELLED, "ranks", "another process of this run has ended");
}

mn_status mn_step_sum_finish(mn_step_sum *s, mn_batch_numbers *means, mn_error *err) {
  *means = (mn_batch_numbers){0};
  s->taken = 0;
  mn_status status = s->sum ? mn_gradient_sum_finish(s->sum, err) : MN_OK;
  if (!status) status = gather_numbers(s, err);
  if (status) return status;
  const int32_t count = s->batches * (s->ranks ? s->ranks->count : 1);
  for (int32_t i = 0; i < count; i++) {
    means->loss += s->all[i].loss * s->all[i].whole;
    means->right += s->all[i].right * s->all[i].whole;
    means->whole += s->all[i].whole;
  }
  if (means->whole == 0) {
    if (s->sum) move_running(s, PUT_BACK);
    return MN_OK;
  }
  means->loss /= means->whole;
  means->right /= means->whole;
  if (s->sum) set_running(s, means->whole);
  return MN_OK;
}
