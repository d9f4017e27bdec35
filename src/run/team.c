/* SPDX-License-Identifier: Apache-2.0
 * See team.h. */
#include "run/team.h"

#include "base/cpu.h"

enum { PATIENCE = 32 }; /* turns of waiting before doing what another should have begun */

typedef struct job {
  mn_team *team;
  const mn_step *steps;
  int32_t first, end;
} job;

/* A worker on its way through a run. */
typedef struct member {
  const job *job;
  size_t worker;
  size_t finished; /* slices, by this worker */
  size_t target;   /* slices, by all, when the step that it is at is done */
} member;

static bool all_done(const mn_team *team, size_t slices) {
  size_t done = 0;
  for (int i = 0; i < team->workers; i++) {
    done += atomic_load_explicit(&team->lanes[i].done, memory_order_acquire);
  }
  return done >= slices;
}

static void wait_for(const member *at, size_t slices) {
  for (unsigned turn = 0; !all_done(at->job->team, slices); turn++) mn_threads_relax(turn);
}

static mn_run run_of(const member *at, const mn_step *step) {
  unsigned char *arena = at->job->team->arena;
  unsigned char *scratch = arena + step->scratch_offset + at->worker * step->scratch_bytes;
  return (mn_run){arena, scratch, at->worker};
}

/* Others see what this worker has done, as `count` slices more. */
static void publish(member *at, size_t count) {
  at->finished += count;
  atomic_store_explicit(&at->job->team->lanes[at->worker].done, at->finished, memory_order_release);
}

/* Slices [begin, end), which count as `count`. */
static void run_slices(member *at, const mn_step *step, size_t begin, size_t end, size_t count) {
  const mn_run run = run_of(at, step);
  step->impl->run(step, &run, begin, end);
  publish(at, count);
}

/* Does the share of worker `of`, unless it was begun. */
static void run_share(member *at, int32_t index, size_t of, size_t workers) {
  const mn_step *step = &at->job->steps[index];
  _Atomic int32_t *taken = &at->job->team->lanes[of].taken;
  int32_t latest = atomic_load_explicit(taken, memory_order_relaxed);
  if (latest > index || !atomic_compare_exchange_strong(taken, &latest, index + 1)) return;
  const size_t first = (step->slices * of + workers - 1) / workers;
  const size_t last = (step->slices * (of + 1) + workers - 1) / workers;
  run_slices(at, step, first, last, last - first);
}

/* This worker's share of a step, and those of others who do not come. */
static void share(member *at, int32_t index) {
  const mn_step *step = &at->job->steps[index];
  const size_t most = (size_t)at->job->team->workers;
  const size_t workers = step->slices < most ? step->slices : most;
  if (at->worker >= workers) return; /* it has no scratch */
  wait_for(at, at->target - step->slices);
  run_share(at, index, at->worker, workers);
  for (unsigned turn = 1; !all_done(at->job->team, at->target); turn++) {
    mn_threads_relax(turn);
    if (turn % PATIENCE) continue;
    for (size_t i = 1; i < workers; i++) run_share(at, index, (at->worker + i) % workers, workers);
  }
}

/* Of a step that the caller does alone. */
static void run_alone(member *at, int32_t index) {
  const mn_step *step = &at->job->steps[index];
  wait_for(at, at->target - 1);
  run_slices(at, step, 0, step->slices, 1);
}

/* What all slices of a step have left to the caller. */
static void finish(member *at, int32_t index) {
  const mn_step *step = &at->job->steps[index];
  const mn_run run = run_of(at, step);
  wait_for(at, at->target - 1);
  step->impl->finish(step, &run);
  publish(at, 1);
}

/* Nobody begins a step before the one who watches the run has been told. */
static void tell(member *at, int32_t step) {
  const mn_team *team = at->job->team;
  if (!team->on_step) return;
  at->target++;
  if (at->worker != 0) return;
  wait_for(at, at->target - 1);
  team->on_step(team->user, step);
  publish(at, 1);
}

static void take_part(void *context, int worker, size_t begin, size_t end) {
  (void)begin, (void)end;
  const job *j = context;
  member at = {.job = j, .worker = (size_t)worker};
  const uint32_t saved = mn_cpu_flush_denormals();
  for (int32_t i = j->first; i < j->end; i++) {
    const bool shared = j->steps[i].shared && j->team->workers > 1;
    tell(&at, i);
    at.target += shared ? j->steps[i].slices : 1;
    if (shared) {
      share(&at, i);
    } else if (worker == 0) {
      run_alone(&at, i);
    }
    if (!j->steps[i].impl->finish) continue;
    at.target++;
    if (worker == 0) finish(&at, i);
  }
  mn_cpu_restore_denormals(saved);
  tell(&at, j->end);
  if (worker == 0) wait_for(&at, at.target);
}

void mn_team_run(mn_team *team, const mn_step *steps, int32_t first, int32_t end) {
  job j = {team, steps, first, end};
  for (int i = 0; i < team->workers; i++) {
    atomic_store_explicit(&team->lanes[i].taken, first, memory_order_relaxed);
    atomic_store_explicit(&team->lanes[i].done, 0, memory_order_relaxed);
  }
  mn_threads_run(team->threads, team->workers, (size_t)team->workers, take_part, &j);
}
