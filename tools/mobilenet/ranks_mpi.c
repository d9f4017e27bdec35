/* SPDX-License-Identifier: Apache-2.0
 * Ranks over MPI. Data only moves here, what is added is the library's business: the order of sums
 * inside MPI would depend on how many ranks there are. Waiting looks and sleeps in turns, because a
 * rank that waits actively takes time from those it waits for, and because a wait must end when
 * mpirun ends the run. */
#include <mpi.h>
#include <stddef.h>
#include <time.h>

#include "message.h"
#include "mpirun.h"
#include "part.h"

enum { ACTIVE_TURNS = 100, LEAST_SLEEP_NS = 20000, MOST_SLEEP_NS = 500000 };

static bool (*has_stopped)(void);

/* 0 when it is done. */
static int wait_for(MPI_Request *request) {
  long sleep_ns = LEAST_SLEEP_NS;
  for (int turn = 0;; turn++) {
    int done = 0;
    if (MPI_Test(request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) return 1;
    if (done) return 0;
    if (has_stopped()) return 1;
    if (turn < ACTIVE_TURNS) continue;
    nanosleep(&(struct timespec){0, sleep_ns}, NULL);
    if (sleep_ns < MOST_SLEEP_NS) sleep_ns += sleep_ns / 4;
  }
}

static int exchange(void *user, const void *pieces, void *out, size_t bytes) {
  MPI_Request request;
  (void)user;
  const int size = (int)bytes;
  if (MPI_Ialltoall(pieces, size, MPI_BYTE, out, size, MPI_BYTE, MPI_COMM_WORLD, &request)) {
    return 1;
  }
  return wait_for(&request);
}

static int gather(void *user, const void *piece, void *out, size_t bytes) {
  MPI_Request request;
  (void)user;
  const int size = (int)bytes;
  if (MPI_Iallgather(piece, size, MPI_BYTE, out, size, MPI_BYTE, MPI_COMM_WORLD, &request)) {
    return 1;
  }
  return wait_for(&request);
}

static bool join(mn_ranks *ranks, bool (*stopped)(void)) {
  int provided = 0, rank = 0, count = 0;
  has_stopped = stopped;
  if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS ||
      provided < MPI_THREAD_SERIALIZED) {
    say("this MPI cannot be used by more than one thread");
    return false;
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  if (count != ranks_count()) {
    say("mpirun started %d processes and MPI knows of %d: it is another MPI's mpirun",
        ranks_count(), count);
    return false;
  }
  *ranks = (mn_ranks){.struct_size = sizeof *ranks,
                      .rank = rank,
                      .count = count,
                      .exchange = exchange,
                      .gather = gather};
  return true;
}

static void leave(bool together, int code) {
  if (together) {
    MPI_Finalize();
  } else {
    MPI_Abort(MPI_COMM_WORLD, code);
  }
}

PART_PUBLIC const ranks_part mobilenet_mpi = {.join = join, .leave = leave};
