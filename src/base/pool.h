/* SPDX-License-Identifier: Apache-2.0
 * A pool of POSIX threads that run the shares of one job after another. Waiting is done three ways,
 * each for as long as it is the cheapest: spinning (the next step of a network comes within
 * microseconds), yielding (the thread waited for may need this very CPU), sleeping (a library is a
 * good guest between runs). */
#ifndef MN_BASE_POOL_H
#define MN_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct mn_pool mn_pool;

/* Runs one share of a job. No share runs twice, none at the same time as itself. */
typedef void mn_share_fn(void *context, size_t share);

/* A pool of `threads` threads, the caller of mn_pool_run included. NULL when it cannot be made. */
mn_pool *mn_pool_new(size_t threads);
void mn_pool_free(mn_pool *pool);

/* Runs shares [0, shares), shares at most the threads of the pool; returns when all are done. The
 * caller does the first one, and then whatever no thread has begun, so that it never waits for one
 * that has no CPU. False, with nothing done, while another caller's job runs. Allocates nothing. */
bool mn_pool_run(mn_pool *pool, size_t shares, mn_share_fn *run, void *context);

#endif
