/* SPDX-License-Identifier: Apache-2.0
 * Size arithmetic that says when it overflows: true when *out holds the exact result. */
#ifndef MN_BASE_CHECKED_H
#define MN_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool mn_add_size(size_t a, size_t b, size_t *out) {
  return !__builtin_add_overflow(a, b, out);
}
static inline bool mn_mul_size(size_t a, size_t b, size_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}
static inline bool mn_add_i32(int32_t a, int32_t b, int32_t *out) {
  return !__builtin_add_overflow(a, b, out);
}
static inline bool mn_mul_i32(int32_t a, int32_t b, int32_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}
/* True when [offset, offset + length) lies within `size` bytes. */
static inline bool mn_within(uint64_t offset, uint64_t length, uint64_t size) {
  return offset <= size && length <= size - offset;
}
/* Rounds up to a multiple of `align` (a power of two). */
static inline bool mn_round_up(size_t a, size_t align, size_t *out) {
  if (!mn_add_size(a, align - 1, out)) return false;
  *out &= ~(align - 1);
  return true;
}

#endif
