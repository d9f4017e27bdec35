/* SPDX-License-Identifier: Apache-2.0
 * How many threads there may be, and runs split among them: contiguous shares that depend on
 * `workers` only, never on timing. Built without threads, the caller does all. */
#define _GNU_SOURCE
#include "base/threads.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/pool.h"

enum { MAX_THREADS = 1024, SPINS = 512 /* some 20 us */ };

struct mn_threads {
  int count;
  mn_pool *pool; /* NULL: one thread */
};

/* CPUs that the cgroup's quota amounts to, rounded up; 0 when there is none. */
static int quota_cpus(void) {
  double quota = 0, period = 0;
  FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
  if (f) {
    if (fscanf(f, "%lf %lf", &quota, &period) != 2) quota = 0;
    fclose(f);
  }
  if (quota <= 0 || period <= 0) return 0;
  double cpus = quota / period;
  if (cpus > MAX_THREADS) return MAX_THREADS;
  int whole = (int)cpus;
  return whole + (cpus > whole) > 0 ? whole + (cpus > whole) : 1;
}

int mn_threads_available(void) {
  cpu_set_t set;
  int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  int quota = quota_cpus();
  if (quota && quota < count) count = quota;
  return count < 1 ? 1 : count;
}

mn_status mn_threads_new(mn_threads **out, int count, mn_error *err) {
  *out = NULL;
  mn_error_clear(err);
  if (count < 0 || count > MAX_THREADS) {
    return mn_fail(err, MN_ERR_ARGUMENT, "threads", "%d is not between 0 and %d", count,
                   MAX_THREADS);
  }
  mn_threads *threads = mn_alloc_zero(sizeof *threads);
  if (!threads) return mn_fail_memory(err, sizeof *threads);
  threads->count = count ? count : mn_threads_available();
#ifdef MN_HAVE_THREADS
  if (threads->count > 1) {
    threads->pool = mn_pool_new((size_t)threads->count);
    if (!threads->pool) {
      mn_free(threads);
      return mn_fail(err, MN_ERR_MEMORY, "threads", "a pool of %d threads could not be made",
                     count);
    }
  }
#else
  threads->count = 1;
#endif
  *out = threads;
  return MN_OK;
}

void mn_threads_free(mn_threads *threads) {
  if (!threads) return;
#ifdef MN_HAVE_THREADS
  mn_pool_free(threads->pool);
#endif
  mn_free(threads);
}

int mn_threads_count(const mn_threads *threads) { return threads ? threads->count : 1; }

typedef struct split {
  mn_work_fn *fn;
  void *context;
  size_t count, workers;
} split;

static void run_share(void *context, size_t share) {
  const split *s = context;
  const size_t begin = s->count * share / s->workers, end = s->count * (share + 1) / s->workers;
  if (begin < end) s->fn(s->context, (int)share, begin, end);
}

void mn_threads_run(mn_threads *threads, int workers, size_t count, mn_work_fn *fn, void *context) {
  if (count == 0) return;
  const int usable = mn_threads_count(threads);
  if (workers > usable) workers = usable;
  if ((size_t)workers > count) workers = (int)count;
  split s = {fn, context, count, workers > 1 ? (size_t)workers : 1};
#ifdef MN_HAVE_THREADS
  if (workers > 1 && mn_pool_run(threads->pool, s.workers, run_share, &s)) return;
#endif
  for (size_t i = 0; i < s.workers; i++) run_share(&s, i);
}

void mn_threads_relax(unsigned turn) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
  if (turn >= SPINS) sched_yield();
}
