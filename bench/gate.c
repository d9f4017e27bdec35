/* SPDX-License-Identifier: Apache-2.0
 * What must hold of memory, start-up, threads, batches and idling, as ratios within this process: a
 * slow machine slows both sides. A check that fails is measured once more before it counts.
 *
 *   gate FOLDER [PART OF A CHECK'S NAME]      FOLDER: the files that bench/networks.py makes
 *
 * Exit: 0 all held, 4 one did not, 3 a file is missing. */
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mobilenet/mobilenet.h"

enum {
  EXIT_USAGE = 2,
  EXIT_FILE = 3,
  EXIT_MISSED = 4,
  MOST_RUNS = 101,
  TRIES = 5,
  BATCH_MS = 1500, /* of the batches' turns */
  TURNS = 4,
  SESSIONS = 4
};

static const char *folder; /* set once, before anything runs */

/* ---- A network, ready to run ---------------------------------------------------------------- */

typedef struct network {
  mn_model *model;
  mn_plan *plan;
  mn_session *session;
  mn_threads *threads;
} network;

static void give_up(const mn_error *err) {
  fprintf(stderr, "gate: %s\n", err->text);
  exit(EXIT_FILE);
}

static mn_model *open_file(const char *name) {
  char path[4096];
  mn_model *model;
  mn_error err;
  snprintf(path, sizeof path, "%s/%s.tflite", folder, name);
  if (mn_model_open(&model, path, NULL, &err)) give_up(&err);
  return model;
}

static mn_plan *make_plan(const mn_model *model, const mn_plan_options *options) {
  mn_plan *plan;
  mn_error err;
  if (mn_plan_new(&plan, model, options, &err)) give_up(&err);
  return plan;
}

static mn_session *make_session(const mn_plan *plan, mn_threads *threads) {
  const mn_session_options options = {.struct_size = sizeof options, .threads = threads};
  mn_session *session;
  mn_error err;
  if (mn_session_new(&session, plan, &options, &err)) give_up(&err);
  return session;
}

static network make_network(const char *name, int threads, int batch) {
  const mn_plan_options options = {
      .struct_size = sizeof options, .threads = threads, .batch = batch};
  network x = {.model = open_file(name)};
  mn_error err;
  if (threads > 1 && mn_threads_new(&x.threads, threads, &err)) give_up(&err);
  x.plan = make_plan(x.model, &options);
  x.session = make_session(x.plan, x.threads);
  return x;
}

static void free_network(network *x) {
  mn_session_free(x->session);
  mn_plan_free(x->plan);
  mn_threads_free(x->threads);
  mn_model_free(x->model);
}

static double now_ms(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* One thread's time is its own (CPU time), so that other work counts less; two threads' is the
 * wall's. */
enum { OWN = CLOCK_THREAD_CPUTIME_ID, WALL = CLOCK_MONOTONIC };

static double run_ms(mn_session *session, clockid_t clock) {
  mn_error err;
  const double start = now_ms(clock);
  if (mn_session_run(session, &err)) give_up(&err);
  return now_ms(clock) - start;
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *times, int count) {
  qsort(times, (size_t)count, sizeof *times, ascending);
  return times[count / 2];
}

/* The best of many runs: the one that other work on the machine disturbs least. */
static double best_run_ms(mn_session *session, clockid_t clock) {
  double best = run_ms(session, clock), sum = 0;
  for (int i = 0; i < MOST_RUNS && (sum < 100 || i < 5); i++) {
    const double ms = run_ms(session, clock);
    if (ms < best) best = ms;
    sum += ms;
  }
  return best;
}

/* ---- What is measured ----------------------------------------------------------------------- */

/* KiB of activations and scratch when memory is what matters. */
static double memory_kib(const char *name) {
  const mn_plan_options options = {.struct_size = sizeof options, .goal = MN_PLAN_MEMORY};
  mn_model *model = open_file(name);
  mn_plan *plan = make_plan(model, &options);
  const double kib = (double)mn_plan_arena_bytes(plan) / 1024;
  mn_plan_free(plan);
  mn_model_free(model);
  return kib;
}

/* Memory over the largest live set, the worse of both goals. */
static double placement(const char *name) {
  double worst = 0;
  mn_model *model = open_file(name);
  for (int goal = MN_PLAN_SPEED; goal <= MN_PLAN_MEMORY; goal++) {
    const mn_plan_options options = {.struct_size = sizeof options, .goal = (mn_plan_goal)goal};
    mn_plan *plan = make_plan(model, &options);
    const double ratio = (double)mn_plan_arena_bytes(plan) / (double)mn_plan_least_bytes(plan);
    if (ratio > worst) worst = ratio;
    mn_plan_free(plan);
  }
  mn_model_free(model);
  return worst;
}

/* From the file to the first possible run, over a run. */
static double start_up(const char *name) {
  double ready = INFINITY, run = INFINITY;
  for (int i = 0; i < TRIES; i++) {
    const double start = now_ms(OWN);
    network x = make_network(name, 1, 1);
    ready = fmin(ready, now_ms(OWN) - start);
    run = fmin(run, best_run_ms(x.session, OWN));
    free_network(&x);
  }
  return ready / run;
}

/* The first run of a session over its later ones. */
static double first_run(const char *name) {
  network x = make_network(name, 1, 1);
  double first = INFINITY, later = INFINITY;
  for (int i = 0; i < TRIES; i++) {
    mn_session *session = make_session(x.plan, NULL);
    first = fmin(first, run_ms(session, OWN));
    later = fmin(later, best_run_ms(session, OWN));
    mn_session_free(session);
  }
  free_network(&x);
  return first / later;
}

/* One thread's time over two threads', in turns. */
static double two_threads(const char *name) {
  network one = make_network(name, 1, 1), two = make_network(name, 2, 1);
  double alone = INFINITY, together = INFINITY;
  for (int i = 0; i < TURNS; i++) {
    alone = fmin(alone, best_run_ms(one.session, WALL));
    together = fmin(together, best_run_ms(two.session, WALL));
  }
  free_network(&one);
  free_network(&two);
  return alone / together;
}

/* The time of a batch over that of as many pictures one after another, the best of each. */
static double batch_ratio(const char *name, int batch) {
  network one = make_network(name, 1, 1), many = make_network(name, 1, batch);
  double singly = INFINITY, together = INFINITY, spent = 0;
  for (int i = 0; i < MOST_RUNS && (spent < BATCH_MS || i < TRIES); i++) {
    double sum = 0;
    for (int k = 0; k < batch; k++) sum += run_ms(one.session, OWN);
    const double ms = run_ms(many.session, OWN);
    singly = fmin(singly, sum);
    together = fmin(together, ms);
    spent += sum + ms;
  }
  free_network(&one);
  free_network(&many);
  return together / singly;
}

static double batches(const char *name) {
  return fmax(batch_ratio(name, 8), batch_ratio(name, 64));
}

static void sleep_ms(long ms) {
  const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&time, NULL);
}

/* Share of a core that the process takes from 1 ms after a run of two threads on. */
static double idle(const char *name) {
  network x = make_network(name, 2, 1);
  double shares[9];
  for (int i = 0; i < 9; i++) {
    run_ms(x.session, WALL);
    sleep_ms(1);
    const double cpu = now_ms(CLOCK_PROCESS_CPUTIME_ID), wall = now_ms(WALL);
    sleep_ms(20);
    shares[i] = (now_ms(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (now_ms(WALL) - wall);
  }
  free_network(&x);
  return median(shares, 9);
}

static void *run_some(void *session) {
  for (int i = 0; i < 10; i++) run_ms(session, WALL);
  return NULL;
}

/* Four sessions at once on one pool, over the same runs one after the other. */
static double shared_pool(const char *name) {
  network x = make_network(name, 2, 1);
  mn_session *sessions[SESSIONS];
  double apart = INFINITY, together = INFINITY;
  for (int i = 0; i < SESSIONS; i++) sessions[i] = make_session(x.plan, x.threads);
  for (int i = 0; i < 4 * TURNS; i++) {
    pthread_t threads[SESSIONS];
    double start = now_ms(WALL);
    for (int j = 0; j < SESSIONS; j++) run_some(sessions[j]);
    apart = fmin(apart, now_ms(WALL) - start);
    start = now_ms(WALL);
    for (int j = 0; j < SESSIONS; j++) pthread_create(&threads[j], NULL, run_some, sessions[j]);
    for (int j = 0; j < SESSIONS; j++) pthread_join(threads[j], NULL);
    together = fmin(together, now_ms(WALL) - start);
  }
  for (int i = 0; i < SESSIONS; i++) mn_session_free(sessions[i]);
  free_network(&x);
  return together / apart;
}

/* ---- The checks ----------------------------------------------------------------------------- */

typedef struct check {
  const char *what, *name;
  double (*measure)(const char *name);
  bool at_least; /* else at most */
  double bound;
  int threads;
} check;

static const check checks[] = {
#define MN_CHECK(measure, name, relation, bound, threads) \
  {#measure, name, measure, relation, bound, threads},
#include "gate.def"
#undef MN_CHECK
};

static bool holds(const check *c, double value) {
  return c->at_least ? value >= c->bound : value <= c->bound;
}

static bool run_check(const check *c) {
  double value = c->measure(c->name);
  const bool again = !holds(c, value);
  if (again) value = c->measure(c->name);
  printf("%-6s  %-12s %-24s %9.3f  %s %g%s\n", holds(c, value) ? "ok" : "MISSED", c->what, c->name,
         value, c->at_least ? "at least" : "at most", c->bound, again ? "  (second try)" : "");
  fflush(stdout);
  return holds(c, value);
}

int main(int argc, char **argv) {
  int missed = 0;
  if (argc < 2) {
    fputs("usage: gate FOLDER [PART OF A CHECK'S NAME]\n", stderr);
    return EXIT_USAGE;
  }
  folder = argv[1];
  for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
    const check *c = &checks[i];
    if (argc > 2 && !strstr(c->what, argv[2]) && !strstr(c->name, argv[2])) continue;
    if (c->threads > mn_threads_available()) {
      printf("-       %-12s %-24s not on %d core\n", c->what, c->name, mn_threads_available());
      continue;
    }
    missed += !run_check(c);
  }
  return missed ? EXIT_MISSED : 0;
}
