/* SPDX-License-Identifier: Apache-2.0
 * The list of models that can be fetched (models/pull.tsv), and where fetched ones are kept. */
#ifndef MOBILENET_TOOL_PULL_LIST_H
#define MOBILENET_TOOL_PULL_LIST_H

#include <stdbool.h>
#include <stdint.h>

typedef struct pull_entry {
  const char *name, *file, *sha256, *licence, *accuracy, *source;
  int64_t bytes;
} pull_entry;

typedef struct pull_list {
  char *text; /* the file; entries point into it */
  pull_entry *entries;
  int count;
} pull_list;

/* False after saying why there is no list; the caller frees it either way. */
bool pull_list_read(pull_list *list);
void pull_list_free(pull_list *list);
/* By name, or NULL. */
const pull_entry *pull_list_find(const pull_list *list, const char *name);

/* Where a fetched file is kept: MOBILENET_HOME, else mobilenet in XDG_CACHE_HOME, else in ~/.cache.
 * The caller frees it; NULL, after saying why, when there is no such place. */
char *pull_cache_path(const char *file);

#endif
