/* SPDX-License-Identifier: Apache-2.0
 * See loss_parts.h. */
#include "train/loss_parts.h"

#include <math.h>

#include "base/threads.h"

enum { PARTS = 32 };

typedef struct row_sum {
  mn_rows_fn *fn;
  const void *args;
  size_t rows;
  double parts[PARTS];
} row_sum;

static void sum_parts(void *context, int worker, size_t begin, size_t end) {
  row_sum *sum = context;
  (void)worker;
  for (size_t i = begin; i < end; i++) {
    sum->parts[i] = sum->fn(sum->args, sum->rows * i / PARTS, sum->rows * (i + 1) / PARTS);
  }
}

double mn_sum_rows(size_t rows, mn_rows_fn *fn, const void *args, const mn_loss_means *means) {
  mn_threads *threads = means->threads;
  row_sum sum = {.fn = fn, .args = args, .rows = rows};
  double all = 0;
  mn_threads_run(threads, threads ? mn_threads_count(threads) : 1, PARTS, sum_parts, &sum);
  for (int i = 0; i < PARTS; i++) all += sum.parts[i];
  return all;
}

double mn_count_matched(const void *classes, size_t begin, size_t end) {
  const int32_t *of = classes;
  size_t count = 0;
  for (size_t i = begin; i < end; i++) count += of[i] > 0;
  return (double)count;
}

void mn_softmax_run(const mn_grad_kernels *kernels, mn_softmax_rows *run) {
  float most[MN_SOFTMAX_ROWS];
  double sums[MN_SOFTMAX_ROWS];
  kernels->softmax(&(mn_softmax_args){.x = run->x,
                                      .scales = run->scales,
                                      .p = run->p,
                                      .most = most,
                                      .sums = sums,
                                      .rows = run->rows,
                                      .columns = run->columns});
  for (size_t r = 0; r < run->rows; r++) run->log_sums[r] = (double)most[r] + log(sums[r]);
}
