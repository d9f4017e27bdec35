/* SPDX-License-Identifier: Apache-2.0
 * Sessions: laying out the block, running the steps. */
#include "run/session.h"

#include <string.h>

#include "base/alloc.h"
#include "base/poison.h"
#include "base/struct_size.h"
#include "base/threads.h"
#include "run/guard.h"

static size_t header_bytes(const mn_plan *plan) {
  return mn_aligned(sizeof(mn_session)) + (size_t)plan->threads * sizeof(mn_lane);
}

/* Bytes of an input or output, all groups. */
static size_t whole_bytes(const mn_plan *plan, mn_id id) {
  mn_tensor_info info;
  mn_plan_value_info(plan, id, &info);
  return mn_aligned(info.bytes);
}

size_t mn_plan_session_bytes(const mn_plan *plan) {
  return header_bytes(plan) + mn_aligned(plan->arena_bytes) + mn_aligned(plan->extra_bytes) +
         plan->batch_bytes;
}

static mn_status check_block(const mn_session_options *options, size_t needed, mn_error *err) {
  if ((uintptr_t)options->memory % MN_ALIGN != 0) {
    return mn_fail(err, MN_ERR_ARGUMENT, "memory", "it must be aligned to %d bytes", MN_ALIGN);
  }
  if (options->memory_bytes < needed) {
    return mn_fail(err, MN_ERR_ARGUMENT, "memory_bytes",
                   "%zu bytes are too few, this plan needs %zu", options->memory_bytes, needed);
  }
  return MN_OK;
}

mn_status mn_session_new(mn_session **out, const mn_plan *plan, const mn_session_options *options,
                         mn_error *err) {
  *out = NULL;
  mn_error_clear(err);
  mn_session_options used;
  mn_options_read(&used, sizeof used, options);
  size_t needed = mn_plan_session_bytes(plan);
  mn_status status = used.memory ? check_block(&used, needed, err) : MN_OK;
  if (status) return status;
  unsigned char *block = used.memory ? used.memory : mn_alloc_aligned(needed);
  if (!block) return mn_fail_memory(err, needed);
  memset(block, 0, needed); /* no run ever reads memory that was not written */
  mn_session *session = (mn_session *)(void *)block;
  session->plan = plan;
  session->owned = used.memory ? NULL : block;
  const int workers = mn_threads_count(used.threads);
  session->team = (mn_team){.threads = used.threads,
                            .lanes = (mn_lane *)(void *)(block + mn_aligned(sizeof *session)),
                            .workers = workers < plan->threads ? workers : plan->threads,
                            .arena = block + header_bytes(plan)};
  session->extra = session->team.arena + mn_aligned(plan->arena_bytes);
  session->batch = (unsigned char *)session->extra + mn_aligned(plan->extra_bytes);
  mn_session_on_step(session, NULL, NULL);
  *out = session;
  return MN_OK;
}

void mn_session_free(mn_session *session) {
  if (session) mn_free(session->owned);
}

/* Of a group, where there are several. */
static unsigned char *arena_value(const mn_session *session, mn_id id) {
  const mn_plan *plan = session->plan;
  const mn_place *place = &plan->places[id];
  if (place->piece == MN_NONE) return NULL;
  return session->team.arena + plan->pieces[place->piece].offset + place->offset;
}

/* The whole batch of a graph input or output; NULL for others, and where there is one group. */
static unsigned char *batch_value(const mn_session *session, mn_id id) {
  const mn_plan *plan = session->plan;
  const mn_graph *graph = &plan->graph;
  unsigned char *at = session->batch;
  for (int32_t i = 0; i < graph->input_count + graph->output_count && plan->groups > 1; i++) {
    const mn_id other =
        i < graph->input_count ? graph->inputs[i] : graph->outputs[i - graph->input_count];
    if (other == id) return at;
    at += whole_bytes(plan, other);
  }
  return NULL;
}

void *mn_session_value(const mn_session *session, mn_id id) {
  const mn_value *value = &session->plan->graph.values[id];
  if (value->data) return (void *)(uintptr_t)value->data;
  unsigned char *whole = batch_value(session, id);
  return whole ? whole : arena_value(session, id);
}

void *mn_session_input(mn_session *session, int index) {
  const mn_graph *graph = &session->plan->graph;
  if (index < 0 || index >= graph->input_count) return NULL;
  return mn_session_value(session, graph->inputs[index]);
}

const void *mn_session_output(const mn_session *session, int index) {
  const mn_graph *graph = &session->plan->graph;
  if (index < 0 || index >= graph->output_count) return NULL;
  return mn_session_value(session, graph->outputs[index]);
}

/* Before a step: the caller may look at all that the last one left. */
static void begin_step(void *user, int step) {
  const mn_session *session = user;
  if (MN_GAP) mn_guard_open(session);
  if (session->on_step) session->on_step(session->user, step);
  if (MN_GAP) mn_guard_step(session, step);
}

void mn_session_on_step(mn_session *session, mn_step_fn *fn, void *user) {
  session->on_step = fn;
  session->user = user;
  session->team.on_step = fn || MN_GAP ? begin_step : NULL;
  session->team.user = session;
}

/* ---- Running --------------------------------------------------------------------------------- */

void mn_session_run_steps(mn_session *session, int32_t first, int32_t end) {
  mn_team_run(&session->team, session->plan->steps, first, end);
  if (MN_GAP) mn_guard_open(session);
}

/* Between the whole batch and the arena. */
static void move_group(const mn_session *session, mn_id id, int32_t group, bool in) {
  mn_tensor_info info;
  mn_plan_value_info(session->plan, id, &info);
  const size_t bytes = info.bytes / (size_t)session->plan->groups;
  unsigned char *whole = batch_value(session, id) + (size_t)group * bytes;
  unsigned char *part = arena_value(session, id);
  memcpy(in ? part : whole, in ? whole : part, bytes);
}

void mn_session_take_group(mn_session *session, int32_t group) {
  const mn_graph *graph = &session->plan->graph;
  for (int32_t i = 0; i < graph->input_count && session->plan->groups > 1; i++) {
    move_group(session, graph->inputs[i], group, true);
  }
}

void mn_session_give_group(mn_session *session, int32_t group) {
  const mn_graph *graph = &session->plan->graph;
  for (int32_t i = 0; i < graph->output_count && session->plan->groups > 1; i++) {
    move_group(session, graph->outputs[i], group, false);
  }
}

mn_status mn_session_run(mn_session *session, mn_error *err) {
  const mn_plan *plan = session->plan;
  mn_error_clear(err);
  for (int32_t i = 0; i < plan->groups; i++) {
    mn_session_take_group(session, i);
    mn_session_run_steps(session, 0, plan->step_count);
    mn_session_give_group(session, i);
  }
  return MN_OK;
}

/* ---- Looking inside -------------------------------------------------------------------------- */

static bool contains(const mn_id *ids, int32_t count, mn_id id) {
  for (int32_t i = 0; i < count; i++) {
    if (ids[i] == id) return true;
  }
  return false;
}

/* Of the graph's inputs and outputs. */
static bool is_outer(const mn_graph *graph, mn_id id) {
  return contains(graph->inputs, graph->input_count, id) ||
         contains(graph->outputs, graph->output_count, id);
}

void mn_plan_value_info(const mn_plan *plan, mn_id id, mn_tensor_info *info) {
  const mn_value *value = &plan->graph.values[id];
  const mn_shape *shape = &plan->shapes[id];
  int32_t elements = 0;
  memset(info, 0, sizeof *info);
  mn_shape_elements(shape, &elements);
  info->name = value->name;
  info->type = value->type;
  info->rank = shape->rank;
  for (int32_t i = 0; i < shape->rank; i++) info->dims[i] = shape->dim[i];
  info->bytes = (size_t)elements * mn_type_bytes(value->type);
  if (plan->groups > 1 && is_outer(&plan->graph, id)) {
    info->dims[0] *= plan->groups;
    info->bytes *= (size_t)plan->groups;
  }
  if (value->quant.count == 1) {
    info->scale = value->quant.scale[0];
    info->zero_point = value->quant.zero[0];
  }
}

/* Dense, and still there after the run. */
static bool readable(const mn_plan *plan, mn_id id) {
  const mn_place *place = &plan->places[id];
  const mn_shape *shape = &plan->shapes[id];
  size_t last = shape->rank ? (size_t)shape->dim[shape->rank - 1] : 1;
  if (place->piece == MN_NONE || place->pixel_stride != last) return false;
  return plan->keep_all || is_outer(&plan->graph, id);
}

mn_status mn_session_tensor(const mn_session *session, const char *name, const void **data,
                            mn_tensor_info *info, mn_error *err) {
  const mn_plan *plan = session->plan;
  mn_error_clear(err);
  *data = NULL;
  mn_id id = mn_graph_find_value(&plan->graph, name);
  if (id == MN_NONE || plan->graph.values[id].kind == MN_KIND_CONST) {
    return mn_fail(err, MN_ERR_ARGUMENT, name,
                   "no tensor has this name; `mobilenet info` lists the layers");
  }
  if (!readable(plan, id)) {
    return mn_fail(err, MN_ERR_ARGUMENT, name,
                   "its memory is reused or shared during the run; plan with keep_all to read it");
  }
  *data = mn_session_value(session, id);
  mn_plan_value_info(plan, id, info);
  return MN_OK;
}
