/* SPDX-License-Identifier: Apache-2.0
 * Python pickles as data: what is in one is read, nothing of it is done. A pickle is a program that
 * may call anything; this reader knows the instructions that build texts, numbers, tuples, lists
 * and dictionaries, keeps a call as its name and arguments, and takes only the names that it is
 * given. Every other instruction and name is refused. */
#ifndef MN_WEIGHTS_PICKLE_H
#define MN_WEIGHTS_PICKLE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

typedef enum mn_pickle_kind {
  MN_PICKLE_MARK, /* never in a result */
  MN_PICKLE_NONE,
  MN_PICKLE_BOOL,
  MN_PICKLE_INT,
  MN_PICKLE_FLOAT, /* its value is not kept */
  MN_PICKLE_TEXT,
  MN_PICKLE_TUPLE,
  MN_PICKLE_LIST,
  MN_PICKLE_DICT,
  MN_PICKLE_GLOBAL,    /* a name: text is one of the source's */
  MN_PICKLE_CALL,      /* of a name with a tuple; may have been given items as a dictionary */
  MN_PICKLE_PERSISTENT /* something outside of the pickle, by its id */
} mn_pickle_kind;

/* Values may be shared, and contain themselves: walk to a known depth only. */
typedef struct mn_pickle mn_pickle;
struct mn_pickle {
  mn_pickle_kind kind;
  int64_t number;            /* BOOL, INT */
  const char *text;          /* TEXT, GLOBAL; in the source, not terminated */
  size_t length;             /* of text */
  mn_pickle **items;         /* [count]; DICT and CALL: keys and values in turn */
  size_t count, capacity;    /* of items */
  const mn_pickle *callee;   /* CALL: a GLOBAL */
  const mn_pickle *argument; /* CALL: a TUPLE; PERSISTENT: the id */
};

typedef struct mn_pickle_source {
  const uint8_t *bytes;
  size_t size;
  const char *name;           /* for messages */
  const char *const *globals; /* names to take, "module name"; NULL ends them */
  uint64_t memory_cap;        /* on arena->used; 0 = none */
} mn_pickle_source;

/* The value that the pickle stops with, in `arena`. Errors: FORMAT, UNSUPPORTED (naming the name or
 * the instruction), LIMIT, MEMORY. */
mn_status mn_pickle_read(const mn_pickle **out, const mn_pickle_source *source, mn_arena *arena,
                         mn_error *err);

bool mn_pickle_is(const mn_pickle *value, mn_pickle_kind kind, const char *text);

#endif
