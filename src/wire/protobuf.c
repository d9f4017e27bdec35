/* SPDX-License-Identifier: Apache-2.0
 * Walking over a Protocol Buffers message without trusting it: every length is checked against what
 * is left before it is used. Groups, which no schema of ours has, are refused. */
#include "wire/protobuf.h"

#include <string.h>

enum { MOST_VARINT_BYTES = 10 };

static bool fail(mn_pb_cursor *cursor, const char *problem) {
  if (!cursor->problem) cursor->problem = problem;
  return false;
}

mn_pb_cursor mn_pb_open(mn_pb_span message) {
  return (mn_pb_cursor){.at = message.data,
                        .end = message.data ? message.data + message.size : NULL};
}

static bool read_varint(mn_pb_cursor *cursor, uint64_t *bits) {
  uint64_t value = 0;
  for (int i = 0; i < MOST_VARINT_BYTES; i++) {
    if (cursor->at == cursor->end) return fail(cursor, "a number is cut off");
    uint8_t byte = *cursor->at++;
    if (i == MOST_VARINT_BYTES - 1 && byte > 1) break;
    value |= (uint64_t)(byte & 127) << (7 * i);
    if (byte < 128) {
      *bits = value;
      return true;
    }
  }
  return fail(cursor, "a number has more than 64 bits");
}

static bool read_fixed(mn_pb_cursor *cursor, size_t width, uint64_t *bits) {
  if ((size_t)(cursor->end - cursor->at) < width) return fail(cursor, "a number is cut off");
  *bits = 0;
  memcpy(bits, cursor->at, width);
  cursor->at += width;
  return true;
}

static bool read_bytes(mn_pb_cursor *cursor, mn_pb_span *span) {
  uint64_t size;
  if (!read_varint(cursor, &size)) return false;
  if (size > (uint64_t)(cursor->end - cursor->at)) {
    return fail(cursor, "a field is longer than what is left");
  }
  *span = (mn_pb_span){cursor->at, (size_t)size};
  cursor->at += size;
  return true;
}

bool mn_pb_next(mn_pb_cursor *cursor, mn_pb_field *field) {
  uint64_t key;
  if (cursor->problem || cursor->at == cursor->end || !read_varint(cursor, &key)) return false;
  *field = (mn_pb_field){.number = (uint32_t)(key >> 3), .wire = (mn_pb_wire)(key & 7)};
  if (key >> 32 || field->number == 0) return fail(cursor, "a field has no valid number");
  switch (field->wire) {
    case MN_PB_VARINT: return read_varint(cursor, &field->bits);
    case MN_PB_FIXED64: return read_fixed(cursor, 8, &field->bits);
    case MN_PB_FIXED32: return read_fixed(cursor, 4, &field->bits);
    case MN_PB_BYTES: return read_bytes(cursor, &field->bytes);
    default: return fail(cursor, "a field has an unknown wire type");
  }
}

bool mn_pb_varint(mn_pb_cursor *cursor, uint64_t *bits) {
  if (cursor->problem || cursor->at == cursor->end) return false;
  return read_varint(cursor, bits);
}

bool mn_pb_is_bytes(const mn_pb_field *field, uint32_t number, mn_pb_span *span) {
  if (field->number != number || field->wire != MN_PB_BYTES) return false;
  *span = field->bytes;
  return true;
}

bool mn_pb_is_int(const mn_pb_field *field, uint32_t number, int64_t *value) {
  if (field->number != number || field->wire != MN_PB_VARINT) return false;
  *value = (int64_t)field->bits;
  return true;
}

bool mn_pb_is_float(const mn_pb_field *field, uint32_t number, float *value) {
  if (field->number != number || field->wire != MN_PB_FIXED32) return false;
  uint32_t bits = (uint32_t)field->bits;
  memcpy(value, &bits, sizeof bits);
  return true;
}

bool mn_pb_equal(mn_pb_span span, const char *text) {
  size_t length = strlen(text);
  return span.size == length && (length == 0 || memcmp(span.data, text, length) == 0);
}

int mn_pb_compare(mn_pb_span a, mn_pb_span b) {
  size_t shorter = a.size < b.size ? a.size : b.size;
  int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
  return order ? order : (a.size > b.size) - (a.size < b.size);
}
