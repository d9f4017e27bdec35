/* SPDX-License-Identifier: Apache-2.0
 * The smooth L1 loss of SSD's encodings (Girshick, "Fast R-CNN", 2015): half the square of an
 * error below 1, the error less a half above. */
#include <math.h>
#include <stdbool.h>

#include "train/loss_parts.h"

typedef struct box_work {
  const mn_box_loss_args *args;
  double scale;
} box_work;

static double box_rows(const void *context, size_t begin, size_t end) {
  const box_work *work = context;
  const mn_box_loss_args *a = work->args;
  double sum = 0;
  for (size_t i = 4 * begin; i < 4 * end; i++) {
    const bool matched = a->classes[i / 4] > 0;
    const double error = matched ? (double)a->encodings[i] - (double)a->targets[i] : 0;
    const double size = fabs(error), slope = size < 1 ? error : copysign(1, error);
    sum += size < 1 ? error * error / 2 : size - 0.5;
    a->gradient[i] = (float)(slope * work->scale);
  }
  return sum;
}

mn_loss mn_box_loss(const mn_box_loss_args *args, const mn_loss_means *means) {
  mn_loss loss = {.divisor =
                      fmax(1, mn_sum_rows(args->rows, mn_count_matched, args->classes, means))};
  const box_work work = {args, 1 / (args->divisor > 0 ? args->divisor : loss.divisor)};
  loss.sum = mn_sum_rows(args->rows, box_rows, &work, means);
  return loss;
}
