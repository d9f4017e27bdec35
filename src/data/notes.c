/* SPDX-License-Identifier: Apache-2.0
 * See notes.h. */
#include "data/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

mn_status mn_notes_add(mn_notes *notes, mn_error *err, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (notes->count == notes->capacity) {
    const size_t more = notes->capacity ? notes->capacity * 2 : 16;
    const char **grown = mn_realloc(notes->list, more * sizeof *grown);
    if (!grown) return mn_fail_memory(err, more * sizeof *grown);
    notes->list = grown;
    notes->capacity = more;
  }
  const char *copy = mn_arena_string(&notes->arena, text, strlen(text));
  if (!copy) return mn_fail_memory(err, sizeof text);
  notes->list[notes->count++] = copy;
  return MN_OK;
}

void mn_notes_free(mn_notes *notes) {
  mn_free(notes->list);
  mn_arena_free(&notes->arena);
  memset(notes, 0, sizeof *notes);
}
