/* SPDX-License-Identifier: Apache-2.0
 * JSON text <-> a tree of values. The reader is strict (RFC 8259, valid UTF-8, no key twice, no NUL
 * in a string), keeps its own stack and works in an arena under a memory cap, so hostile text costs
 * bounded memory. The writer makes canonical text: the caller writes keys in bytewise order,
 * numbers are the shortest that read back as the same value, there is no white space. */
#ifndef MN_WIRE_JSON_H
#define MN_WIRE_JSON_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

enum { MN_JSON_MAX_DEPTH = 64 };

typedef enum mn_json_kind {
  MN_JSON_NULL,
  MN_JSON_BOOL,
  MN_JSON_NUMBER,
  MN_JSON_STRING,
  MN_JSON_ARRAY,
  MN_JSON_OBJECT
} mn_json_kind;

typedef struct mn_json mn_json;
struct mn_json {
  mn_json_kind kind;
  bool boolean;
  double number;
  const char *text; /* STRING: unescaped, NUL-terminated */
  size_t length;    /* of text */
  const char *key;  /* of a member: unescaped, NUL-terminated; NULL for an array's element */
  size_t key_length;
  const mn_json *first, *next; /* children of ARRAY and OBJECT in the order of the text */
  size_t count;                /* of children */
  const mn_json **sorted;      /* OBJECT: [count], by key */
};

typedef struct mn_json_source {
  const char *text;
  size_t length;
  const char *name;  /* for messages; NULL is fine */
  size_t memory_cap; /* on arena->used; 0 = none */
} mn_json_source;

/* The tree, in `arena`, with copies of all strings. Errors: FORMAT (with line and column), LIMIT,
 * MEMORY. */
mn_status mn_json_parse(const mn_json **out, const mn_json_source *source, mn_arena *arena,
                        mn_error *err);

/* The member of an object, or NULL (also when `object` is none). */
const mn_json *mn_json_get(const mn_json *object, const char *key);
/* True when the value is a whole number of that range. */
bool mn_json_i32(const mn_json *value, int32_t *out);
/* A safe integer of 0 .. 2^53. */
bool mn_json_u64(const mn_json *value, uint64_t *out);
bool mn_json_is(const mn_json *value, const char *text); /* a string equal to text */

/* Valid UTF-8 without a NUL. */
bool mn_utf8_valid(const char *text, size_t length);

/* ---- Writing -------------------------------------------------------------------------------- */

/* Zero-initialize. Errors stick: `failed` once an allocation failed or a number was not finite. */
typedef struct mn_json_writer {
  char *text; /* [used], not terminated; freed by mn_json_writer_free */
  size_t used, capacity;
  bool comma, failed;
} mn_json_writer;

void mn_json_begin(mn_json_writer *writer, char bracket); /* '{' or '[' */
void mn_json_end(mn_json_writer *writer, char bracket);   /* '}' or ']' */
void mn_json_key(mn_json_writer *writer, const char *key);
void mn_json_string(mn_json_writer *writer, const char *text, size_t length);
void mn_json_int(mn_json_writer *writer, int64_t number);
void mn_json_double(mn_json_writer *writer, double number);
void mn_json_float(mn_json_writer *writer, float number); /* shortest that reads back as a float */
void mn_json_bool(mn_json_writer *writer, bool boolean);
void mn_json_null(mn_json_writer *writer);
void mn_json_writer_free(mn_json_writer *writer);

#endif
