/* SPDX-License-Identifier: Apache-2.0
 * A folder per class. Names are sorted bytewise and classes are collected over every split, so that
 * a class that one split lacks shifts no index. Hidden files, and files that are no pictures by
 * their extension, are not seen. */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "data/dataset.h"

enum { MOST_DEPTH = 16, MOST_SPLITS = 4 };

static const char *const split_names[MOST_SPLITS] = {"val", "valid", "test", "train"};

/* Names in a folder, sorted bytewise. */
typedef struct names {
  char **list;
  size_t count, capacity;
} names;

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

static char *join(mn_listing *listing, const char *folder, const char *name) {
  return mn_path_join(&listing->arena, folder, strlen(folder), name);
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool add_name(names *n, mn_listing *listing, const char *name) {
  if (n->count == n->capacity) {
    size_t capacity = n->capacity ? n->capacity * 2 : 64;
    char **grown = mn_realloc(n->list, capacity * sizeof *grown);
    if (!grown) return false;
    n->list = grown;
    n->capacity = capacity;
  }
  char *copy = mn_arena_string(&listing->arena, name, strlen(name));
  if (!copy) return false;
  n->list[n->count++] = copy;
  return true;
}

static mn_status read_names(names *n, mn_listing *listing, const char *path, mn_error *err) {
  DIR *folder = opendir(path);
  if (!folder) return mn_fail(err, MN_ERR_IO, path, "%s", strerror(errno));
  bool fits = true;
  const struct dirent *entry;
  while (fits && (entry = readdir(folder))) {
    if (entry->d_name[0] != '.') fits = add_name(n, listing, entry->d_name);
  }
  closedir(folder);
  if (!fits) return mn_fail_memory(err, n->capacity * sizeof *n->list);
  if (n->count) qsort(n->list, n->count, sizeof *n->list, compare_names);
  return MN_OK;
}

static bool is_folder(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_picture_name(const char *name) {
  static const char *const extensions[] = {".jpg",  ".jpeg", ".jpe", ".jfif", ".png",
                                           ".webp", ".bmp",  ".ppm", ".pgm",  ".pnm"};
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; dot && i < sizeof extensions / sizeof *extensions; ++i) {
    if (!strcasecmp(dot, extensions[i])) return true;
  }
  return false;
}

/* Every picture at or below a class folder, deeper folders in their place among the files. */
static mn_status list_class(mn_listing *listing, const char *path, const char *class_name,
                            int depth, mn_error *err) {
  if (depth > MOST_DEPTH) {
    return mn_fail(err, MN_ERR_LIMIT, path, "folders nested more than %d deep", MOST_DEPTH);
  }
  names entries = {0};
  mn_status status = read_names(&entries, listing, path, err);
  for (size_t i = 0; !status && i < entries.count; ++i) {
    char *inner = join(listing, path, entries.list[i]);
    if (!inner) {
      status = mn_fail_memory(err, strlen(path));
    } else if (is_folder(inner)) {
      status = list_class(listing, inner, class_name, depth + 1, err);
    } else if (is_picture_name(inner)) {
      mn_listed item = {.path = inner, .text = class_name};
      status = mn_listing_add(listing, item, err);
    }
  }
  mn_free(entries.list);
  return status;
}

/* The class folders of one split into `classes`, and their pictures when `wanted`. */
static mn_status list_split(mn_listing *listing, const char *path, bool wanted, names *classes,
                            mn_error *err) {
  names entries = {0};
  mn_status status = read_names(&entries, listing, path, err);
  for (size_t i = 0; !status && i < entries.count; ++i) {
    char *inner = join(listing, path, entries.list[i]);
    if (!inner || !add_name(classes, listing, entries.list[i])) {
      status = mn_fail_memory(err, strlen(path));
    } else if (!is_folder(inner)) {
      classes->count--;
    } else if (wanted) {
      status = list_class(listing, inner, entries.list[i], 1, err);
    }
  }
  mn_free(entries.list);
  return status;
}

static bool is_same_split(const char *asked, const char *name) {
  if (!strcmp(asked, name)) return true;
  return (!strcmp(asked, "val") && !strcmp(name, "valid")) ||
         (!strcmp(asked, "valid") && !strcmp(name, "val"));
}

typedef struct splits {
  const char *paths[MOST_SPLITS]; /* NULL: not there */
  bool wanted[MOST_SPLITS];
  bool any;
} splits;

static mn_status find_splits(splits *s, mn_listing *listing, const char *path, mn_error *err) {
  for (int i = 0; i < MOST_SPLITS; ++i) {
    char *inner = join(listing, path, split_names[i]);
    if (!inner) return mn_fail_memory(err, strlen(path));
    if (!is_folder(inner)) continue;
    s->paths[i] = inner;
    s->any = true;
  }
  return MN_OK;
}

static mn_status fail_no_split(const splits *s, const char *path, const char *split,
                               mn_error *err) {
  if (!s->any) {
    return mn_fail(err, MN_ERR_ARGUMENT, path, "there is no split %s: it has no split folders",
                   split);
  }
  char there[64];
  size_t used = 0;
  for (int i = 0; i < MOST_SPLITS; ++i) {
    if (!s->paths[i]) continue;
    int wrote =
        snprintf(there + used, sizeof there - used, "%s%s", used ? ", " : "", split_names[i]);
    used += wrote > 0 ? (size_t)wrote : 0;
  }
  return mn_fail(err, MN_ERR_ARGUMENT, path, "there is no split %s; there are: %s", split, there);
}

/* The split asked for; else val, else test, else everything. */
static mn_status choose_splits(splits *s, const char *path, const char *split, mn_error *err) {
  bool found = false;
  for (int i = 0; split && i < MOST_SPLITS; ++i) {
    s->wanted[i] = s->paths[i] && is_same_split(split, split_names[i]);
    found = found || s->wanted[i];
  }
  if (split) return found ? MN_OK : fail_no_split(s, path, split, err);
  const char *const defaults[] = {"val", "test"};
  for (int d = 0; d < 2 && !found; ++d) {
    for (int i = 0; i < MOST_SPLITS; ++i) {
      s->wanted[i] = s->paths[i] && is_same_split(defaults[d], split_names[i]);
      found = found || s->wanted[i];
    }
  }
  for (int i = 0; !found && i < MOST_SPLITS; ++i) s->wanted[i] = true;
  return MN_OK;
}

/* Sorted, each once, into the listing. */
static mn_status keep_classes(mn_listing *listing, names *classes, const char *path,
                              mn_error *err) {
  if (classes->count == 0) {
    return mn_fail(err, MN_ERR_FORMAT, path,
                   "there is no folder per class in it, and no labels.tsv or labels.csv");
  }
  qsort(classes->list, classes->count, sizeof *classes->list, compare_names);
  size_t count = 0;
  for (size_t i = 0; i < classes->count; ++i) {
    bool again = count && !strcmp(classes->list[count - 1], classes->list[i]);
    if (!again) classes->list[count++] = classes->list[i];
  }
  listing->classes = mn_arena_array(&listing->arena, count, sizeof *listing->classes);
  if (!listing->classes) return mn_fail_memory(err, count * sizeof *listing->classes);
  for (size_t i = 0; i < count; ++i) listing->classes[i] = classes->list[i];
  listing->class_count = count;
  return MN_OK;
}

mn_status mn_folder_list(mn_listing *listing, const char *path, const char *split, mn_error *err) {
  splits s = {0};
  names classes = {0};
  mn_status status = find_splits(&s, listing, path, err);
  if (!status) status = choose_splits(&s, path, split, err);
  if (!status && !s.any) status = list_split(listing, path, true, &classes, err);
  for (int i = 0; !status && i < MOST_SPLITS; ++i) {
    if (s.paths[i]) status = list_split(listing, s.paths[i], s.wanted[i], &classes, err);
  }
  if (!status) status = keep_classes(listing, &classes, path, err);
  mn_free(classes.list);
  return status;
}
