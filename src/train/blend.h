/* SPDX-License-Identifier: Apache-2.0
 * The arithmetic that torchvision's colour functions share, in its order of float operations. */
#ifndef MN_TRAIN_BLEND_H
#define MN_TRAIN_BLEND_H

#include <stdint.h>

/* factor * value + (1 - factor) * other, cut to 0..255 and rounded down. */
static inline uint8_t mn_blend(float value, float other, double factor) {
  const float v = (float)factor * value + (float)(1.0 - factor) * other;
  return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* Rounded down. */
static inline uint8_t mn_gray_of(const uint8_t rgb[3]) {
  return (uint8_t)(0.2989f * (float)rgb[0] + 0.587f * (float)rgb[1] + 0.114f * (float)rgb[2]);
}

#endif
