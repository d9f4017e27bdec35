/* SPDX-License-Identifier: Apache-2.0
 * Numbers that a test and the script of its goldens both know: the script's numbers(tensor,
 * ...)[index]. */
#ifndef MN_TESTS_GRAD_NUMBERS_H
#define MN_TESTS_GRAD_NUMBERS_H

#include <stdint.h>

/* -1 to 1. */
static inline float number(uint64_t tensor, uint64_t index) {
  uint64_t z = ((tensor << 32) + index + 1) * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  z ^= z >> 31;
  return (float)((double)(z >> 40) / 8388608.0 - 1);
}

#endif
