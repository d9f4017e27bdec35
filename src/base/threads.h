/* SPDX-License-Identifier: Apache-2.0
 * Running slices of work on a pool (public type mn_threads). */
#ifndef MN_BASE_THREADS_H
#define MN_BASE_THREADS_H

#include "mobilenet/mobilenet.h"

/* Does slices [begin, end); `worker` < workers selects scratch memory. */
typedef void mn_work_fn(void *context, int worker, size_t begin, size_t end);

/* Splits [0, count) into at most `workers` contiguous shares and runs them, one share per worker,
 * on the pool (NULL: all on the caller). Returns when all are done. Allocates nothing. While
 * another run has the pool, the caller does all of this one. */
void mn_threads_run(mn_threads *threads, int workers, size_t count, mn_work_fn *fn, void *context);

/* One turn, from 0 on, of waiting for another thread: a pause, then also letting others have the
 * CPU, since the one that is waited for may need this very one. */
void mn_threads_relax(unsigned turn);

#endif
