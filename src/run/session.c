/* SPDX-License-Identifier: Apache-2.0
 * Sessions: laying out the block, running the steps. */
#include "run/session.h"

#include <string.h>

#include "base/alloc.h"
#include "base/struct_size.h"
#include "base/threads.h"

static size_t header_bytes(const mn_plan *plan) {
  return mn_aligned(sizeof(mn_session)) + (size_t)plan->threads * sizeof(mn_lane);
}

size_t mn_plan_session_bytes(const mn_plan *plan) {
  return header_bytes(plan) + mn_aligned(plan->arena_bytes) + plan->extra_bytes;
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
  *out = session;
  return MN_OK;
}

void mn_session_free(mn_session *session) {
  if (session) mn_free(session->owned);
}

void *mn_session_value(const mn_session *session, mn_id id) {
  const mn_plan *plan = session->plan;
  const mn_value *value = &plan->graph.values[id];
  if (value->data) return (void *)(uintptr_t)value->data;
  const mn_place *place = &plan->places[id];
  if (place->piece == MN_NONE) return NULL;
  return session->team.arena + plan->pieces[place->piece].offset + place->offset;
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

void mn_session_on_step(mn_session *session, mn_step_fn *fn, void *user) {
  session->team.on_step = fn;
  session->team.user = user;
}

/* ---- Running --------------------------------------------------------------------------------- */

void mn_session_run_steps(mn_session *session, int32_t first, int32_t end) {
  mn_team_run(&session->team, session->plan->steps, first, end);
}

mn_status mn_session_run(mn_session *session, mn_error *err) {
  mn_error_clear(err);
  mn_session_run_steps(session, 0, session->plan->step_count);
  return MN_OK;
}

/* ---- Looking inside -------------------------------------------------------------------------- */

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
  if (value->quant.count == 1) {
    info->scale = value->quant.scale[0];
    info->zero_point = value->quant.zero[0];
  }
}

static bool contains(const mn_id *ids, int32_t count, mn_id id) {
  for (int32_t i = 0; i < count; i++) {
    if (ids[i] == id) return true;
  }
  return false;
}

/* Dense, and still there after the run. */
static bool readable(const mn_plan *plan, mn_id id) {
  const mn_graph *graph = &plan->graph;
  const mn_place *place = &plan->places[id];
  const mn_shape *shape = &plan->shapes[id];
  size_t last = shape->rank ? (size_t)shape->dim[shape->rank - 1] : 1;
  if (place->piece == MN_NONE || place->pixel_stride != last) return false;
  return plan->keep_all || contains(graph->inputs, graph->input_count, id) ||
         contains(graph->outputs, graph->output_count, id);
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
