/* SPDX-License-Identifier: Apache-2.0
 * FlexBuffers: numbers of a map by key, offset-checked, and such maps written. TFLite keeps the
 * options of custom operators in such a map. Nested maps, vectors and strings are seen as present
 * but not read.
 * Source of the layout: "FlexBuffers internals" (flatbuffers.dev). */
#ifndef MN_WIRE_FLEXBUFFER_H
#define MN_WIRE_FLEXBUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct mn_flexbuffer {
  const uint8_t *bytes;
  size_t size;
  size_t values;    /* of the root map: first element */
  size_t width;     /* bytes of an element */
  size_t keys;      /* first key offset */
  size_t key_width; /* bytes of one */
  size_t count;
} mn_flexbuffer;

/* False when the bytes do not hold a map whose parts all lie inside them. */
bool mn_flexbuffer_open(mn_flexbuffer *map, const uint8_t *bytes, size_t size);

/* A number or bool by key; false when the key is absent or holds something else. */
bool mn_flexbuffer_number(const mn_flexbuffer *map, const char *key, double *number);

/* ---- Writing --------------------------------------------------------------------------------- */

typedef struct mn_flex_number {
  const char *key;
  enum { MN_FLEX_INT, MN_FLEX_REAL, MN_FLEX_BOOL } kind;
  double number; /* an int fits 32 bits, a real is rounded to float */
} mn_flex_number;

/* Size of a map of these numbers, whose keys are in order. */
size_t mn_flexbuffer_map_bytes(const mn_flex_number *numbers, size_t count);
/* Writes it: so many bytes. */
void mn_flexbuffer_write_map(uint8_t *out, const mn_flex_number *numbers, size_t count);

#endif
