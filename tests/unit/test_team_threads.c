/* SPDX-License-Identifier: Apache-2.0
 * Workers at the steps of a run: every slice is done once, none before all of the step before it is
 * done, with the scratch of its worker; also when workers are late, or no pool is to be had. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "run/team.h"

enum { STEPS = 40, MOST = 24, WORKERS = 4, RUNS = 30, SCRATCH = 64 };

typedef struct trial {
  mn_step steps[STEPS];
  _Alignas(64) unsigned char arena[WORKERS * SCRATCH]; /* scratch of all steps */
  _Atomic int done[STEPS][MOST];
  _Atomic size_t finished;  /* slices of all steps */
  size_t before[STEPS + 1]; /* slices of the steps before */
  _Atomic int early, elsewhere;
  bool dawdles; /* a worker that is not the first does */
} trial;

static trial t;

static void sleep_us(long us) {
  const struct timespec time = {0, us * 1000};
  nanosleep(&time, NULL);
}

static void run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const size_t index = (size_t)(step - t.steps);
  unsigned char *scratch = run->scratch;
  if (t.finished < t.before[index]) t.early++;
  if (scratch < t.arena || scratch >= t.arena + sizeof t.arena) t.elsewhere++;
  memset(scratch, (int)index, SCRATCH); /* for the thread sanitizer */
  if (t.dawdles && scratch != t.arena && index % 8 == 3) sleep_us(300);
  for (size_t i = begin; i < end; i++) t.done[index][i]++;
  t.finished += end - begin;
}

static const mn_op_impl impl = {.run = run};

static void make_steps(unsigned seed) {
  size_t sum = 0;
  for (size_t i = 0; i < STEPS; i++) {
    seed = seed * 1103515245u + 12345u;
    const size_t slices = 1 + (seed >> 16) % MOST;
    t.steps[i] = (mn_step){.impl = &impl,
                           .slices = slices,
                           .scratch_bytes = SCRATCH,
                           .shared = slices > 1 && (seed >> 24) % 4 > 0};
    t.before[i] = sum;
    sum += slices;
  }
  t.before[STEPS] = sum;
}

static void check(int32_t first, int32_t end) {
  for (int32_t i = 0; i < STEPS; i++) {
    for (size_t slice = 0; slice < MOST; slice++) {
      const bool wanted = i >= first && i < end && slice < t.steps[i].slices;
      assert_int_equal(t.done[i][slice], wanted);
    }
  }
  assert_int_equal(t.early, 0);
  assert_int_equal(t.elsewhere, 0);
}

static void run_once(mn_threads *threads, int workers, unsigned seed) {
  static mn_lane lanes[WORKERS];
  const int32_t first = (int32_t)(seed % 3), end = STEPS - (int32_t)(seed % 5);
  memset(&t.done, 0, sizeof t.done);
  make_steps(seed);
  t.finished = t.before[first];
  mn_team team = {.threads = threads, .lanes = lanes, .workers = workers, .arena = t.arena};
  mn_team_run(&team, t.steps, first, end);
  check(first, end);
}

static void run_often(mn_threads *threads, int workers) {
  for (unsigned seed = 0; seed < RUNS; seed++) run_once(threads, workers, seed);
}

static void test_every_count(void **state) {
  (void)state;
  for (int workers = 1; workers <= WORKERS; workers++) {
    mn_threads *threads;
    assert_int_equal(mn_threads_new(&threads, workers, NULL), MN_OK);
    t.dawdles = false;
    run_often(threads, mn_threads_count(threads));
    t.dawdles = true;
    run_often(threads, mn_threads_count(threads));
    mn_threads_free(threads);
  }
}

static void test_no_pool(void **state) {
  (void)state;
  t.dawdles = false;
  run_often(NULL, 1);
}

/* The only thread that there is does the shares of all, one worker after another. */
static void work_within(void *context, int worker, size_t begin, size_t end) {
  (void)begin, (void)end;
  if (worker == 0) run_often(context, mn_threads_count(context));
}

static void test_busy_pool(void **state) {
  (void)state;
  mn_threads *threads;
  assert_int_equal(mn_threads_new(&threads, 3, NULL), MN_OK);
  t.dawdles = false;
  mn_threads_run(threads, 3, 3, work_within, threads);
  mn_threads_free(threads);
}

typedef struct told {
  int32_t steps;
  bool late;
} told;

/* Takes its time, so that a worker that does not wait for it is seen. */
static void on_step(void *user, int step) {
  told *x = user;
  sleep_us(300);
  if (x->steps++ != step || t.finished != t.before[step]) x->late = true;
}

static void test_told_between_steps(void **state) {
  (void)state;
  static mn_lane lanes[WORKERS];
  mn_threads *threads;
  assert_int_equal(mn_threads_new(&threads, 2, NULL), MN_OK);
  make_steps(7);
  told x = {0};
  t.finished = 0;
  mn_team team = {.threads = threads,
                  .lanes = lanes,
                  .workers = mn_threads_count(threads),
                  .arena = t.arena,
                  .on_step = on_step,
                  .user = &x};
  mn_team_run(&team, t.steps, 0, STEPS);
  assert_int_equal(x.steps, STEPS + 1);
  assert_false(x.late);
  mn_threads_free(threads);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_count),
      cmocka_unit_test(test_no_pool),
      cmocka_unit_test(test_busy_pool),
      cmocka_unit_test(test_told_between_steps),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
