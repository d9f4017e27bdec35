/* SPDX-License-Identifier: Apache-2.0
 * FlatBuffers: reading untrusted ones field by field, and writing small ones.
 *
 * Reading is offset-checked and never recurses. The first broken offset makes the buffer `broken`;
 * from then on every read gives its default or an empty table or vector, so a caller may read a
 * whole object and look at `problem` once. Knows no schema: fields go by number.
 * Source of the layout: "FlatBuffers internals" (flatbuffers.dev). Little-endian hosts only. */
#ifndef MN_WIRE_FLATBUFFER_H
#define MN_WIRE_FLATBUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Reading -------------------------------------------------------------------------------- */

typedef struct mn_flatbuffer {
  const uint8_t *bytes;
  size_t size;
  const char *problem; /* what is wrong with it, or NULL; a static string */
  size_t problem_at;   /* byte offset of the problem */
} mn_flatbuffer;

/* A table whose vtable and inline part are known to lie inside the buffer. Empty: size 0, every
 * field has its default. */
typedef struct mn_fb_table {
  size_t at;     /* of the inline part */
  size_t size;   /* bytes of the inline part */
  size_t vtable; /* first field entry */
  size_t fields; /* entries in the vtable */
} mn_fb_table;

/* Elements known to lie inside the buffer. */
typedef struct mn_fb_vector {
  size_t at;
  uint32_t count;
  bool present; /* false: the field is absent (count is 0) */
} mn_fb_vector;

/* True when the 4 bytes after the root offset are `identifier`. */
bool mn_fb_has_identifier(const uint8_t *bytes, size_t size, const char *identifier);

mn_fb_table mn_fb_root(mn_flatbuffer *fb);

/* Scalars of a table; `fallback` when the field is absent. */
uint8_t mn_fb_u8(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field, uint8_t fallback);
int8_t mn_fb_i8(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field, int8_t fallback);
uint32_t mn_fb_u32(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field, uint32_t fallback);
int32_t mn_fb_i32(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field, int32_t fallback);
uint64_t mn_fb_u64(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field, uint64_t fallback);
float mn_fb_f32(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field, float fallback);

/* A nested table; *present (may be NULL) says whether the field is there. */
mn_fb_table mn_fb_table_at(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field,
                           bool *present);
/* A vector of elements of `width` bytes. A string is a vector of width 1. */
mn_fb_vector mn_fb_vector_at(mn_flatbuffer *fb, const mn_fb_table *table, uint32_t field,
                             size_t width);

/* Elements; an index that is out of range is a problem of the buffer and gives 0. */
int32_t mn_fb_vector_i32(mn_flatbuffer *fb, const mn_fb_vector *vector, uint32_t index);
int64_t mn_fb_vector_i64(mn_flatbuffer *fb, const mn_fb_vector *vector, uint32_t index);
float mn_fb_vector_f32(mn_flatbuffer *fb, const mn_fb_vector *vector, uint32_t index);
/* Of a vector of tables (width 4). */
mn_fb_table mn_fb_vector_table(mn_flatbuffer *fb, const mn_fb_vector *vector, uint32_t index);
/* First byte of the elements; NULL when there are none. */
const uint8_t *mn_fb_vector_bytes(const mn_flatbuffer *fb, const mn_fb_vector *vector);

/* ---- Writing (flatbuffer_build.c) ----------------------------------------------------------- */

enum { MN_FB_MAX_FIELDS = 16 };

/* Grows front to back: a parent is written first, with slots that are linked to its children once
 * their place is known. Bytes depend only on the calls made. After a failure (memory, or more than
 * 2 GiB) every call does nothing. */
typedef struct mn_fb_builder {
  uint8_t *bytes; /* freed with mn_free */
  size_t size, capacity;
  bool failed, too_large;
  struct {
    uint8_t width; /* 0: absent */
    uint64_t bits;
  } field[MN_FB_MAX_FIELDS]; /* of the table being collected */
} mn_fb_builder;

/* Begins with room for the root offset and the 4-character identifier. Zero-initialize first. */
void mn_fb_build_begin(mn_fb_builder *builder, const char *identifier);

/* Fields of the next table, then the table; its place. */
void mn_fb_put_u8(mn_fb_builder *builder, uint32_t field, uint8_t value);
void mn_fb_put_i32(mn_fb_builder *builder, uint32_t field, int32_t value);
void mn_fb_put_f32(mn_fb_builder *builder, uint32_t field, float value);
void mn_fb_put_slot(mn_fb_builder *builder, uint32_t field); /* to be linked */
size_t mn_fb_put_table(mn_fb_builder *builder);

/* Where a table's field lies, for mn_fb_link. */
size_t mn_fb_slot_of(const mn_fb_builder *builder, size_t table, uint32_t field);
/* A vector of `count` unlinked slots; slot i is at the result + 4 + 4 * i. */
size_t mn_fb_put_slots(mn_fb_builder *builder, uint32_t count);
/* `count` elements of `width` bytes, the first aligned to `align` (a power of two >= width). */
size_t mn_fb_put_vector(mn_fb_builder *builder, const void *elements, size_t count, size_t width,
                        size_t align);
/* With its terminator. */
size_t mn_fb_put_string(mn_fb_builder *builder, const char *text, size_t length);
/* Points the slot at `place`, which must be behind it. Slot 0 is the root. */
void mn_fb_link(mn_fb_builder *builder, size_t slot, size_t place);

#endif
