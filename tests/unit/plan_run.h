/* SPDX-License-Identifier: Apache-2.0
 * A plan of a test's network, and what a run of it says. After cmocka.h. */
#ifndef MN_TESTS_PLAN_RUN_H
#define MN_TESTS_PLAN_RUN_H

#include <string.h>

#include "base/cpu.h"
#include "plan/plan.h"
#include "run/session.h"

/* With the kernels of an instruction set (NULL: of all); NULL where this CPU does not have it. */
static inline mn_plan *plan_for(const mn_graph *graph, const char *isa, mn_plan_request request) {
  mn_plan *plan;
  mn_error err;
  if (mn_cpu_level(isa, &request.features, &err)) return NULL;
  if (mn_plan_build(&plan, graph, &request, &err)) fail_msg("%s", err.text);
  return plan;
}

/* What a test's input 0 is. */
typedef void fill_fn(const mn_tensor_info *info, void *input);

static inline mn_session *session_of(const mn_plan *plan, mn_threads *threads, fill_fn *fill) {
  mn_session *session;
  mn_error err;
  mn_tensor_info info;
  const mn_session_options options = {.struct_size = sizeof options, .threads = threads};
  if (mn_session_new(&session, plan, &options, &err)) fail_msg("%s", err.text);
  mn_plan_value_info(plan, plan->graph.inputs[0], &info);
  fill(&info, mn_session_input(session, 0));
  return session;
}

/* Copies output 0 to `to`, which has room for so many bytes, and frees the session; its bytes. */
static inline size_t take_output(mn_session *session, void *to, size_t room) {
  mn_tensor_info info;
  mn_plan_value_info(session->plan, session->plan->graph.outputs[0], &info);
  assert_true(info.bytes <= room);
  memcpy(to, mn_session_output(session, 0), info.bytes);
  mn_session_free(session);
  return info.bytes;
}

/* The same of a new session that has run once. */
static inline size_t run_plan(const mn_plan *plan, int threads, fill_fn *fill, void *to,
                              size_t room) {
  mn_error err;
  mn_threads *pool = NULL;
  if (threads > 1) assert_int_equal(mn_threads_new(&pool, threads, &err), MN_OK);
  mn_session *session = session_of(plan, pool, fill);
  assert_int_equal(mn_session_run(session, &err), MN_OK);
  const size_t bytes = take_output(session, to, room);
  mn_threads_free(pool);
  return bytes;
}

#endif
