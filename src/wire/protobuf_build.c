/* SPDX-License-Identifier: Apache-2.0
 * Writing Protocol Buffers: fields in the order they are put, inner messages as bytes of their
 * own. */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "wire/protobuf.h"

static void append(mn_pb_builder *b, const void *bytes, size_t size) {
  size_t need;
  if (b->failed || size == 0) return;
  if (!mn_add_size(b->size, size, &need) || need > INT32_MAX) {
    b->failed = true;
    return;
  }
  if (need > b->capacity) {
    size_t capacity = b->capacity ? b->capacity : 256;
    while (capacity < need) capacity *= 2;
    uint8_t *grown = mn_realloc(b->bytes, capacity);
    if (!grown) {
      b->failed = true;
      return;
    }
    b->bytes = grown;
    b->capacity = capacity;
  }
  memcpy(b->bytes + b->size, bytes, size);
  b->size = need;
}

static void put_varint(mn_pb_builder *b, uint64_t bits) {
  uint8_t bytes[10];
  size_t count = 0;
  do {
    bytes[count++] = (uint8_t)((bits & 127) | (bits > 127 ? 128 : 0));
    bits >>= 7;
  } while (bits);
  append(b, bytes, count);
}

void mn_pb_put_int(mn_pb_builder *builder, uint32_t number, int64_t value) {
  put_varint(builder, (uint64_t)number << 3 | MN_PB_VARINT);
  put_varint(builder, (uint64_t)value);
}

void mn_pb_put_float(mn_pb_builder *builder, uint32_t number, float value) {
  put_varint(builder, (uint64_t)number << 3 | MN_PB_FIXED32);
  append(builder, &value, sizeof value);
}

void mn_pb_put_bytes(mn_pb_builder *builder, uint32_t number, const void *bytes, size_t size) {
  put_varint(builder, (uint64_t)number << 3 | MN_PB_BYTES);
  put_varint(builder, size);
  append(builder, bytes, size);
}

void mn_pb_put_text(mn_pb_builder *builder, uint32_t number, const char *text) {
  mn_pb_put_bytes(builder, number, text, strlen(text));
}

void mn_pb_put_message(mn_pb_builder *builder, uint32_t number, mn_pb_builder *inner) {
  if (inner->failed) builder->failed = true;
  mn_pb_put_bytes(builder, number, inner->bytes, inner->size);
  mn_pb_builder_free(inner);
}

void mn_pb_builder_free(mn_pb_builder *builder) {
  mn_free(builder->bytes);
  *builder = (mn_pb_builder){.failed = false};
}
