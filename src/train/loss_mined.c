/* SPDX-License-Identifier: Apache-2.0
 * SSD's loss of classes (Liu et al., 2016, section 2.2): nearly all anchors are background, so of
 * those only the ones with the largest losses count, some for each anchor of a box. A part of the
 * sum is one or more whole pictures. */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "train/loss_parts.h"

typedef struct mined_work {
  const mn_mined_loss_args *args;
  const mn_grad_kernels *kernels;
  float scale;
} mined_work;

/* Losses are not negative, so their bits are in their order; what is no number comes first. */
static uint32_t order_of(float loss) {
  uint32_t bits;
  memcpy(&bits, &loss, sizeof bits);
  return bits;
}

/* The largest bits of which at least `wanted` background losses are as large or larger, and how
 * many are larger: bit after bit from the highest. */
static uint32_t mining_threshold(const float *losses, const int32_t *classes, size_t anchors,
                                 size_t wanted, size_t *larger) {
  uint32_t threshold = 0;
  for (uint32_t bit = UINT32_C(1) << 31; bit; bit >>= 1) {
    size_t count = 0;
    for (size_t i = 0; i < anchors; i++) {
      count += classes[i] == 0 && order_of(losses[i]) >= (threshold | bit);
    }
    if (count >= wanted) threshold |= bit;
  }
  *larger = 0;
  for (size_t i = 0; i < anchors; i++) {
    *larger += classes[i] == 0 && order_of(losses[i]) > threshold;
  }
  return threshold;
}

static size_t wanted_negatives(const mn_mined_loss_args *args, size_t matched) {
  const double wanted = args->negatives * (double)matched;
  const size_t most = args->anchors - matched;
  const size_t at_least = wanted < (double)args->least ? args->least : (size_t)wanted;
  return at_least < most ? at_least : most;
}

/* Adds what counts, clears the gradients of what does not. Among equals the first count. */
static double mine(const mn_mined_loss_args *a, size_t picture, float scale) {
  const size_t first = picture * a->anchors;
  const int32_t *classes = a->classes + first;
  const float *losses = a->losses + first;
  size_t wanted = wanted_negatives(a, (size_t)mn_count_matched(classes, 0, a->anchors)), larger;
  const uint32_t threshold = mining_threshold(losses, classes, a->anchors, wanted, &larger);
  size_t equals = wanted > larger ? wanted - larger : 0;
  double sum = 0;
  for (size_t i = 0; i < a->anchors; i++) {
    float *g = a->gradient + (first + i) * a->column_count;
    const uint32_t order = order_of(losses[i]);
    const bool equal = classes[i] == 0 && order == threshold && equals > 0;
    if (equal) equals--;
    const bool counts = classes[i] > 0 || order > threshold || equal;
    if (counts) {
      sum += (double)losses[i];
      g[classes[i]] -= scale;
    } else {
      memset(g, 0, a->column_count * sizeof *g);
    }
  }
  return sum;
}

/* Softmax, as if all of them counted, and losses. */
static void score_anchors(const mined_work *work, size_t begin, size_t end) {
  const mn_mined_loss_args *a = work->args;
  for (size_t i = begin; i < end; i += MN_SOFTMAX_ROWS) {
    const float *x = a->logits + i * a->column_count;
    mn_softmax_rows run = {.x = x,
                           .p = a->gradient + i * a->column_count,
                           .rows = end - i < MN_SOFTMAX_ROWS ? end - i : MN_SOFTMAX_ROWS,
                           .columns = a->column_count};
    for (size_t k = 0; k < run.rows; k++) run.scales[k] = work->scale;
    mn_softmax_run(work->kernels, &run);
    for (size_t k = 0; k < run.rows; k++, x += a->column_count) {
      a->losses[i + k] = (float)(run.log_sums[k] - (double)x[a->classes[i + k]]);
    }
  }
}

static double mined_pictures(const void *context, size_t begin, size_t end) {
  const mined_work *work = context;
  const mn_mined_loss_args *a = work->args;
  double sum = 0;
  for (size_t p = begin; p < end; p++) {
    score_anchors(work, p * a->anchors, (p + 1) * a->anchors);
    sum += mine(a, p, work->scale);
  }
  return sum;
}

mn_loss mn_mined_loss(const mn_mined_loss_args *args, const mn_loss_means *means) {
  const size_t rows = args->pictures * args->anchors;
  mn_loss loss = {.divisor = fmax(1, mn_sum_rows(rows, mn_count_matched, args->classes, means))};
  const double divisor = args->divisor > 0 ? args->divisor : loss.divisor;
  const mined_work work = {args, means->kernels, (float)(1 / divisor)};
  loss.sum = mn_sum_rows(args->pictures, mined_pictures, &work, means);
  return loss;
}
