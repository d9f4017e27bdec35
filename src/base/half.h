/* SPDX-License-Identifier: Apache-2.0
 * Half precision as storage: IEEE 754 binary16 to float, exactly. */
#ifndef MN_BASE_HALF_H
#define MN_BASE_HALF_H

#include <math.h>
#include <stdint.h>

static inline float mn_half_to_float(uint16_t bits) {
  int exponent = bits >> 10 & 31, fraction = bits & 1023;
  float magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                    : exponent == 0 ? ldexpf((float)fraction, -24)
                                    : ldexpf((float)(fraction + 1024), exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

#endif
