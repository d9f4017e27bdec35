/* SPDX-License-Identifier: Apache-2.0
 * From the sum of channel n to its code, by the form that defines it (kernels.h, mn_requant). */
#ifndef MN_KERNELS_REF_REQUANT_CODE_H
#define MN_KERNELS_REF_REQUANT_CODE_H

#include <math.h>

#include "kernels/kernels.h"
#include "kernels/ref/requant.h"

static inline uint8_t mn_requant_code(const mn_requant *by, size_t n, int32_t sum) {
  int32_t code;
  if (by->multiplier) {
    code = mn_multiply_quantized(sum, by->multiplier[n], by->shift[n]);
    code = mn_wrapping_add(code, by->out_zero);
  } else {
    const float real = fmaf((float)sum, by->scale[n], sum < 0 ? by->below[n] : by->above[n]);
    const float most = 65536.0f; /* beyond any code, within an int */
    code = (int32_t)rintf(real < -most ? -most : real < most ? real : most) + by->base;
  }
  return (uint8_t)mn_clamp_i32(code, by->out_min, by->out_max);
}

#endif
