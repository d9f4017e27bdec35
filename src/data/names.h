/* SPDX-License-Identifier: Apache-2.0
 * Lists of names in an order that is the same everywhere; paths made of them; which names are
 * pictures. Strings live in the caller's arena. */
#ifndef MN_DATA_NAMES_H
#define MN_DATA_NAMES_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"

enum { MN_MOST_DEPTH = 16 }; /* of folders below each other */

typedef struct mn_names {
  char **list; /* freed by mn_names_free */
  size_t count, capacity;
} mn_names;

/* Appends a copy; false when out of memory. */
bool mn_names_add(mn_names *names, mn_arena *arena, const char *name);
void mn_names_sort(mn_names *names); /* bytewise */
void mn_names_once(mn_names *names); /* sorted names, each once */
void mn_names_free(mn_names *names);

/* "a/b" in the arena; NULL when out of memory. */
char *mn_path_join(mn_arena *arena, const char *folder, size_t folder_length, const char *name);
/* By its extension. */
bool mn_path_is_picture(const char *name);
mn_status mn_path_too_deep(const char *path, mn_error *err);
/* train, val, valid or test. */
bool mn_name_is_split(const char *name);

#endif
