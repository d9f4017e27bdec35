/* SPDX-License-Identifier: Apache-2.0
 * See code_compare.h. */
#include "train/code_compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/coded_run.h"
#include "train/stepper.h"

typedef struct comparison {
  const mn_code_comparison *how;
  mn_stepper *rounded;
  mn_plan *plan; /* of the integers */
  mn_session *integers;
} comparison;

static size_t pixels_of(const mn_code_comparison *how) {
  const mn_shape *input = &how->prepared->values[how->prepared->inputs[0]].shape;
  return (size_t)how->batch * (size_t)how->height * (size_t)how->width * (size_t)input->dim[3];
}

static mn_status run_rounded(comparison *c, mn_error *err) {
  const mn_code_comparison *how = c->how;
  const mn_stepper_options options = {.autodiff = {.batch = how->batch,
                                                   .height = how->height,
                                                   .width = how->width,
                                                   .frozen_norm = true,
                                                   .codes = how->codes,
                                                   .rounded = true,
                                                   .forward_only = true},
                                      .features = how->features,
                                      .keep_all = true};
  mn_status status = mn_stepper_new(&c->rounded, how->prepared, &options, err);
  if (status) return status;
  mn_code_range *ranges = c->rounded->training.ranges;
  memcpy(ranges, how->ranges, (size_t)how->codes->group_count * sizeof *ranges);
  memcpy(mn_stepper_input(c->rounded), how->pixels, pixels_of(how) * sizeof(float));
  mn_stepper_forward(c->rounded);
  return MN_OK;
}

static mn_status run_integers(comparison *c, mn_error *err) {
  const mn_code_comparison *how = c->how;
  const mn_plan_request request = {.batch = how->batch,
                                   .height = how->height,
                                   .width = how->width,
                                   .threads = 1,
                                   .features = how->features,
                                   .keep_all = true};
  mn_status status = mn_plan_build(&c->plan, how->int8, &request, err);
  const mn_session_options with = {.struct_size = sizeof with};
  if (!status) status = mn_session_new(&c->integers, c->plan, &with, err);
  if (status) return status;
  mn_coded_put(c->integers, how->pixels, pixels_of(how));
  return mn_session_run(c->integers, err);
}

/* A value that both have computed. */
typedef struct shared_value {
  const char *name;
  const float *reals; /* [count] */
  int8_t *codes;      /* [count] */
  size_t count;
  const mn_quant *by;
} shared_value;

static int32_t code_of(const shared_value *v, size_t i) {
  return (int32_t)nearbyintf(v->reals[i] / v->by->scale[0]) + v->by->zero[0];
}

/* The output of a step of the integers; false where training does not round it. */
static bool find_value(const comparison *c, int32_t step, shared_value *v) {
  const mn_graph *prepared = c->how->prepared;
  const mn_id there = c->plan->steps[step].out.value;
  v->name = c->plan->graph.values[there].name;
  v->by = &c->plan->graph.values[there].quant;
  const mn_id id = mn_graph_find_value(prepared, v->name);
  if (id == MN_NONE || !(c->how->codes->role[id] & MN_CODES_ROUND)) return false;
  v->codes = mn_session_value(c->integers, there);
  v->reals = mn_session_value(c->rounded->session, c->rounded->training.value_of[id]);
  int32_t count = 0;
  mn_shape_elements(&c->plan->shapes[there], &count);
  v->count = (size_t)count;
  return v->codes && v->reals;
}

static int64_t count_differences(const shared_value *v, int32_t *largest) {
  int64_t differ = 0;
  for (size_t i = 0; i < v->count; i++) {
    const int32_t apart = abs(code_of(v, i) - v->codes[i]);
    differ += apart > 0;
    *largest = apart > *largest ? apart : *largest;
  }
  return differ;
}

/* From the picture to the end, differences of layers before included. */
static void compare_runs(const comparison *c, mn_code_differences *out) {
  shared_value v;
  for (int32_t s = 0; s < c->plan->step_count; s++) {
    if (!find_value(c, s, &v)) continue;
    out->differ += count_differences(&v, &out->largest);
    out->codes += (int64_t)v.count;
  }
}

/* Each layer by itself: what it reads is what training has there. */
static void compare_layers(const comparison *c, mn_code_differences *out) {
  for (int32_t s = 0; s < c->plan->step_count; s++) {
    shared_value v;
    int32_t largest = 0;
    mn_session_run_steps(c->integers, s, s + 1);
    if (!find_value(c, s, &v)) continue;
    const double share = (double)count_differences(&v, &largest) / (double)v.count;
    if (share > out->worst) snprintf(out->layer, sizeof out->layer, "%.63s", v.name);
    out->worst = share > out->worst ? share : out->worst;
    for (size_t i = 0; i < v.count; i++) v.codes[i] = (int8_t)code_of(&v, i);
  }
}

mn_status mn_code_compare(mn_code_differences *out, const mn_code_comparison *how, mn_error *err) {
  comparison c = {.how = how};
  memset(out, 0, sizeof *out);
  mn_status status = run_rounded(&c, err);
  if (!status) status = run_integers(&c, err);
  if (!status) compare_runs(&c, out);
  if (!status) compare_layers(&c, out);
  mn_session_free(c.integers);
  mn_plan_free(c.plan);
  mn_stepper_free(c.rounded);
  return status;
}
