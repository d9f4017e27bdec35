/* SPDX-License-Identifier: Apache-2.0
 * What the dataset readers share: a listing of paths with the class each states, and the step that
 * turns stated classes into indices. A reader only lists; classes.c alone decides indices. */
#ifndef MN_DATA_DATASET_H
#define MN_DATA_DATASET_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/error.h"
#include "mobilenet/io.h"

typedef struct mn_listed {
  const char *path;
  const char *text; /* the class as stated: a folder's name, a number, a label */
  int32_t line;     /* of a table; 0 for a folder */
  int32_t index;    /* of the class, once resolved */
} mn_listed;

typedef struct mn_listing {
  mn_arena arena; /* every string, and `classes` */
  mn_listed *items;
  size_t count, capacity;
  const char **classes; /* folders: their names, sorted bytewise, of all splits together */
  size_t class_count;   /* once resolved: of real classes */
} mn_listing;

/* Labels of a model's outputs; count 0: unknown. */
typedef struct mn_class_names {
  const char *const *names; /* [count] */
  int32_t count;
  int32_t background; /* index that is no class; -1: none */
} mn_class_names;

/* Appends; strings must live in listing->arena. Error: MEMORY. */
mn_status mn_listing_add(mn_listing *listing, mn_listed item, mn_error *err);
void mn_listing_free(mn_listing *listing);

/* Lists a folder per class below `path`, with or without split folders.
 * Errors: IO, FORMAT (no class folders), ARGUMENT (no such split), LIMIT (too deep). */
mn_status mn_folder_list(mn_listing *listing, const char *path, const char *split, mn_error *err);

/* "a/b" in the arena; NULL when out of memory. */
char *mn_path_join(mn_arena *arena, const char *folder, size_t folder_length, const char *name);

/* Lists a CSV or TSV text. `name` is the file's, for messages and as what paths are relative to. */
mn_status mn_csv_list(mn_listing *listing, const char *text, size_t size, const char *name,
                      mn_error *err);

/* Sets every item's index and the listing's class_count. Error: FORMAT or ARGUMENT, naming the
 * class that has no index. */
mn_status mn_classes_resolve(mn_listing *listing, const char *name, const mn_class_names *known,
                             mn_error *err);

/* mn_dataset_open with the labels given directly. */
mn_status mn_dataset_open_named(mn_dataset **out, const char *path,
                                const mn_dataset_options *options, const mn_class_names *known,
                                mn_error *err);

#endif
