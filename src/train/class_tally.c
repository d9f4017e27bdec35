/* SPDX-License-Identifier: Apache-2.0
 * See class_tally.h. */
#include "train/class_tally.h"

#include <stdbool.h>

/* Class a stands before class b. */
static bool before(const float *scores, int32_t a, int32_t b) {
  const float x = scores[a], y = scores[b];
  if (x != x || y != y) return x == x || (y != y && a < b);
  return x > y || (x == y && a < b);
}

int32_t mn_class_rank(const float *scores, int32_t classes, int32_t class_index) {
  int32_t rank = 0;
  for (int32_t c = 0; c < classes; c++) rank += before(scores, c, class_index);
  return rank;
}

int32_t mn_class_best(const float *scores, int32_t classes) {
  int32_t best = 0;
  for (int32_t c = 1; c < classes; c++) {
    if (before(scores, c, best)) best = c;
  }
  return best;
}

void mn_class_tally_add(mn_class_tally *tally, const float *scores, const int32_t *truth,
                        size_t rows) {
  const size_t classes = (size_t)tally->classes;
  for (size_t r = 0; r < rows; r++, scores += classes) {
    const int32_t rank = mn_class_rank(scores, tally->classes, truth[r]);
    tally->pictures++;
    tally->top1 += rank == 0;
    tally->top5 += rank < 5;
    if (!tally->confusion) continue;
    const size_t best = (size_t)mn_class_best(scores, tally->classes);
    tally->confusion[(size_t)truth[r] * classes + best]++;
  }
}

double mn_class_recall(const mn_class_tally *tally, int32_t class_index) {
  const int64_t *row = tally->confusion + (size_t)class_index * (size_t)tally->classes;
  int64_t all = 0;
  for (int32_t c = 0; c < tally->classes; c++) all += row[c];
  return all > 0 ? (double)row[class_index] / (double)all : -1;
}
