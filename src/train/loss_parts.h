/* SPDX-License-Identifier: Apache-2.0
 * What losses share: a sum over rows in parts that threads may take, the softmax of some rows. */
#ifndef MN_TRAIN_LOSS_PARTS_H
#define MN_TRAIN_LOSS_PARTS_H

#include "train/loss.h"

/* What rows begin to end - 1 add to the sum. */
typedef double mn_rows_fn(const void *args, size_t begin, size_t end);

/* Over all rows, parts added in order. */
double mn_sum_rows(size_t rows, mn_rows_fn *fn, const void *args, const mn_loss_means *means);

/* How many of classes[begin .. end - 1] are not background, as a mn_rows_fn of the array. */
double mn_count_matched(const void *classes, size_t begin, size_t end);

enum { MN_SOFTMAX_ROWS = 64 }; /* most at a time */

/* Of a run of rows. */
typedef struct mn_softmax_rows {
  const float *x;                   /* [rows][columns] */
  float *p;                         /* [rows][columns]: softmax(x) * scale */
  size_t rows, columns;             /* rows: at most MN_SOFTMAX_ROWS */
  float scales[MN_SOFTMAX_ROWS];    /* in */
  double log_sums[MN_SOFTMAX_ROWS]; /* out: log(sum of exp(x)) */
} mn_softmax_rows;
void mn_softmax_run(const mn_grad_kernels *kernels, mn_softmax_rows *run);

#endif
