/* SPDX-License-Identifier: Apache-2.0
 * The session: one block of memory [header, a lane a worker, arena, extra, the batch's inputs and
 * outputs where it runs in groups], and the run. */
#ifndef MN_RUN_SESSION_H
#define MN_RUN_SESSION_H

#include "plan/plan.h"
#include "run/team.h"

struct mn_session {
  const mn_plan *plan;
  mn_team team;
  mn_step_fn *on_step; /* the caller's, and its `user` */
  void *user;
  void *extra;          /* [plan->extra_bytes] */
  unsigned char *batch; /* inputs and outputs of all groups */
  void *owned;          /* the block, when the library allocated it */
};

/* Of a batch in groups: copies one's inputs to where steps read them, and its outputs from where
 * they leave them. */
void mn_session_take_group(mn_session *session, int32_t group);
void mn_session_give_group(mn_session *session, int32_t group);
/* Runs steps [first, end) of the plan. */
void mn_session_run_steps(mn_session *session, int32_t first, int32_t end);

/* Fills `info` for a value as the plan binds it. */
void mn_plan_value_info(const mn_plan *plan, mn_id id, mn_tensor_info *info);
/* A value's bytes in a session, or NULL when it has no memory of its own. */
void *mn_session_value(const mn_session *session, mn_id id);

#endif
