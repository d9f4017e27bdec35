/* SPDX-License-Identifier: Apache-2.0
 * Pascal VOC's splits: in ImageSets/Main a text file each, with the name of a picture, but for its
 * ending, at the beginning of a line. Files with an underscore tell which pictures show a class
 * (cat_train.txt) and are no splits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/photos.h"

typedef struct name {
  const char *text; /* in the mapped file or a path: not terminated */
  size_t length;
} name;

typedef struct name_list {
  name *list;
  size_t count, capacity;
} name_list;

static int by_text(const void *a, const void *b) {
  const name *x = a, *y = b;
  const size_t shorter = x->length < y->length ? x->length : y->length;
  const int order = memcmp(x->text, y->text, shorter);
  return order ? order : (x->length > y->length) - (x->length < y->length);
}

static bool add_name(name_list *names, name one) {
  if (names->count == names->capacity) {
    const size_t capacity = names->capacity ? names->capacity * 2 : 256;
    name *grown = mn_realloc(names->list, capacity * sizeof *grown);
    if (!grown) return false;
    names->list = grown;
    names->capacity = capacity;
  }
  names->list[names->count++] = one;
  return true;
}

/* The first word of each line. */
static mn_status read_names(name_list *names, const mn_file *file, mn_error *err) {
  const char *at = (const char *)file->bytes, *end = at + file->size;
  while (at < end) {
    const char *line = memchr(at, '\n', (size_t)(end - at)), *stop = line ? line : end;
    while (at < stop && (*at == ' ' || *at == '\t')) at++;
    const char *word = at;
    while (at < stop && *at != ' ' && *at != '\t' && *at != '\r') at++;
    if (at > word && !add_name(names, (name){word, (size_t)(at - word)})) {
      return mn_fail_memory(err, names->count * sizeof *names->list);
    }
    at = stop + 1;
  }
  return MN_OK;
}

static name name_of(const mn_photo *photo) {
  const char *dot = strrchr(photo->name, '.');
  return (name){photo->name, dot ? (size_t)(dot - photo->name) : strlen(photo->name)};
}

/* Wants the photos that a file lists. */
static mn_status want_listed(mn_photos *photos, const mn_tree *tree, const char *path,
                             mn_error *err) {
  name_list names = {0};
  mn_file file;
  mn_status status = mn_tree_map(tree, path, &file, err);
  if (status) return status;
  status = read_names(&names, &file, err);
  if (!status && names.count) qsort(names.list, names.count, sizeof *names.list, by_text);
  for (size_t i = 0; !status && names.count && i < photos->count; ++i) {
    const name wanted = name_of(&photos->list[i]);
    if (bsearch(&wanted, names.list, names.count, sizeof *names.list, by_text)) {
      photos->list[i].wanted = true;
    }
  }
  mn_free(names.list);
  mn_file_close(&file);
  return status;
}

/* The text files of a folder that are splits, by their names without ".txt". */
static mn_status find_splits(mn_splits *splits, mn_tree *tree, const char *folder, mn_error *err) {
  mn_names names = {0};
  mn_status status = mn_tree_list(tree, folder, &names, err);
  if (!status) splits->list = mn_arena_array(&tree->arena, names.count + 1, sizeof *splits->list);
  if (!status && !splits->list) status = mn_fail_memory(err, names.count * sizeof *splits->list);
  for (size_t i = 0; !status && i < names.count; ++i) {
    char *text = names.list[i];
    const size_t length = strlen(text);
    if (length < 5 || strcmp(text + length - 4, ".txt") != 0 || strchr(text, '_')) continue;
    const char *path = mn_path_join(&tree->arena, folder, strlen(folder), text);
    if (!path) status = mn_fail_memory(err, length);
    text[length - 4] = '\0';
    splits->list[splits->count++] = (mn_split){text, path, false};
  }
  mn_names_free(&names);
  return status;
}

mn_status mn_photos_choose(mn_photos *photos, mn_tree *tree, const char *folder, const char *split,
                           mn_error *err) {
  mn_splits splits = {0};
  mn_status status = find_splits(&splits, tree, folder, err);
  if (!status) status = mn_splits_choose(&splits, folder, split, err);
  for (size_t i = 0; !status && i < photos->count; ++i) photos->list[i].wanted = !splits.count;
  for (size_t i = 0; !status && i < splits.count; ++i) {
    if (splits.list[i].wanted) status = want_listed(photos, tree, splits.list[i].path, err);
  }
  photos->split = splits.count > 0;
  return status;
}
