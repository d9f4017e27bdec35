/* SPDX-License-Identifier: Apache-2.0
 * Softmax and cross entropy: of soft targets, and of one label a row. With probabilities p and
 * weighted targets t the gradient is p * sum(t) - t. */
#include <string.h>

#include "train/loss_parts.h"

/* The next rows of begin .. end - 1. */
static size_t run_of(size_t begin, size_t end) {
  return end - begin < MN_SOFTMAX_ROWS ? end - begin : MN_SOFTMAX_ROWS;
}

typedef struct soft_work {
  const mn_soft_loss_args *args;
  const mn_grad_kernels *kernels;
  float scale;
} soft_work;

static float soft_target(const mn_soft_loss_args *a, size_t row, size_t class) {
  const float target = a->targets[row * a->classes + class];
  return a->class_weights ? target * a->class_weights[class] : target;
}

/* What the row's targets amount to. */
static float soft_weight(const mn_soft_loss_args *a, size_t row) {
  double sum = 0;
  for (size_t c = 0; c < a->classes; c++) sum += (double)soft_target(a, row, c);
  return (float)sum;
}

static double finish_soft_row(const soft_work *work, size_t row, double log_sum) {
  const mn_soft_loss_args *a = work->args;
  const float *x = a->logits + row * a->classes;
  float *g = a->gradient + row * a->classes;
  double sum = 0;
  for (size_t c = 0; c < a->classes; c++) {
    const float t = soft_target(a, row, c);
    sum += (double)t * (log_sum - (double)x[c]);
    g[c] -= t * work->scale;
  }
  return sum;
}

static double soft_rows(const void *context, size_t begin, size_t end) {
  const soft_work *work = context;
  const mn_soft_loss_args *a = work->args;
  double sum = 0;
  for (size_t r = begin; r < end; r += MN_SOFTMAX_ROWS) {
    mn_softmax_rows run = {.x = a->logits + r * a->classes,
                           .p = a->gradient + r * a->classes,
                           .rows = run_of(r, end),
                           .columns = a->classes};
    for (size_t i = 0; i < run.rows; i++) run.scales[i] = soft_weight(a, r + i) * work->scale;
    mn_softmax_run(work->kernels, &run);
    for (size_t i = 0; i < run.rows; i++) sum += finish_soft_row(work, r + i, run.log_sums[i]);
  }
  return sum;
}

mn_loss mn_soft_loss(const mn_soft_loss_args *args, const mn_loss_means *means) {
  mn_loss loss = {.divisor = (double)args->rows};
  const double divisor = args->divisor > 0 ? args->divisor : loss.divisor;
  const soft_work work = {args, means->kernels, (float)(1 / divisor)};
  loss.sum = mn_sum_rows(args->rows, soft_rows, &work, means);
  return loss;
}

/* ---- one label a row ------------------------------------------------------------------------- */

typedef struct label_work {
  const mn_label_loss_args *args;
  const mn_grad_kernels *kernels;
  float scale;
} label_work;

/* 0: the row says nothing. */
static float label_weight(const mn_label_loss_args *args, size_t row) {
  const uint8_t label = args->labels[row];
  if (label == args->ignored) return 0;
  return args->class_weights ? args->class_weights[label] : 1.0f;
}

static double count_weights(const void *context, size_t begin, size_t end) {
  double sum = 0;
  for (size_t r = begin; r < end; r++) sum += (double)label_weight(context, r);
  return sum;
}

static double finish_label_row(const mn_label_loss_args *a, size_t row, double log_sum,
                               float scale) {
  const uint8_t label = a->labels[row];
  const float weight = label_weight(a, row);
  float *g = a->gradient + row * a->classes;
  if (weight == 0) {
    memset(g, 0, a->classes * sizeof *g);
    return 0;
  }
  g[label] -= scale;
  return (double)weight * (log_sum - (double)a->logits[row * a->classes + label]);
}

static double label_rows(const void *context, size_t begin, size_t end) {
  const label_work *work = context;
  const mn_label_loss_args *a = work->args;
  double sum = 0;
  for (size_t r = begin; r < end; r += MN_SOFTMAX_ROWS) {
    mn_softmax_rows run = {.x = a->logits + r * a->classes,
                           .p = a->gradient + r * a->classes,
                           .rows = run_of(r, end),
                           .columns = a->classes};
    for (size_t i = 0; i < run.rows; i++) run.scales[i] = label_weight(a, r + i) * work->scale;
    mn_softmax_run(work->kernels, &run);
    for (size_t i = 0; i < run.rows; i++) {
      sum += finish_label_row(a, r + i, run.log_sums[i], run.scales[i]);
    }
  }
  return sum;
}

mn_loss mn_label_loss(const mn_label_loss_args *args, const mn_loss_means *means) {
  mn_loss loss = {.divisor = mn_sum_rows(args->rows, count_weights, args, means)};
  const double divisor = args->divisor > 0 ? args->divisor : loss.divisor;
  const label_work work = {args, means->kernels, divisor > 0 ? (float)(1 / divisor) : 0};
  loss.sum = mn_sum_rows(args->rows, label_rows, &work, means);
  return loss;
}
