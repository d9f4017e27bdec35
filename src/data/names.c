/* SPDX-License-Identifier: Apache-2.0
 * See names.h. */
#define _POSIX_C_SOURCE 200809L
#include "data/names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

bool mn_names_add(mn_names *names, mn_arena *arena, const char *name) {
  if (names->count == names->capacity) {
    size_t capacity = names->capacity ? names->capacity * 2 : 64;
    char **grown = mn_realloc(names->list, capacity * sizeof *grown);
    if (!grown) return false;
    names->list = grown;
    names->capacity = capacity;
  }
  char *copy = mn_arena_string(arena, name, strlen(name));
  if (!copy) return false;
  names->list[names->count++] = copy;
  return true;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void mn_names_sort(mn_names *names) {
  if (names->count) qsort(names->list, names->count, sizeof *names->list, compare_names);
}

void mn_names_once(mn_names *names) {
  size_t kept = 0;
  for (size_t i = 0; i < names->count; ++i) {
    const bool again = kept && !strcmp(names->list[kept - 1], names->list[i]);
    if (!again) names->list[kept++] = names->list[i];
  }
  names->count = kept;
}

void mn_names_free(mn_names *names) {
  mn_free(names->list);
  memset(names, 0, sizeof *names);
}

char *mn_path_join(mn_arena *arena, const char *folder, size_t folder_length, const char *name) {
  size_t name_length = strlen(name);
  bool slash = folder_length > 0 && folder[folder_length - 1] != '/';
  char *path = mn_arena_take(arena, folder_length + slash + name_length + 1);
  if (!path) return NULL;
  memcpy(path, folder, folder_length);
  if (slash) path[folder_length] = '/';
  memcpy(path + folder_length + slash, name, name_length + 1);
  return path;
}

bool mn_path_is_picture(const char *name) {
  static const char *const extensions[] = {".jpg",  ".jpeg", ".jpe", ".jfif", ".png",
                                           ".webp", ".bmp",  ".ppm", ".pgm",  ".pnm"};
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; dot && i < sizeof extensions / sizeof *extensions; ++i) {
    if (!strcasecmp(dot, extensions[i])) return true;
  }
  return false;
}

mn_status mn_path_too_deep(const char *path, mn_error *err) {
  return mn_fail(err, MN_ERR_LIMIT, path, "folders nested more than %d deep", MN_MOST_DEPTH);
}
