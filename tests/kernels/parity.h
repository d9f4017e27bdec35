/* SPDX-License-Identifier: Apache-2.0
 * What the parity cases share: operands that end where an unmapped page begins (an over-read
 * faults) with canaries before them, numbers from a fixed seed, and the failure report. */
#ifndef MN_TESTS_KERNELS_PARITY_H
#define MN_TESTS_KERNELS_PARITY_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernels/kernels.h"

enum { GUARD_BYTES = 8 << 20, GUARD_CANARY = 128, GUARD_FILL = 0xA5 };

/* A place for one operand at a time, reused from case to case. */
typedef struct guard {
  uint8_t *end;   /* the first unmapped byte */
  uint8_t *bytes; /* the operand, ends at `end` */
} guard;

static inline void *guard_take(guard *place, size_t size) {
  if (!place->end) {
    uint8_t *base =
        mmap(NULL, GUARD_BYTES + 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || mprotect(base + GUARD_BYTES, 65536, PROT_NONE) != 0) abort();
    place->end = base + GUARD_BYTES;
  }
  if (size > GUARD_BYTES - GUARD_CANARY) abort();
  place->bytes = place->end - size;
  memset(place->bytes - GUARD_CANARY, GUARD_FILL, GUARD_CANARY + size);
  return place->bytes;
}

/* Whether `size` bytes still hold what guard_take put there. */
static inline bool still_filled(const mn_kernel *kernel, const void *from, size_t size) {
  const uint8_t *bytes = from;
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] == GUARD_FILL) continue;
    fprintf(stderr, "%s: wrote outside its result\n", kernel->name);
    return false;
  }
  return true;
}

static inline bool guard_intact(const mn_kernel *kernel, const guard *place) {
  return still_filled(kernel, place->bytes - GUARD_CANARY, GUARD_CANARY);
}

/* xorshift64*: the same numbers on every machine. */
static uint64_t random_state = 88172645463325252u;
static inline uint32_t random_u32(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return (uint32_t)((random_state * 2685821657736338717u) >> 32);
}
static inline uint32_t random_below(uint32_t count) { return random_u32() % count; }
static inline float random_f32(void) { return (float)(random_u32() >> 8) / 8388608.0f - 1.0f; }
static inline void random_fill_f32(float *x, size_t count) {
  for (size_t i = 0; i < count; i++) x[i] = random_f32();
}

static inline size_t round_up(size_t x, size_t step) { return (x + step - 1) / step * step; }

/* Whether the kernel sums by fused multiply-add. */
static inline bool kernel_fuses(const mn_kernel *kernel) {
  return (kernel->needs & (MN_FMA | MN_AVX512 | MN_NEON)) != 0;
}

/* Says where two results part; true when they do not. */
static inline bool same_bytes(const mn_kernel *kernel, const char *what, const void *got,
                              const void *expected, size_t size) {
  if (memcmp(got, expected, size) == 0) return true;
  const uint8_t *x = got, *y = expected;
  size_t i = 0;
  while (x[i] == y[i]) i++;
  fprintf(stderr, "%s: %s: byte %zu of %zu is %d, expected %d\n", kernel->name, what, i, size, x[i],
          y[i]);
  return false;
}

#endif
