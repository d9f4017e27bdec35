/* SPDX-License-Identifier: Apache-2.0
 * See gradient_norm.h. All arrays end to end are one sequence, which is cut into parts of the same
 * length; a part's sum has its own order, and parts are added in theirs. */
#include "train/gradient_norm.h"

#include <math.h>

#include "base/threads.h"

enum { PARTS = 32, LANES = 8 };

typedef struct norm_work {
  const mn_gradients *gradients;
  size_t total;
  double parts[PARTS];
} norm_work;

static double squares(const float *x, size_t count) {
  double lanes[LANES] = {0}, sum = 0;
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    for (int k = 0; k < LANES; k++) lanes[k] += (double)x[i + (size_t)k] * (double)x[i + (size_t)k];
  }
  for (int k = 0; k < LANES; k++) sum += lanes[k];
  for (; i < count; i++) sum += (double)x[i] * (double)x[i];
  return sum;
}

/* Of elements from to to - 1 of the sequence. */
static double squares_between(const mn_gradients *gradients, size_t from, size_t to) {
  size_t begin = 0;
  double sum = 0;
  for (size_t a = 0; a < gradients->array_count && begin < to; a++) {
    const size_t end = begin + gradients->counts[a];
    const size_t first = from > begin ? from : begin, last = to < end ? to : end;
    if (first < last) sum += squares(gradients->arrays[a] + (first - begin), last - first);
    begin = end;
  }
  return sum;
}

static void add_parts(void *context, int worker, size_t begin, size_t end) {
  norm_work *work = context;
  (void)worker;
  for (size_t i = begin; i < end; i++) {
    work->parts[i] =
        squares_between(work->gradients, work->total * i / PARTS, work->total * (i + 1) / PARTS);
  }
}

double mn_gradient_norm(const mn_gradients *gradients, mn_threads *threads) {
  norm_work work = {.gradients = gradients};
  double sum = 0;
  for (size_t a = 0; a < gradients->array_count; a++) work.total += gradients->counts[a];
  mn_threads_run(threads, threads ? mn_threads_count(threads) : 1, PARTS, add_parts, &work);
  for (int i = 0; i < PARTS; i++) sum += work.parts[i];
  return sqrt(sum);
}

float mn_clip_scale(double norm, double most) {
  if (!(most > 0)) return 1.0f;
  const double scale = most / (norm + 1e-6);
  return scale < 1 ? (float)scale : 1.0f;
}
