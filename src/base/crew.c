/* SPDX-License-Identifier: Apache-2.0
 * See crew.h: a monitor with one condition, for pieces that take long beside waking a thread. */
#define _POSIX_C_SOURCE 200809L
#include "base/crew.h"

#ifdef MN_HAVE_THREADS
#include <pthread.h>
#include <signal.h>
#endif

#include "base/alloc.h"

enum { MOST_THREADS = 1024 };

#ifdef MN_HAVE_THREADS

typedef struct member {
  mn_crew *crew;
  int index;
  pthread_t thread;
} member;

struct mn_crew {
  pthread_mutex_t lock;
  pthread_cond_t change;
  mn_crew_step *step;
  void *context;
  bool ending;
  int threads;
  member *members; /* [threads] */
};

static void *serve(void *argument) {
  const member *self = argument;
  mn_crew *crew = self->crew;
  mn_crew_lock(crew);
  while (!crew->ending) {
    if (!crew->step(crew->context, self->index)) mn_crew_wait(crew);
  }
  mn_crew_unlock(crew);
  return NULL;
}

/* Signals are for the program's own threads. */
static bool start(mn_crew *crew) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  member *next = &crew->members[crew->threads];
  *next = (member){.crew = crew, .index = crew->threads};
  const bool started = !pthread_create(&next->thread, NULL, serve, next);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  crew->threads += started;
  return started;
}

static mn_status open_crew(mn_crew *crew, int threads, mn_error *err) {
  crew->members = mn_alloc_zero((size_t)threads * sizeof *crew->members);
  if (!crew->members) return mn_fail_memory(err, (size_t)threads * sizeof *crew->members);
  pthread_mutex_init(&crew->lock, NULL);
  pthread_cond_init(&crew->change, NULL);
  mn_crew_lock(crew); /* members begin when all are there */
  while (crew->threads < threads && start(crew)) continue;
  mn_crew_unlock(crew);
  if (crew->threads == threads) return MN_OK;
  return mn_fail(err, MN_ERR_MEMORY, "threads", "a crew of %d threads could not be made", threads);
}

static void close_crew(mn_crew *crew) {
  if (!crew->members) return;
  mn_crew_lock(crew);
  crew->ending = true;
  mn_crew_changed(crew);
  mn_crew_unlock(crew);
  for (int i = 0; i < crew->threads; ++i) pthread_join(crew->members[i].thread, NULL);
  pthread_mutex_destroy(&crew->lock);
  pthread_cond_destroy(&crew->change);
  mn_free(crew->members);
}

void mn_crew_lock(mn_crew *crew) { pthread_mutex_lock(&crew->lock); }
void mn_crew_unlock(mn_crew *crew) { pthread_mutex_unlock(&crew->lock); }
void mn_crew_changed(mn_crew *crew) { pthread_cond_broadcast(&crew->change); }
void mn_crew_wait(mn_crew *crew) {
  if (!crew->ending) pthread_cond_wait(&crew->change, &crew->lock);
}

#else

struct mn_crew {
  mn_crew_step *step;
  void *context;
  int threads;
};

static mn_status open_crew(mn_crew *crew, int threads, mn_error *err) {
  (void)crew, (void)threads, (void)err;
  return MN_OK;
}
static void close_crew(mn_crew *crew) { (void)crew; }
void mn_crew_lock(mn_crew *crew) { (void)crew; }
void mn_crew_unlock(mn_crew *crew) { (void)crew; }
void mn_crew_changed(mn_crew *crew) { (void)crew; }
void mn_crew_wait(mn_crew *crew) { (void)crew; }

#endif

mn_status mn_crew_new(mn_crew **out, int threads, mn_crew_step *step, void *context,
                      mn_error *err) {
  *out = NULL;
  if (threads < 0 || threads > MOST_THREADS) {
    return mn_fail(err, MN_ERR_ARGUMENT, "threads", "%d is not between 0 and %d", threads,
                   MOST_THREADS);
  }
  mn_crew *crew = mn_alloc_zero(sizeof *crew);
  if (!crew) return mn_fail_memory(err, sizeof *crew);
  crew->step = step;
  crew->context = context;
  mn_status status = open_crew(crew, threads, err);
  if (status) {
    mn_crew_free(crew);
  } else {
    *out = crew;
  }
  return status;
}

void mn_crew_free(mn_crew *crew) {
  if (!crew) return;
  close_crew(crew);
  mn_free(crew);
}

int mn_crew_threads(const mn_crew *crew) { return crew->threads; }
