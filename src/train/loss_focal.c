/* SPDX-License-Identifier: Apache-2.0
 * The focal loss (Lin et al., "Focal Loss for Dense Object Detection", 2017), as torchvision's
 * sigmoid_focal_loss. With s the logit of being right, q = 1 / (1 + e^s) how wrong it is and
 * l = log(1 + e^-s) its cross entropy, the loss is a * q^gamma * l, and its slope by s
 * -a * q^gamma * (gamma * (1 - q) * l + q). */
#include <math.h>
#include <string.h>

#include "train/loss_parts.h"

typedef struct focal_work {
  const mn_focal_loss_args *args;
  const mn_grad_kernels *kernels;
  float scale;
} focal_work;

/* Of rows that all say something. */
static double focal_run(const focal_work *work, size_t begin, size_t end) {
  const mn_focal_loss_args *a = work->args;
  const size_t at = begin * a->column_count;
  return work->kernels->focal(
      &(mn_focal_args){.x = a->logits + at,
                       .classes = a->classes + begin,
                       .gradient = a->gradient + at,
                       .rows = end - begin,
                       .columns = a->column_count,
                       .there = a->alpha < 0 ? 1.0f : (float)a->alpha,
                       .absent = a->alpha < 0 ? 1.0f : (float)(1 - a->alpha),
                       .gamma = (float)a->gamma,
                       .scale = work->scale});
}

static double focal_rows(const void *context, size_t begin, size_t end) {
  const focal_work *work = context;
  const mn_focal_loss_args *a = work->args;
  double sum = 0;
  for (size_t r = begin, to; r < end; r = to) {
    const bool silent = a->classes[r] < 0;
    for (to = r + 1; to < end && (a->classes[to] < 0) == silent; to++) continue;
    if (silent) {
      memset(a->gradient + r * a->column_count, 0, (to - r) * a->column_count * sizeof(float));
    } else {
      sum += focal_run(work, r, to);
    }
  }
  return sum;
}

mn_loss mn_focal_loss(const mn_focal_loss_args *args, const mn_loss_means *means) {
  const double matched = mn_sum_rows(args->rows, mn_count_matched, args->classes, means);
  mn_loss loss = {.divisor = fmax(1, matched)};
  const double divisor = args->divisor > 0 ? args->divisor : loss.divisor;
  const focal_work work = {args, means->kernels, (float)(1 / divisor)};
  loss.sum = mn_sum_rows(args->rows, focal_rows, &work, means);
  return loss;
}
