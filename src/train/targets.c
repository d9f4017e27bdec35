/* SPDX-License-Identifier: Apache-2.0
 * See targets.h. */
#include "train/targets.h"

#include <string.h>

void mn_targets_of_class(float *targets, int32_t classes, int32_t class_index, double smoothing) {
  const double each = smoothing / classes;
  for (int32_t i = 0; i < classes; ++i) targets[i] = (float)each;
  targets[class_index] = (float)(1 - smoothing + each);
}

static void mix_into(float *piece, const float *other, size_t size, double share) {
  const float a = (float)share, b = (float)(1 - share);
  for (size_t i = 0; i < size; ++i) piece[i] = piece[i] * a + other[i] * b;
}

/* From the last to the first: the one before is still itself. */
void mn_mix(float *batch, int32_t count, size_t size, double share, float *work) {
  if (count < 2) return;
  memcpy(work, batch + ((size_t)count - 1) * size, size * sizeof *work);
  for (size_t i = (size_t)count - 1; i > 0; --i) {
    mix_into(batch + i * size, batch + (i - 1) * size, size, share);
  }
  mix_into(batch, work, size, share);
}
