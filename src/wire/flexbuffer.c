/* SPDX-License-Identifier: Apache-2.0
 * See flexbuffer.h. Every read checks that its bytes lie inside the buffer. */
#include "wire/flexbuffer.h"

#include <string.h>

#include "base/checked.h"

/* Packed types: kind << 2 | log2 of the width. */
enum { KIND_INT = 1, KIND_UINT = 2, KIND_FLOAT = 3, KIND_MAP = 9, KIND_BOOL = 26 };

static bool valid_width(size_t width) {
  return width == 1 || width == 2 || width == 4 || width == 8;
}

static bool read_unsigned(const mn_flexbuffer *map, size_t at, size_t width, uint64_t *value) {
  if (!mn_within(at, width, map->size)) return false;
  *value = 0;
  memcpy(value, map->bytes + at, width); /* little-endian hosts only */
  return true;
}

/* Follows the offset at `at`: it points backwards. */
static bool follow(const mn_flexbuffer *map, size_t at, size_t width, size_t *to) {
  uint64_t offset;
  if (!read_unsigned(map, at, width, &offset) || offset > at) return false;
  *to = at - (size_t)offset;
  return true;
}

/* Reads the parts in front of a map's values: keys, width of keys, count. */
static bool open_map(mn_flexbuffer *map) {
  uint64_t key_width, count;
  size_t width = map->width;
  if (map->values < 3 * width) return false;
  if (!follow(map, map->values - 3 * width, width, &map->keys)) return false;
  if (!read_unsigned(map, map->values - 2 * width, width, &key_width)) return false;
  if (!read_unsigned(map, map->values - width, width, &count)) return false;
  if (!valid_width((size_t)key_width) || count > map->size) return false;
  map->key_width = (size_t)key_width;
  map->count = (size_t)count;
  /* The values, then a byte of type for each. */
  return mn_within(map->values, count * (width + 1), map->size) &&
         mn_within(map->keys, count * key_width, map->size);
}

bool mn_flexbuffer_open(mn_flexbuffer *map, const uint8_t *bytes, size_t size) {
  *map = (mn_flexbuffer){.bytes = bytes, .size = size};
  if (size < 3) return false;
  size_t root_width = bytes[size - 1], root = size - 2 - root_width;
  uint8_t type = bytes[size - 2];
  if (!valid_width(root_width) || root_width > size - 2 || type >> 2 != KIND_MAP) return false;
  map->width = (size_t)1 << (type & 3);
  return follow(map, root, root_width, &map->values) && open_map(map);
}

static bool key_equals(const mn_flexbuffer *map, size_t index, const char *key) {
  size_t at, length = strlen(key) + 1;
  if (!follow(map, map->keys + index * map->key_width, map->key_width, &at)) return false;
  return mn_within(at, length, map->size) && memcmp(map->bytes + at, key, length) == 0;
}

static bool read_number(const mn_flexbuffer *map, size_t at, uint8_t kind, double *number) {
  uint64_t bits;
  float single;
  if (!read_unsigned(map, at, map->width, &bits)) return false;
  switch (kind) {
    case KIND_INT: {
      unsigned unused = 64 - 8 * (unsigned)map->width;
      *number = (double)((int64_t)(bits << unused) >> unused);
      return true;
    }
    case KIND_UINT:
    case KIND_BOOL: *number = (double)bits; return true;
    case KIND_FLOAT:
      if (map->width == 8) memcpy(number, &bits, sizeof *number);
      if (map->width == 4) {
        memcpy(&single, &bits, sizeof single);
        *number = (double)single;
      }
      return map->width >= 4;
    default: return false;
  }
}

bool mn_flexbuffer_number(const mn_flexbuffer *map, const char *key, double *number) {
  for (size_t i = 0; i < map->count; i++) {
    if (!key_equals(map, i, key)) continue;
    uint8_t type = map->bytes[map->values + map->count * map->width + i];
    return read_number(map, map->values + i * map->width, type >> 2, number);
  }
  return false;
}
