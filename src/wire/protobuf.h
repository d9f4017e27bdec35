/* SPDX-License-Identifier: Apache-2.0
 * Protocol Buffers: reading untrusted messages field by field. A cursor walks over borrowed bytes
 * and allocates nothing; a nested message is a span, which gets a cursor of its own. Knows no
 * schema: fields go by number. Source: "Encoding" (protobuf.dev). Little-endian hosts only. */
#ifndef MN_WIRE_PROTOBUF_H
#define MN_WIRE_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mn_pb_span {
  const uint8_t *data; /* NULL: absent; of an empty field it is not */
  size_t size;
} mn_pb_span;

typedef struct mn_pb_cursor {
  const uint8_t *at, *end;
  const char *problem; /* what is wrong with the bytes, or NULL; a static string */
} mn_pb_cursor;

typedef enum mn_pb_wire {
  MN_PB_VARINT = 0,
  MN_PB_FIXED64 = 1,
  MN_PB_BYTES = 2,
  MN_PB_FIXED32 = 5
} mn_pb_wire;

typedef struct mn_pb_field {
  uint32_t number;
  mn_pb_wire wire;
  uint64_t bits;    /* VARINT, FIXED64, FIXED32 */
  mn_pb_span bytes; /* BYTES: inside the cursor's bytes */
} mn_pb_field;

mn_pb_cursor mn_pb_open(mn_pb_span message);

/* The next field. False at the end, and from the first broken field on (cursor->problem). */
bool mn_pb_next(mn_pb_cursor *cursor, mn_pb_field *field);

/* The next element of packed numbers, whose fields have no keys. False likewise. */
bool mn_pb_varint(mn_pb_cursor *cursor, uint64_t *bits);

/* True, with *span set, when the field is a string, message or packed list of this number. */
bool mn_pb_is_bytes(const mn_pb_field *field, uint32_t number, mn_pb_span *span);
/* True, with *value set, when the field is an integer of this number. */
bool mn_pb_is_int(const mn_pb_field *field, uint32_t number, int64_t *value);
/* True, with *value set, when the field is a float of this number. */
bool mn_pb_is_float(const mn_pb_field *field, uint32_t number, float *value);

bool mn_pb_equal(mn_pb_span span, const char *text);
/* Order of two strings: by bytes, then by length. */
int mn_pb_compare(mn_pb_span a, mn_pb_span b);

/* ---- protobuf_build.c: writing -------------------------------------------------------------- */

/* A message under construction. Zero-initialize. `failed` sticks: out of memory, or over 2 GiB. */
typedef struct mn_pb_builder {
  uint8_t *bytes;
  size_t size, capacity;
  bool failed;
} mn_pb_builder;

void mn_pb_put_int(mn_pb_builder *builder, uint32_t number, int64_t value);
void mn_pb_put_float(mn_pb_builder *builder, uint32_t number, float value);
void mn_pb_put_bytes(mn_pb_builder *builder, uint32_t number, const void *bytes, size_t size);
void mn_pb_put_text(mn_pb_builder *builder, uint32_t number, const char *text);
/* Puts a finished inner message, and frees it. */
void mn_pb_put_message(mn_pb_builder *builder, uint32_t number, mn_pb_builder *inner);
void mn_pb_builder_free(mn_pb_builder *builder);

#endif
