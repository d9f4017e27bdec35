/* SPDX-License-Identifier: Apache-2.0
 * The arithmetic that torchvision's colour functions share, in its order of float operations:
 * factor * value + (1 - factor) * other, cut to 0..255 and rounded down. Both are bytes nearly
 * always, so their products are looked up. */
#ifndef MN_TRAIN_BLEND_H
#define MN_TRAIN_BLEND_H

#include <stdint.h>

/* Whole first: integers are cut without branches, which pixels would make mispredicted ones. */
static inline uint8_t mn_cut_to_byte(float v) {
  int32_t whole = (int32_t)v;
  whole = whole < 0 ? 0 : whole;
  return (uint8_t)(whole > 255 ? 255 : whole);
}

static inline uint8_t mn_blend(float value, float other, double factor) {
  return mn_cut_to_byte((float)factor * value + (float)(1.0 - factor) * other);
}

typedef struct mn_blend_table {
  float value[256], other[256];
} mn_blend_table;

static inline void mn_blend_fill(mn_blend_table *table, double factor) {
  for (int i = 0; i < 256; ++i) {
    table->value[i] = (float)factor * (float)i;
    table->other[i] = (float)(1.0 - factor) * (float)i;
  }
}

static inline uint8_t mn_blend_bytes(const mn_blend_table *table, uint8_t value, uint8_t other) {
  return mn_cut_to_byte(table->value[value] + table->other[other]);
}

/* Gray as torchvision has it: 0.2989 r + 0.587 g + 0.114 b, rounded down. */
typedef struct mn_gray_table {
  float part[3][256];
} mn_gray_table;

static inline void mn_gray_fill(mn_gray_table *table) {
  for (int i = 0; i < 256; ++i) {
    table->part[0][i] = 0.2989f * (float)i;
    table->part[1][i] = 0.587f * (float)i;
    table->part[2][i] = 0.114f * (float)i;
  }
}

static inline uint8_t mn_gray_of(const mn_gray_table *table, const uint8_t rgb[3]) {
  const float sum = table->part[0][rgb[0]] + table->part[1][rgb[1]] + table->part[2][rgb[2]];
  return (uint8_t)(int32_t)sum;
}

#endif
