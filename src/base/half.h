/* SPDX-License-Identifier: Apache-2.0
 * The 16-bit floats that files store, widened exactly; and floats rounded to bf16. */
#ifndef MN_BASE_HALF_H
#define MN_BASE_HALF_H

#include <stdint.h>
#include <string.h>

/* The upper half of a binary32. */
static inline float mn_bfloat_to_float(uint16_t half) {
  uint32_t bits = (uint32_t)half << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* To nearest, ties to even; NaN stays NaN. */
static inline uint16_t mn_bfloat_of_float(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if (value != value) return (uint16_t)(bits >> 16 | 0x40u);
  return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/* IEEE 754 binary16. */
static inline float mn_half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000u) << 16, exponent = half >> 10 & 31u;
  uint32_t mantissa = half & 0x3ffu;
  if (exponent == 0) {
    float magnitude = (float)mantissa * 0x1p-24f;
    return sign ? -magnitude : magnitude;
  }
  uint32_t bits = sign | (exponent == 31 ? 255u : exponent + 112u) << 23 | mantissa << 13;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

#endif
