/* SPDX-License-Identifier: Apache-2.0
 * A step of several batches, of which this process may have a share only: what the stepper makes
 * of each, summed for the update. A step of one batch in one process is summed by nobody: its
 * gradients are the stepper's own. Running statistics, and ranges of codes, begin each batch of a
 * step where the step began and end it at the mean of where the batches took them, so that neither
 * the order of batches nor who computes them matters. */
#ifndef MN_TRAIN_STEP_SUM_H
#define MN_TRAIN_STEP_SUM_H

#include "train/gradient_sum.h"
#include "train/stepper.h"

/* What a batch says of itself; means over the step's batches when it is over. */
typedef struct mn_batch_numbers {
  double loss, right;
  double whole; /* 1; 0: it was not, and counts for nothing */
} mn_batch_numbers;

typedef struct mn_step_sum {
  mn_stepper *stepper;
  const mn_ranks *ranks; /* NULL: there is one */
  mn_gradient_sum *sum;  /* NULL: there is one batch */
  int32_t batches;       /* of this rank */
  int32_t taken;         /* of them in this step */
  bool at_end;
  int32_t *summand_of;          /* [parameters, running statistics, ranges]; -1: none */
  float *before;                /* what moves as the step began, end to end */
  mn_batch_numbers *mine, *all; /* [batches], [batches of all ranks] */
  float **gradients;            /* [parameters]; NULL: it has none */
  mn_arena arena;
} mn_step_sum;

typedef struct mn_step_sum_options {
  const mn_ranks *ranks;
  int32_t batches; /* of a step, in all ranks */
  mn_threads *threads;
  bool frozen_norm, frozen_ranges; /* running statistics stay; ranges of codes do */
  bool at_end; /* nothing travels before the backward pass is over: it talks itself */
} mn_step_sum_options;

/* Error: MEMORY. */
mn_status mn_step_sum_open(mn_step_sum *step, mn_stepper *stepper,
                           const mn_step_sum_options *options, mn_error *err);
void mn_step_sum_close(mn_step_sum *step);

/* Which of the step's batches, in all ranks, is the next. */
static inline int32_t mn_step_sum_batch(const mn_step_sum *step) {
  return step->taken + (step->ranks ? step->ranks->rank * step->batches : 0);
}
/* Before the forward pass of each batch. */
void mn_step_sum_begin(mn_step_sum *step);
/* The backward pass; takes gradients as they are made. A batch not `whole` counts for nothing. */
void mn_step_sum_backward(mn_step_sum *step, const mn_batch_numbers *numbers);
/* After the rank's last batch: waits for all sums; *means are those of the batches that were whole,
 * and `whole` is how many these are, by which gradients are still to be divided. Error: CANCELLED:
 * another rank is gone. */
mn_status mn_step_sum_finish(mn_step_sum *step, mn_batch_numbers *means, mn_error *err);
/* How long it has waited for other ranks, in all. */
double mn_step_sum_waited_s(const mn_step_sum *step);

#endif
