/* SPDX-License-Identifier: Apache-2.0
 * See stepper.h. */
#include "train/stepper.h"

#include "base/alloc.h"
#include "base/threads.h"
#include "train/code_weights.h"
#include "train/fuse.h"
#include "train/sync_norm.h"
#include "train/train_ops.h"

/* The first step of a node from `first_node` on. */
static int32_t step_of(const mn_plan *plan, int32_t first_node) {
  int32_t i = 0;
  while (i < plan->step_count && plan->steps[i].node - plan->graph.nodes < first_node) i++;
  return i;
}

/* ---- Weights that the graph reads as codes --------------------------------------------------- */

static bool is_rounded(const mn_parameter *p) { return p->seen != p->data; }

static size_t channels_of(const mn_stepper *s, const mn_parameter *p) {
  if (!is_rounded(p)) return 0;
  return mn_weight_channels(p->layer, &s->training.graph.values[p->value].shape);
}

/* Channels [begin, end) of all rounded parameters, one after the other. */
static void round_channels(void *context, int worker, size_t begin, size_t end) {
  const mn_stepper *s = context;
  size_t first = 0; /* channel of parameter i */
  (void)worker;
  for (int32_t i = 0; i < s->training.parameter_count && first < end; i++) {
    const mn_parameter *p = &s->training.parameters[i];
    const mn_shape *shape = &s->training.graph.values[p->value].shape;
    const size_t channels = channels_of(s, p);
    for (size_t c = begin > first ? begin - first : 0; c < channels && first + c < end; c++) {
      const mn_weight_channel at = mn_weight_channel_of(p->layer, shape, c);
      const float scale = mn_weight_scale(p->data, at, s->kernels);
      mn_weight_round(p->data, p->seen, at, scale, s->kernels);
    }
    first += channels;
  }
}

static void round_weights(mn_stepper *s) {
  size_t channels = 0;
  for (int32_t i = 0; i < s->training.parameter_count; i++) {
    channels += channels_of(s, &s->training.parameters[i]);
  }
  if (channels == 0) return;
  mn_threads_run(s->threads, mn_threads_count(s->threads), channels, round_channels, s);
}

/* ---- Beginning and end ----------------------------------------------------------------------- */

static mn_status build(mn_stepper *s, const mn_stepper_options *options, mn_error *err) {
  mn_status status = mn_autodiff(&s->training, s->model, &options->autodiff, err);
  if (!status) status = mn_fuse(&s->training, err);
  if (!status && options->sync) status = mn_sync_norms(&s->training, options->sync, err);
  if (status) return status;
  s->threads = options->threads;
  s->kernels = mn_grad_kernels_select(options->features);
  round_weights(s);
  const mn_plan_request request = {
      .threads = mn_threads_count(options->threads),
      .features = options->features,
      .precision = options->bf16 ? MN_BF16 : MN_F32,
      .goal = MN_PLAN_LAYERS, /* whole maps: the backward pass reads them */
      .keep_all = options->keep_all,
      .impl_of = mn_train_impl_of,
  };
  status = mn_plan_build(&s->plan, &s->training.graph, &request, err);
  if (status) return status;
  s->backward = step_of(s->plan, s->training.forward_nodes);
  const mn_session_options with = {.struct_size = sizeof with, .threads = options->threads};
  return mn_session_new(&s->session, s->plan, &with, err);
}

mn_status mn_stepper_new(mn_stepper **out, const mn_graph *model, const mn_stepper_options *options,
                         mn_error *err) {
  *out = NULL;
  mn_stepper *s = mn_alloc_zero(sizeof *s);
  if (!s) return mn_fail_memory(err, sizeof *s);
  s->model = model;
  mn_graph_init(&s->training.graph);
  mn_status status = build(s, options, err);
  if (status) {
    mn_stepper_free(s);
    return status;
  }
  *out = s;
  return MN_OK;
}

void mn_stepper_free(mn_stepper *s) {
  if (!s) return;
  mn_session_free(s->session);
  mn_plan_free(s->plan);
  mn_training_graph_free(&s->training);
  mn_free(s);
}

float *mn_stepper_input(const mn_stepper *s) { return mn_session_input(s->session, 0); }

const float *mn_stepper_output(const mn_stepper *s, int32_t index) {
  return mn_session_output(s->session, index);
}

float *mn_stepper_output_gradient(const mn_stepper *s, int32_t index) {
  return mn_session_input(s->session, s->model->input_count + index);
}

const float *mn_stepper_gradient(const mn_stepper *s, int32_t index) {
  const mn_id gradient = s->training.parameters[index].gradient;
  return gradient == MN_NONE ? NULL : mn_session_value(s->session, gradient);
}

float *mn_stepper_dropout(const mn_stepper *s, size_t *rows, size_t *channels) {
  const mn_graph *graph = &s->training.graph;
  const int32_t index = s->model->input_count + s->model->output_count;
  if (index >= graph->input_count) return NULL;
  const mn_shape *shape = &graph->values[graph->inputs[index]].shape;
  int32_t count = 0;
  mn_shape_elements(shape, &count);
  *channels = (size_t)shape->dim[shape->rank - 1];
  *rows = (size_t)count / *channels;
  return mn_session_input(s->session, index);
}

void mn_stepper_forward(mn_stepper *s) { mn_session_run_steps(s->session, 0, s->backward); }

void mn_stepper_backward(mn_stepper *s) {
  mn_session_run_steps(s->session, s->backward, s->plan->step_count);
}

void mn_stepper_run(mn_stepper *s, int32_t first, int32_t end) {
  if (first < end) mn_session_run_steps(s->session, first, end);
}

int32_t mn_stepper_gradient_step(const mn_stepper *s, int32_t index) {
  const mn_graph *graph = &s->training.graph;
  const mn_id gradient = s->training.parameters[index].gradient;
  for (int32_t n = s->training.forward_nodes; n < graph->node_count; n++) {
    for (int32_t i = 0; i < graph->nodes[n].out_count; i++) {
      if (graph->nodes[n].out[i] == gradient) return step_of(s->plan, n + 1);
    }
  }
  return s->plan->step_count;
}

void mn_stepper_changed(mn_stepper *s) {
  round_weights(s);
  mn_plan_repack(s->plan, s->threads);
}

static mn_status put(mn_graph *graph, mn_id id, const float *data, size_t count, mn_error *err) {
  const float *copy = mn_arena_copy(&graph->arena, data, count * sizeof *data);
  if (!copy) return mn_fail_memory(err, count * sizeof *data);
  graph->values[id].data = copy;
  return MN_OK;
}

mn_status mn_stepper_snapshot(const mn_stepper *s, const float *const *parameters, mn_graph *out,
                              mn_error *err) {
  mn_graph_init(out);
  mn_status status = mn_graph_copy(out, s->model, err);
  for (int32_t i = 0; i < s->training.parameter_count && !status; i++) {
    const mn_parameter *p = &s->training.parameters[i];
    status = put(out, p->model_value, parameters ? parameters[i] : p->data, p->count, err);
  }
  for (int32_t i = 0; i < s->training.running_count && !status; i++) {
    const mn_running *r = &s->training.running[i];
    status = put(out, r->model_value, r->data, r->count, err);
  }
  if (status) mn_graph_free(out);
  return status;
}
