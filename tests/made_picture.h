/* SPDX-License-Identifier: Apache-2.0
 * Pictures that tests and the scripts of tests/oracle make alike, so that none is stored, and the
 * hash by which results are compared. */
#ifndef MN_TESTS_MADE_PICTURE_H
#define MN_TESTS_MADE_PICTURE_H

#include <stdint.h>
#include <stdlib.h>

/* [height][width][3], to be freed. kind 0: random bytes; 1: 0 or 255; 2: a ramp with some noise. */
static inline uint8_t *make_picture(int width, int height, uint32_t seed, int kind) {
  size_t size = (size_t)width * (size_t)height * 3;
  uint8_t *pixels = malloc(size);
  if (!pixels) abort();
  uint32_t state = seed;
  for (size_t i = 0; i < size; ++i) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    uint32_t value = state >> 24;
    if (kind == 1) value = value & 128 ? 255 : 0;
    if (kind == 2) value = (uint32_t)(i / 3 * 5 + (value & 7)) & 255;
    pixels[i] = (uint8_t)value;
  }
  return pixels;
}

/* FNV-1a, 64 bits. */
static inline unsigned long long fnv(const uint8_t *bytes, size_t size) {
  unsigned long long value = 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; ++i) value = (value ^ bytes[i]) * 0x100000001b3u;
  return value;
}

#endif
