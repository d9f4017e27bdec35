/* SPDX-License-Identifier: Apache-2.0
 * Batch norms over all processes of a step: statistics, and sums backward through them, are of
 * every process's batch. */
#ifndef MN_TRAIN_SYNC_NORM_H
#define MN_TRAIN_SYNC_NORM_H

#include "mobilenet/train.h"
#include "train/autodiff.h"

/* Rewrites a training graph (after mn_fuse): parts of sums go to all ranks before they are joined,
 * so that all get the same bits. Gradients of gamma and beta stay those of the process's own batch:
 * they are summed with all others. Error: MEMORY. */
mn_status mn_sync_norms(mn_training_graph *training, const mn_ranks *ranks, mn_error *err);

#endif
