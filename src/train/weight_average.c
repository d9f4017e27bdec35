/* SPDX-License-Identifier: Apache-2.0
 * See weight_average.h. */
#include "train/weight_average.h"

double mn_average_decay(double decay, int64_t updates) {
  const double early = (1 + (double)updates) / (10 + (double)updates);
  return early < decay ? early : decay;
}

/* The form of TensorFlow and timm: the difference is exact where the two are near each other. */
void mn_average_update(float *average, const float *weights, double decay, size_t begin,
                       size_t end) {
  float *restrict a = average + begin;
  const float *restrict w = weights + begin;
  const float share = (float)(1 - decay);
  for (size_t i = 0; i < end - begin; i++) a[i] -= share * (a[i] - w[i]);
}
