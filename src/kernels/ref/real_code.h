/* SPDX-License-Identifier: Apache-2.0
 * From a float to a code as ONNX defines it: rounded half to even, a zero point added, clamped. The
 * float is given in steps of the code's scale. */
#ifndef MN_KERNELS_REF_REAL_CODE_H
#define MN_KERNELS_REF_REAL_CODE_H

#include <stdint.h>

/* Half to even, |x| <= 2^22: to where floats are whole numbers and back. */
static inline int32_t mn_round_even(float x) { return (int32_t)((x + 12582912.0f) - 12582912.0f); }

/* lo when x is no number. */
static inline float mn_clamp_steps(float x, float lo, float hi) {
  x = x > lo ? x : lo;
  return x < hi ? x : hi;
}

/* min and max are codes of eight bits. */
static inline int32_t mn_code_of_steps(float steps, int32_t zero, int32_t min, int32_t max) {
  return mn_round_even(mn_clamp_steps(steps, (float)(min - zero), (float)(max - zero))) + zero;
}

#endif
