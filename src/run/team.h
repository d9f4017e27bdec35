/* SPDX-License-Identifier: Apache-2.0
 * Several workers at the steps of a run. All of them walk through the steps, and each does its
 * share of the slices, the same part of every map, so that what it reads is mostly in its own
 * cache. Nobody begins a step before the one before it is done: everybody's count of finished
 * slices is there for all to read and is written by one only, so that a step costs one message each
 * way. A share that its worker does not begin in time is done by another, so that one that comes
 * late, or has no CPU for a while, is waited for in the middle of a share only. Which worker does
 * what changes no byte. */
#ifndef MN_RUN_TEAM_H
#define MN_RUN_TEAM_H

#include <stdatomic.h>

#include "base/threads.h"
#include "ops/ops.h"

/* One worker's: what others may take, and what they wait for, in lines of their own. */
typedef struct mn_lane {
  _Alignas(64) _Atomic int32_t taken; /* the latest step, counted from 1, whose share was begun */
  _Alignas(64) _Atomic size_t done;   /* slices finished in this run */
} mn_lane;

typedef struct mn_team {
  mn_threads *threads;
  mn_lane *lanes; /* [workers] */
  int workers;
  unsigned char *arena;
  mn_step_fn *on_step; /* called before each step and at the end, NULL: nobody */
  void *user;
} mn_team;

/* Runs the plan's steps [first, end). */
void mn_team_run(mn_team *team, const mn_step *steps, int32_t first, int32_t end);

#endif
