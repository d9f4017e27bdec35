/* SPDX-License-Identifier: Apache-2.0
 * See targets.h. */
#include "train/targets.h"

void mn_targets_of_class(float *targets, int32_t classes, int32_t class_index, double smoothing) {
  const double each = smoothing / classes;
  for (int32_t i = 0; i < classes; ++i) targets[i] = (float)each;
  targets[class_index] = (float)(1 - smoothing + each);
}

static void mix_two(float *one, float *other, size_t size, double share) {
  const float a = (float)share, b = (float)(1 - share);
  for (size_t i = 0; i < size; ++i) {
    const float x = one[i], y = other[i];
    one[i] = x * a + y * b;
    other[i] = y * a + x * b;
  }
}

void mn_mix(float *batch, int32_t count, size_t size, double share) {
  for (int32_t i = 0; i + 1 < count; i += 2) {
    float *one = batch + (size_t)i * size;
    mix_two(one, one + size, size, share);
  }
}
