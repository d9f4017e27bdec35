/* SPDX-License-Identifier: Apache-2.0
 * Writing a FlexBuffer map of numbers. Everything is four bytes wide, and offsets point backwards:
 * texts of the keys, their places, the values, the values' types, the root. */
#include <string.h>

#include "wire/flexbuffer.h"

enum { WIDTH = 4, WIDTH_LOG2 = 2 };
/* Packed types: kind << 2 | log2 of the width. */
enum { KIND_INT = 1, KIND_FLOAT = 3, KIND_MAP = 9, KIND_BOOL = 26 };

static size_t aligned(size_t size) { return (size + WIDTH - 1) / WIDTH * WIDTH; }

static size_t key_bytes(const mn_flex_number *numbers, size_t count) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; i++) bytes += strlen(numbers[i].key) + 1;
  return bytes;
}

size_t mn_flexbuffer_map_bytes(const mn_flex_number *numbers, size_t count) {
  /* [count] keys; [keys, width, count] values; types; root, type, width. */
  const size_t lists = (1 + count + 3 + count) * WIDTH + count;
  return aligned(aligned(key_bytes(numbers, count)) + lists) + WIDTH + 2;
}

static void put(uint8_t *out, size_t at, uint32_t number) {
  for (int i = 0; i < WIDTH; i++) out[at + (size_t)i] = (uint8_t)(number >> 8 * i);
}

/* Where `to` is, as seen from `at`. */
static void put_offset(uint8_t *out, size_t at, size_t to) { put(out, at, (uint32_t)(at - to)); }

static uint8_t put_number(uint8_t *out, size_t at, const mn_flex_number *number) {
  const float real = (float)number->number;
  uint32_t bits;
  if (number->kind == MN_FLEX_REAL) {
    memcpy(&bits, &real, sizeof bits);
  } else {
    bits = (uint32_t)(int32_t)number->number;
  }
  put(out, at, bits);
  const int kind = number->kind == MN_FLEX_REAL   ? KIND_FLOAT
                   : number->kind == MN_FLEX_BOOL ? KIND_BOOL
                                                  : KIND_INT;
  return (uint8_t)(kind << 2 | WIDTH_LOG2);
}

void mn_flexbuffer_write_map(uint8_t *out, const mn_flex_number *numbers, size_t count) {
  const size_t size = mn_flexbuffer_map_bytes(numbers, count);
  const size_t keys = aligned(key_bytes(numbers, count)) + WIDTH;
  const size_t values = keys + (count + 3) * WIDTH, types = values + count * WIDTH;
  size_t text = 0;
  memset(out, 0, size);
  put(out, keys - WIDTH, (uint32_t)count);
  put_offset(out, values - 3 * WIDTH, keys);
  put(out, values - 2 * WIDTH, WIDTH);
  put(out, values - WIDTH, (uint32_t)count);
  for (size_t i = 0; i < count; i++) {
    const size_t length = strlen(numbers[i].key) + 1;
    memcpy(out + text, numbers[i].key, length);
    put_offset(out, keys + i * WIDTH, text);
    out[types + i] = put_number(out, values + i * WIDTH, &numbers[i]);
    text += length;
  }
  put_offset(out, size - 2 - WIDTH, values);
  out[size - 2] = KIND_MAP << 2 | WIDTH_LOG2;
  out[size - 1] = WIDTH;
}
