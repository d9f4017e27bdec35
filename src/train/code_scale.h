/* SPDX-License-Identifier: Apache-2.0
 * From a range of real numbers to the scale and zero point of int8 codes (Jacob et al.,
 * "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
 * 2018, section 3.1). One function: training rounds by it, files are written by it. */
#ifndef MN_TRAIN_CODE_SCALE_H
#define MN_TRAIN_CODE_SCALE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

enum { MN_CODE_LOW = -128, MN_CODE_HIGH = 127 };

/* 0 lies in it. */
typedef struct mn_code_range {
  float low, high;
} mn_code_range;

typedef struct mn_code_scale {
  float scale;
  int32_t zero;
} mn_code_scale;

/* False of what nothing but zeros has been seen of, or nothing at all. */
static inline bool mn_code_range_known(mn_code_range range) {
  return (double)range.high - (double)range.low > 1e-30; /* a smaller scale has no inverse */
}

/* 0 is a code, so that padding is exact. An unknown range becomes that of zeros. */
static inline mn_code_scale mn_code_scale_of(mn_code_range range) {
  if (!mn_code_range_known(range)) return (mn_code_scale){1.0f / 255, MN_CODE_LOW};
  const double scale = ((double)range.high - (double)range.low) / (MN_CODE_HIGH - MN_CODE_LOW);
  const double zero = nearbyint(MN_CODE_LOW - (double)range.low / scale);
  const double bounded = fmin(fmax(zero, MN_CODE_LOW), MN_CODE_HIGH);
  return (mn_code_scale){(float)scale, (int32_t)bounded};
}

#endif
