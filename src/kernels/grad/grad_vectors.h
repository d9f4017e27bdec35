/* SPDX-License-Identifier: Apache-2.0
 * Vectors of LANES floats for tiles of ROWS rows, in files with the given NAME; the including file
 * sets them, and how some lanes are loaded and stored; else they are the reference's. GCC's vector
 * types make one source of all widths. */
#ifndef MN_KERNELS_GRAD_GRAD_VECTORS_H
#define MN_KERNELS_GRAD_GRAD_VECTORS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")

#ifndef NAME
#define NAME ref
enum { LANES = 4, ROWS = 4 };
#endif

typedef float vec __attribute__((vector_size(LANES * 4)));
typedef int32_t mask __attribute__((vector_size(LANES * 4)));
typedef uint32_t bits __attribute__((vector_size(LANES * 4)));

INLINE vec load(const float *from) {
  vec x;
  memcpy(&x, from, sizeof x);
  return x;
}
INLINE void store(float *to, vec x) { memcpy(to, &x, sizeof x); }

/* The first `count` lanes; the others are 0. */
INLINE vec load_some(const float *from, size_t count) {
#ifdef LOAD_SOME
  return LOAD_SOME(from, count);
#else
  vec x = {0};
  for (size_t i = 0; i < LANES; i++) x[i] = i < count ? from[i] : 0;
  return x;
#endif
}
INLINE void store_some(float *to, vec x, size_t count) {
#ifdef STORE_SOME
  STORE_SOME(to, x, count);
#else
  for (size_t i = 0; i < LANES; i++) {
    if (i < count) to[i] = x[i];
  }
#endif
}

INLINE vec all(float x) { return x - (vec){0}; }
INLINE vec pick(mask where, vec yes, vec no) {
  return (vec)((where & (mask)yes) | (~where & (mask)no));
}

#endif
