/* SPDX-License-Identifier: Apache-2.0
 * What several processes of a run settle among themselves before and between epochs. */
#ifndef MN_TRAIN_RANKS_H
#define MN_TRAIN_RANKS_H

#include "mobilenet/train.h"
#include "train/recipe.h"

static inline bool mn_ranks_first(const mn_ranks *ranks) { return !ranks || ranks->rank == 0; }

/* Makes a step's batches fit the ranks: each has the same number of them, a power of two, so that
 * what it adds up is a branch of the tree in which one process would add (train/gradient_sum.h). A
 * batch that is a whole step is divided. Error: ARGUMENT, with what would do. */
mn_status mn_ranks_share(const mn_ranks *ranks, mn_recipe *recipe, mn_error *err);

/* Every rank comes here with its own status and what must be the same on all. All leave with the
 * first error of any, which names the rank. Errors: CANCELLED: another rank is gone; FORMAT: not
 * the same; any other. */
mn_status mn_ranks_agree(const mn_ranks *ranks, mn_status mine, int64_t same, mn_error *err);

#endif
