/* SPDX-License-Identifier: Apache-2.0
 * Ranking by insertion into a short list. Ranks are decided on the network's own output, so that
 * rounding in the score function cannot swap two classes. */
#include "post/topk.h"

#include <math.h>

static float value_at(const mn_scores *scores, int32_t index) {
  switch (scores->type) {
    case MN_U8: {
      const uint8_t *codes = scores->data;
      return scores->scale * (float)(codes[index] - scores->zero);
    }
    case MN_I8: {
      const int8_t *codes = scores->data;
      return scores->scale * (float)(codes[index] - scores->zero);
    }
    default: {
      const float *values = scores->data;
      return values[index];
    }
  }
}

/* NaN ranks below everything. */
static bool ranks_above(float a, float b) { return a > b || (isnan(b) && !isnan(a)); }

static int rank(const mn_scores *scores, int32_t background, int k, mn_class *classes) {
  int kept = 0;
  for (int32_t i = 0; i < scores->count; i++) {
    if (i == background) continue;
    float value = value_at(scores, i);
    int at = kept < k ? kept++ : k;
    for (; at > 0 && ranks_above(value, classes[at - 1].score); at--) {
      if (at < k) classes[at] = classes[at - 1];
    }
    if (at < k) classes[at] = (mn_class){i, value, NULL};
  }
  return kept;
}

/* softmax's denominator relative to the largest output. */
static double softmax_sum(const mn_scores *scores, float *largest) {
  *largest = -INFINITY;
  for (int32_t i = 0; i < scores->count; i++) {
    float value = value_at(scores, i);
    if (value > *largest) *largest = value;
  }
  double sum = 0;
  for (int32_t i = 0; i < scores->count; i++) {
    sum += exp((double)value_at(scores, i) - (double)*largest);
  }
  return sum;
}

static void apply_score(const mn_scores *scores, mn_score function, int count, mn_class *classes) {
  float largest = 0;
  double sum = function == MN_SCORE_SOFTMAX ? softmax_sum(scores, &largest) : 0;
  for (int i = 0; i < count; i++) {
    double value = (double)classes[i].score;
    if (function == MN_SCORE_SOFTMAX) value = exp(value - (double)largest) / sum;
    if (function == MN_SCORE_SIGMOID) value = 1.0 / (1.0 + exp(-value));
    classes[i].score = (float)value;
  }
}

int mn_topk(const mn_scores *scores, const mn_contract *contract, int k, mn_class *classes) {
  int32_t background = contract->labels.background;
  int count = rank(scores, background, k, classes);
  apply_score(scores, contract->score, count, classes);
  for (int i = 0; i < count; i++) {
    int32_t output = classes[i].index;
    if (output < contract->labels.count) classes[i].label = contract->labels.names[output];
    if (background >= 0 && output > background) classes[i].index--;
  }
  return count;
}
