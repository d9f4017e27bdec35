/* SPDX-License-Identifier: Apache-2.0
 * The width multiplier's rounding. */
#include "zoo/blocks.h"

int32_t mn_make_divisible(double channels) {
  int32_t rounded = (int32_t)(channels + 4) / 8 * 8;
  if (rounded < 8) rounded = 8;
  if (rounded < 0.9 * channels) rounded += 8;
  return rounded;
}
