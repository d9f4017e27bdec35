/* SPDX-License-Identifier: Apache-2.0
 * See mpirun.h. Open MPI's mpirun names its variables OMPI_...; others' (MPICH's) are PMI_..., and
 * whoever is started by one of them must not believe to be alone. */
#include "mpirun.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "message.h"
#include "part.h"

static const ranks_part *loaded;

static int number(const char *first, const char *second, int otherwise) {
  const char *text = getenv(first);
  if (!text) text = getenv(second);
  return text ? (int)strtol(text, NULL, 10) : otherwise;
}

int ranks_index(void) { return number("OMPI_COMM_WORLD_RANK", "PMI_RANK", 0); }

int ranks_count(void) { return number("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", 1); }

void ranks_hush(void) {
  if (ranks_index() == 0) return;
  if (!freopen("/dev/null", "w", stdout)) fclose(stdout);
  if (!freopen("/dev/null", "w", stderr)) fclose(stderr);
}

bool ranks_join(mn_ranks *ranks, bool (*stopped)(void)) {
  loaded = part_load("mobilenet_mpi");
  if (loaded) return loaded->join(ranks, stopped);
  say("mpirun needs a mobilenet that was built where libopenmpi-dev is installed");
  return false;
}

void ranks_leave(bool together, int code) {
  if (loaded) loaded->leave(together, code);
}
