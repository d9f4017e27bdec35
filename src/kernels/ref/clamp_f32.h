/* SPDX-License-Identifier: Apache-2.0
 * The clamp that every float kernel ends with: min(max(x, lo), hi), where max(NaN, lo) = lo. */
#ifndef MN_KERNELS_REF_CLAMP_F32_H
#define MN_KERNELS_REF_CLAMP_F32_H

static inline float mn_clamp_one_f32(float x, float lo, float hi) {
  x = x > lo ? x : lo;
  return x < hi ? x : hi;
}

#endif
