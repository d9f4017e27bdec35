/* SPDX-License-Identifier: Apache-2.0
 * What a person should know of a set of pictures, a sentence each. */
#ifndef MN_DATA_NOTES_H
#define MN_DATA_NOTES_H

#include "base/arena.h"
#include "base/error.h"

typedef struct mn_notes {
  mn_arena arena;
  const char **list; /* [count] */
  size_t count, capacity;
} mn_notes;

/* Appends a sentence of at most 511 bytes. Error: MEMORY. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
mn_status
mn_notes_add(mn_notes *notes, mn_error *err, const char *format, ...);
void mn_notes_free(mn_notes *notes);

#endif
