/* SPDX-License-Identifier: Apache-2.0
 * Started by mpirun, the command is one of several processes (ranks) that do one thing together.
 * The part that speaks MPI is loaded then, and only then. */
#ifndef MOBILENET_TOOL_MPIRUN_H
#define MOBILENET_TOOL_MPIRUN_H

#include <stdbool.h>

#include "mobilenet/train.h"

/* Which of how many, by what mpirun has put into the environment; 0 and 1 without it. */
int ranks_index(void);
int ranks_count(void);
/* Rank 0 speaks for all: what others print is dropped from here on. */
void ranks_hush(void);

/* Meets the others. Waiting for them ends when `stopped` says so, or when one is gone. False after
 * saying why. */
bool ranks_join(mn_ranks *ranks, bool (*stopped)(void));
/* `together`: all ranks come here. Else the others are ended, too. */
void ranks_leave(bool together, int code);

/* The part's table. */
typedef struct ranks_part {
  bool (*join)(mn_ranks *ranks, bool (*stopped)(void));
  void (*leave)(bool together, int code);
} ranks_part;
extern const ranks_part mobilenet_mpi;

#endif
