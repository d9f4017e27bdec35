/* SPDX-License-Identifier: Apache-2.0
 * Threads that work ahead of whoever uses their work, around one lock. Pieces of work and their
 * order are the user's: a step looks under the lock for a piece that is open, and gives the lock
 * back while it works on it. (base/threads.h shares one job among threads and waits for all of it.)
 * Built without threads there are none: the user does the steps. */
#ifndef MN_BASE_CREW_H
#define MN_BASE_CREW_H

#include <stdbool.h>

#include "base/error.h"

typedef struct mn_crew mn_crew;

/* Does one piece of work; false when none is open. Called with the lock held, and returns with it;
 * mn_crew_unlock and mn_crew_lock stand around what takes long. `worker` is below the number of
 * threads; the user's own steps take that number itself. */
typedef bool mn_crew_step(void *context, int worker);

/* Errors: ARGUMENT (fewer than 0 or more than 1024 threads), MEMORY. */
mn_status mn_crew_new(mn_crew **out, int threads, mn_crew_step *step, void *context, mn_error *err);
/* Waits for the pieces that are being worked on. NULL is fine. */
void mn_crew_free(mn_crew *crew);
int mn_crew_threads(const mn_crew *crew);

void mn_crew_lock(mn_crew *crew);
void mn_crew_unlock(mn_crew *crew);
/* Gives the lock back until something has changed. Without threads nothing would: never call it
 * while a step finds work. */
void mn_crew_wait(mn_crew *crew);
/* Wakes all who wait; the lock is held. */
void mn_crew_changed(mn_crew *crew);

#endif
