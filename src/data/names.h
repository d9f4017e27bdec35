/* SPDX-License-Identifier: Apache-2.0
 * Folders as dataset readers see them: what is in one, sorted bytewise, hidden files left out;
 * which names are pictures; which folders are splits. Strings live in the caller's arena. */
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
/* Appends what is in a folder, all sorted. Errors: IO, MEMORY. */
mn_status mn_names_read(mn_names *names, mn_arena *arena, const char *path, mn_error *err);
void mn_names_sort(mn_names *names);
void mn_names_free(mn_names *names);

/* "a/b" in the arena; NULL when out of memory. */
char *mn_path_join(mn_arena *arena, const char *folder, size_t folder_length, const char *name);
bool mn_path_is_folder(const char *path);
bool mn_path_is_file(const char *path);
/* By its extension. */
bool mn_path_is_picture(const char *name);
mn_status mn_path_too_deep(const char *path, mn_error *err);

/* ---- Splits --------------------------------------------------------------------------------- */

typedef struct mn_split {
  const char *name, *path;
  bool wanted;
} mn_split;

typedef struct mn_splits {
  mn_split *list; /* [count], in the arena */
  size_t count;   /* 0: there are none */
} mn_splits;

/* The folders of a set that are splits: train, val, valid and test; with `any_name`, every folder
 * in it. Errors: IO, MEMORY. */
mn_status mn_splits_find(mn_splits *splits, mn_arena *arena, const char *path, bool any_name,
                         mn_error *err);
/* Wants the split of that name (a year may follow: val is val2017 too, and valid); without a name
 * val, else test, else all. Error: ARGUMENT, naming those there are. */
mn_status mn_splits_choose(mn_splits *splits, const char *path, const char *split, mn_error *err);

#endif
