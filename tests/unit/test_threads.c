/* SPDX-License-Identifier: Apache-2.0
 * The pool: every slice is done exactly once, by a worker in range, whatever the counts; several
 * callers may share a pool; a bad count is refused. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those three */
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/threads.h"

enum { MOST = 257, CALLERS = 3 };

typedef struct tally {
  int done[MOST];
  int workers;
  int bad_worker[MOST];
} tally;

static void count_slices(void *context, int worker, size_t begin, size_t end) {
  tally *t = context;
  for (size_t i = begin; i < end; i++) {
    t->done[i]++;
    t->bad_worker[i] = worker < 0 || worker >= t->workers;
  }
}

static bool each_once(const tally *t, size_t count) {
  for (size_t i = 0; i < MOST; i++) {
    if (t->done[i] != (i < count) || t->bad_worker[i]) return false;
  }
  return true;
}

static void test_each_slice_once(void **state) {
  (void)state;
  for (int size = 1; size <= 4; size++) {
    mn_threads *threads;
    assert_int_equal(mn_threads_new(&threads, size, NULL), MN_OK);
    assert_true(mn_threads_count(threads) >= 1 && mn_threads_count(threads) <= size);
    for (int workers = 1; workers <= 5; workers++) {
      for (size_t count = 0; count <= MOST; count += count < 8 ? 1 : 83) {
        tally t = {.workers = workers};
        mn_threads_run(threads, workers, count, count_slices, &t);
        assert_true(each_once(&t, count));
      }
    }
    mn_threads_free(threads);
  }
}

static void *use_pool(void *pool) {
  for (int round = 0; round < 100; round++) {
    tally t = {.workers = 2};
    mn_threads_run(pool, 2, MOST, count_slices, &t);
    if (!each_once(&t, MOST)) return pool;
  }
  return NULL;
}

static void test_shared_pool(void **state) {
  (void)state;
  pthread_t callers[CALLERS];
  mn_threads *threads;
  assert_int_equal(mn_threads_new(&threads, 2, NULL), MN_OK);
  for (int i = 0; i < CALLERS; i++) {
    assert_int_equal(pthread_create(&callers[i], NULL, use_pool, threads), 0);
  }
  for (int i = 0; i < CALLERS; i++) {
    void *failed;
    assert_int_equal(pthread_join(callers[i], &failed), 0);
    assert_null(failed);
  }
  mn_threads_free(threads);
}

typedef struct nest {
  mn_threads *threads;
  tally inner[MOST];
} nest;

static void run_within(void *context, int worker, size_t begin, size_t end) {
  nest *n = context;
  (void)worker;
  for (size_t i = begin; i < end; i++) {
    n->inner[i] = (tally){.workers = 2};
    mn_threads_run(n->threads, 2, MOST, count_slices, &n->inner[i]);
  }
}

/* The pool is taken, so each of these does all of its work itself. */
static void test_run_within_a_run(void **state) {
  (void)state;
  static nest n;
  assert_int_equal(mn_threads_new(&n.threads, 2, NULL), MN_OK);
  mn_threads_run(n.threads, 2, MOST, run_within, &n);
  for (size_t i = 0; i < MOST; i++) assert_true(each_once(&n.inner[i], MOST));
  mn_threads_free(n.threads);
}

/* Workers sleep after a while without work, and wake for the next. */
static void test_after_a_pause(void **state) {
  (void)state;
  const struct timespec pause = {.tv_nsec = 3000000};
  mn_threads *threads;
  assert_int_equal(mn_threads_new(&threads, 3, NULL), MN_OK);
  for (int round = 0; round < 20; round++) {
    tally t = {.workers = 3};
    nanosleep(&pause, NULL);
    mn_threads_run(threads, 3, MOST, count_slices, &t);
    assert_true(each_once(&t, MOST));
  }
  mn_threads_free(threads);
}

typedef struct places {
  pthread_t caller;
  int cpu; /* where the caller is, and stays */
  _Atomic int shared;
} places;

static void see_place(void *context, int worker, size_t begin, size_t end) {
  places *p = context;
  (void)worker, (void)begin, (void)end;
  if (!pthread_equal(pthread_self(), p->caller)) p->shared += sched_getcpu() == p->cpu;
}

/* A worker does not wait for the CPU that its caller uses, where there is another. */
static void test_workers_leave_the_caller(void **state) {
  (void)state;
  cpu_set_t all, one;
  places p = {pthread_self(), sched_getcpu(), 0};
  mn_threads *threads;
  if (sched_getaffinity(0, sizeof all, &all) || CPU_COUNT(&all) < 2) skip();
  assert_int_equal(mn_threads_new(&threads, 2, NULL), MN_OK);
  CPU_ZERO(&one);
  CPU_SET((size_t)p.cpu, &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  for (int i = 0; i < 1000; i++) mn_threads_run(threads, 2, 2, see_place, &p);
  assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
  assert_int_equal(p.shared, 0);
  mn_threads_free(threads);
}

static void test_counts(void **state) {
  (void)state;
  mn_error err;
  mn_threads *threads = (mn_threads *)&err;
  assert_int_equal(mn_threads_new(&threads, -1, &err), MN_ERR_ARGUMENT);
  assert_null(threads);
  assert_non_null(strstr(err.text, "-1"));
  assert_int_equal(mn_threads_new(&threads, 0, &err), MN_OK);
  assert_true(mn_threads_count(threads) <= mn_threads_available());
  mn_threads_free(threads);
  mn_threads_free(NULL);
  assert_int_equal(mn_threads_count(NULL), 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_each_slice_once),          cmocka_unit_test(test_shared_pool),
      cmocka_unit_test(test_run_within_a_run),         cmocka_unit_test(test_after_a_pause),
      cmocka_unit_test(test_workers_leave_the_caller), cmocka_unit_test(test_counts)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
