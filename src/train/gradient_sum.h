/* SPDX-License-Identifier: Apache-2.0
 * Sums over the batches of a step, of which each of several processes (ranks) has computed its
 * share. They are added as pairs, pairs of pairs and so on by the batches' numbers, whoever has
 * them: the same bits with any number of ranks. A bucket of arrays travels as soon as the backward
 * pass has made it, while the pass goes on: each rank adds up its piece of all ranks' buckets and
 * gives it to all (Rabenseifner, "Optimization of Collective Reduction Operations", 2004). */
#ifndef MN_TRAIN_GRADIENT_SUM_H
#define MN_TRAIN_GRADIENT_SUM_H

#include "base/error.h"
#include "mobilenet/train.h"

/* What is summed: an array that is complete after a step of the plan. */
typedef struct mn_summand {
  const float *from;
  size_t count;
  int32_t ready; /* the first step that may run after it was taken */
} mn_summand;

typedef struct mn_gradient_sum mn_gradient_sum;

typedef struct mn_gradient_sum_options {
  const mn_ranks *ranks; /* NULL: there is one */
  int32_t batches;       /* of this rank, a power of two where there are more ranks */
  size_t bucket_floats;  /* 0: as many as pay off */
  mn_threads *threads;
} mn_gradient_sum_options;

/* `summands` are in the order in which they are made. Error: MEMORY. */
mn_status mn_gradient_sum_new(mn_gradient_sum **out, const mn_summand *summands, int32_t count,
                              const mn_gradient_sum_options *options, mn_error *err);
void mn_gradient_sum_free(mn_gradient_sum *sum);

int32_t mn_gradient_sum_buckets(const mn_gradient_sum *sum);
/* The first step that may run after a bucket was taken. */
int32_t mn_gradient_sum_ready(const mn_gradient_sum *sum, int32_t bucket);

/* Takes a bucket of the rank's batch `batch`, 0 to batches - 1, in order of batches and buckets. */
void mn_gradient_sum_take(mn_gradient_sum *sum, int32_t batch, int32_t bucket);
/* The same of a batch that counts for nothing. */
void mn_gradient_sum_take_nothing(mn_gradient_sum *sum, int32_t batch, int32_t bucket);
/* Waits until all buckets of the last batch are summed over all ranks. Error: CANCELLED: another
 * rank is gone. */
mn_status mn_gradient_sum_finish(mn_gradient_sum *sum, mn_error *err);

/* The sum of summand `index`, [count], after finish. */
float *mn_gradient_sum_of(const mn_gradient_sum *sum, int32_t index);
/* How long finish has waited for other ranks, in all. */
double mn_gradient_sum_waited_s(const mn_gradient_sum *sum);

#endif
