/* SPDX-License-Identifier: Apache-2.0
 * See pool.h. A job is posted by opening its shares: each has a word of its own, which holds the
 * job's number while the share may be taken. Whoever exchanges that number for 0 runs the share. A
 * thread that comes late finds other numbers and goes back to wait; until the shares that it did
 * take are done, the job's fields stay as they are. */
#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "base/alloc.h"

enum {
  SPIN_NS = 20000,   /* longer than most steps of a network */
  AWAKE_NS = 200000, /* spinning and yielding: longer than most steps that one thread does alone */
  STACK_BYTES = 1 << 20
};

typedef struct worker {
  mn_pool *pool;
  size_t index;
  pthread_t thread;
} worker;

struct mn_pool {
  cpu_set_t cpus;       /* those of the thread that made the pool */
  pthread_mutex_t turn; /* held by the caller whose job runs */
  mn_share_fn *run;
  void *context;
  size_t shares;
  _Atomic uint32_t job; /* number of the latest, never 0 */
  _Atomic size_t done;  /* shares of it */
  _Atomic int cpu;      /* where its caller was */
  _Atomic bool ending;
  /* Sleeping: a thread counts itself before it looks again, who wakes looks at the count after. */
  pthread_mutex_t lock;
  pthread_cond_t posted, finished;
  _Atomic size_t sleeping; /* workers */
  _Atomic bool caller_sleeps;
  size_t threads;          /* the caller included */
  worker *workers;         /* [threads - 1] */
  _Atomic uint32_t open[]; /* [threads] */
};

/* ---- Waiting ------------------------------------------------------------------------------ */

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

typedef bool ready_fn(mn_pool *pool, uint32_t job);

/* Whether `ready` became true within AWAKE_NS. */
static bool wait_awake(mn_pool *pool, ready_fn *ready, uint32_t job) {
  const int64_t begin = now_ns();
  for (int64_t waited = 0; waited < AWAKE_NS; waited = now_ns() - begin) {
    for (int i = 0; i < 16; i++) {
      if (ready(pool, job)) return true;
      relax();
    }
    if (waited > SPIN_NS) sched_yield();
  }
  return ready(pool, job);
}

static bool has_next(mn_pool *pool, uint32_t job) {
  return atomic_load(&pool->job) != job || atomic_load(&pool->ending);
}

static bool is_done(mn_pool *pool, uint32_t job) {
  (void)job;
  return atomic_load(&pool->done) == pool->shares;
}

static void wait_next(mn_pool *pool, uint32_t job) {
  if (wait_awake(pool, has_next, job)) return;
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add(&pool->sleeping, 1);
  while (!has_next(pool, job)) pthread_cond_wait(&pool->posted, &pool->lock);
  atomic_fetch_sub(&pool->sleeping, 1);
  pthread_mutex_unlock(&pool->lock);
}

static void wait_done(mn_pool *pool) {
  if (wait_awake(pool, is_done, 0)) return;
  pthread_mutex_lock(&pool->lock);
  atomic_store(&pool->caller_sleeps, true);
  while (!is_done(pool, 0)) pthread_cond_wait(&pool->finished, &pool->lock);
  atomic_store(&pool->caller_sleeps, false);
  pthread_mutex_unlock(&pool->lock);
}

static void wake(mn_pool *pool, pthread_cond_t *who) {
  pthread_mutex_lock(&pool->lock);
  pthread_cond_broadcast(who);
  pthread_mutex_unlock(&pool->lock);
}

/* ---- Working ------------------------------------------------------------------------------ */

/* Runs what shares of the job can be had, this thread's own first: its caches may hold the rows
 * that the same share of the step before has left. */
static void work(mn_pool *pool, uint32_t job, size_t own) {
  for (size_t i = 0; i < pool->threads; i++) {
    const size_t share = (own + i) % pool->threads;
    uint32_t number = job;
    if (!atomic_compare_exchange_strong(&pool->open[share], &number, 0)) continue;
    const size_t shares = pool->shares;
    pool->run(pool->context, share);
    const bool last = atomic_fetch_add(&pool->done, 1) + 1 == shares;
    if (last && atomic_load(&pool->caller_sleeps)) wake(pool, &pool->finished);
  }
}

/* A thread that was woken where its caller runs stays there as long as no other CPU is idle, and on
 * a busy machine gets nothing done: it goes elsewhere by itself. */
static void leave_caller(const mn_pool *pool) {
  const int cpu = sched_getcpu();
  if (cpu < 0 || cpu != atomic_load(&pool->cpu)) return;
  cpu_set_t others = pool->cpus;
  CPU_CLR((size_t)cpu, &others);
  if (CPU_COUNT(&others) > 0) sched_setaffinity(0, sizeof others, &others);
}

static void *serve(void *argument) {
  const worker *self = argument;
  mn_pool *pool = self->pool;
  uint32_t job = 0;
  for (;;) {
    wait_next(pool, job);
    if (atomic_load(&pool->ending)) return NULL;
    job = atomic_load(&pool->job);
    leave_caller(pool);
    work(pool, job, self->index);
  }
}

bool mn_pool_run(mn_pool *pool, size_t shares, mn_share_fn *run, void *context) {
  if (pthread_mutex_trylock(&pool->turn)) return false;
  pool->run = run;
  pool->context = context;
  pool->shares = shares;
  atomic_store(&pool->done, 0);
  atomic_store(&pool->cpu, sched_getcpu());
  uint32_t job = atomic_load(&pool->job) + 1;
  if (job == 0) job = 1;
  for (size_t i = 1; i < shares; i++) atomic_store(&pool->open[i], job);
  atomic_store(&pool->job, job);
  if (atomic_load(&pool->sleeping)) wake(pool, &pool->posted);
  run(context, 0);
  atomic_fetch_add(&pool->done, 1);
  work(pool, job, 0);
  wait_done(pool);
  pthread_mutex_unlock(&pool->turn);
  return true;
}

/* ---- Beginning and end -------------------------------------------------------------------- */

/* Starts worker `index`. Signals are for the program's own threads. */
static bool start(mn_pool *pool, size_t index) {
  worker *self = &pool->workers[index - 1];
  *self = (worker){.pool = pool, .index = index};
  sigset_t all, before;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes)) return false;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const bool started = !pthread_create(&self->thread, &attributes, serve, self);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return started;
}

/* Ends the workers below `threads`, and the pool. */
static void end(mn_pool *pool, size_t threads) {
  atomic_store(&pool->ending, true);
  wake(pool, &pool->posted);
  for (size_t i = 1; i < threads; i++) pthread_join(pool->workers[i - 1].thread, NULL);
  pthread_mutex_destroy(&pool->turn);
  pthread_mutex_destroy(&pool->lock);
  pthread_cond_destroy(&pool->posted);
  pthread_cond_destroy(&pool->finished);
  mn_free(pool);
}

mn_pool *mn_pool_new(size_t threads) {
  const size_t words = mn_aligned(sizeof(mn_pool) + threads * sizeof(uint32_t));
  mn_pool *pool = mn_alloc_zero(words + threads * sizeof(worker));
  if (!pool) return NULL;
  pool->threads = threads;
  if (sched_getaffinity(0, sizeof pool->cpus, &pool->cpus)) CPU_ZERO(&pool->cpus);
  pool->workers = (worker *)(void *)((unsigned char *)pool + words);
  pthread_mutex_init(&pool->turn, NULL);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->posted, NULL);
  pthread_cond_init(&pool->finished, NULL);
  for (size_t i = 1; i < threads; i++) {
    if (!start(pool, i)) {
      end(pool, i);
      return NULL;
    }
  }
  return pool;
}

void mn_pool_free(mn_pool *pool) {
  if (pool) end(pool, pool->threads);
}
