/* SPDX-License-Identifier: Apache-2.0
 * What float kernels end with: the clamp min(max(x, lo), hi), where max(NaN, lo) = lo, or
 * hard-swish. */
#ifndef MN_KERNELS_REF_CLAMP_F32_H
#define MN_KERNELS_REF_CLAMP_F32_H

#include "kernels/kernels.h"

static inline float mn_clamp_one_f32(float x, float lo, float hi) {
  x = x > lo ? x : lo;
  return x < hi ? x : hi;
}

static inline float mn_hard_swish_one_f32(float x) {
  return x * (mn_clamp_one_f32(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f));
}

static inline float mn_finish_one_f32(float x, const mn_finish_f32 *finish) {
  if (finish->hard_swish) return mn_hard_swish_one_f32(x);
  return mn_clamp_one_f32(x, finish->lo, finish->hi);
}

#endif
