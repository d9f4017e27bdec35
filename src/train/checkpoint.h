/* SPDX-License-Identifier: Apache-2.0
 * All that a run in training is, in a file: a model file of the present weights, which runs, and
 * beside its own tensors those named "train/...": averages, the optimizer's slots, and where the
 * run is. A run that goes on from it gives the bits of one that was never stopped. */
#ifndef MN_TRAIN_CHECKPOINT_H
#define MN_TRAIN_CHECKPOINT_H

#include "train/trainer.h"

/* Where a run is, and what it is a run of. */
typedef struct mn_run_state {
  int64_t epoch; /* epochs done */
  int64_t steps; /* the trainer's */
  int64_t seed;
  int64_t fingerprint; /* of the data, the recipe and the batches: what must be the same to go on */
} mn_run_state;

/* What else the caller wants to find again. */
typedef struct mn_run_history {
  int64_t *words;
  int32_t count;
} mn_run_history;

/* Written beside and renamed. Errors: IO, MEMORY. */
mn_status mn_checkpoint_save(const mn_trainer *trainer, const mn_run_state *state,
                             const mn_run_history *history, const char *path, mn_error *err);

/* Puts the file's tensors into a trainer of the same network, classes and optimizer. Nothing is
 * changed unless all is there. history->words is the caller's to free. Errors: FORMAT, naming what
 * is missing or other; IO, MEMORY. */
mn_status mn_checkpoint_load(mn_trainer *trainer, mn_run_state *state, mn_run_history *history,
                             const char *path, mn_error *err);

#endif
