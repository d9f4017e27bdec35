/* SPDX-License-Identifier: Apache-2.0
 * The pool: pthreadpool where it was built in, else the caller alone. Shares are contiguous and
 * depend on `workers` only, never on timing. */
#define _GNU_SOURCE
#include "base/threads.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

#ifdef MN_HAVE_PTHREADPOOL
#include <pthreadpool.h>
#endif

/* pthreadpool is not compiled with the thread sanitizer, which therefore must be told what it
 * orders: the call before its shares, the shares before the return. */
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#else
#define __tsan_acquire(address) ((void)(address))
#define __tsan_release(address) ((void)(address))
#endif

enum { MAX_THREADS = 1024 };

struct mn_threads {
  int count;
#ifdef MN_HAVE_PTHREADPOOL
  pthreadpool_t pool;
#endif
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
#ifdef MN_HAVE_PTHREADPOOL
  if (threads->count > 1) {
    threads->pool = pthreadpool_create((size_t)threads->count);
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
#ifdef MN_HAVE_PTHREADPOOL
  if (threads->pool) pthreadpool_destroy(threads->pool);
#endif
  mn_free(threads);
}

int mn_threads_count(const mn_threads *threads) { return threads ? threads->count : 1; }

typedef struct share_args {
  mn_work_fn *fn;
  void *context;
  size_t count, workers;
  char begun, ended; /* addresses for the thread sanitizer */
} share_args;

static void run_share(void *context, size_t worker) {
  share_args *args = context;
  __tsan_acquire(&args->begun);
  size_t begin = args->count * worker / args->workers;
  size_t end = args->count * (worker + 1) / args->workers;
  if (begin < end) args->fn(args->context, (int)worker, begin, end);
  __tsan_release(&args->ended);
}

void mn_threads_run(mn_threads *threads, int workers, size_t count, mn_work_fn *fn, void *context,
                    bool more) {
  if (count == 0) return;
  int usable = mn_threads_count(threads);
  if (workers > usable) workers = usable;
  if ((size_t)workers > count) workers = (int)count;
  if (workers <= 1) {
    fn(context, 0, 0, count);
    return;
  }
  share_args args = {fn, context, count, (size_t)workers, 0, 0};
  __tsan_release(&args.begun);
#ifdef MN_HAVE_PTHREADPOOL
  /* Waking a worker costs more than a small step, so they spin from step to step; but a library
   * must be a good guest, so after the last one they sleep at once. */
  pthreadpool_parallelize_1d(threads->pool, run_share, &args, (size_t)workers,
                             more ? 0 : PTHREADPOOL_FLAG_YIELD_WORKERS);
#else
  (void)more;
  run_share(&args, 0);
#endif
  __tsan_acquire(&args.ended);
}
