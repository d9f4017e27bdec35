/* SPDX-License-Identifier: Apache-2.0
 * A folder per class. Names are sorted bytewise and classes are collected over every split, so that
 * a class that one split lacks shifts no index. Hidden files are not seen; files that are no
 * pictures by their extension are left out with a note. */
#include <string.h>

#include "data/dataset.h"
#include "data/splits.h"

static char *join(mn_listing *listing, const char *folder, const char *name) {
  return mn_path_join(&listing->tree.arena, folder, strlen(folder), name);
}

/* Every picture at or below a class folder, deeper folders in their place among the files. */
static mn_status list_class(mn_listing *listing, const char *path, const char *class_name,
                            int depth, mn_error *err) {
  if (depth > MN_MOST_DEPTH) return mn_path_too_deep(path, err);
  mn_names entries = {0};
  mn_status status = mn_tree_list(&listing->tree, path, &entries, err);
  for (size_t i = 0; !status && i < entries.count; ++i) {
    char *inner = join(listing, path, entries.list[i]);
    if (!inner) {
      status = mn_fail_memory(err, strlen(path));
    } else if (mn_tree_has_folder(&listing->tree, inner)) {
      status = list_class(listing, inner, class_name, depth + 1, err);
    } else if (!mn_path_is_picture(inner)) {
      if (!listing->strangers++) listing->first_stranger = inner;
    } else {
      mn_listed item = {.path = inner, .text = class_name};
      status = mn_listing_add(listing, item, err);
    }
  }
  mn_names_free(&entries);
  return status;
}

/* The class folders of one split into `classes`, and their pictures when `wanted`. */
static mn_status list_split(mn_listing *listing, const char *path, bool wanted, mn_names *classes,
                            mn_error *err) {
  mn_names entries = {0};
  mn_status status = mn_tree_list(&listing->tree, path, &entries, err);
  for (size_t i = 0; !status && i < entries.count; ++i) {
    char *inner = join(listing, path, entries.list[i]);
    if (!inner || !mn_names_add(classes, &listing->tree.arena, entries.list[i])) {
      status = mn_fail_memory(err, strlen(path));
    } else if (!mn_tree_has_folder(&listing->tree, inner)) {
      classes->count--;
    } else if (wanted) {
      status = list_class(listing, inner, entries.list[i], 1, err);
    }
  }
  mn_names_free(&entries);
  return status;
}

/* Sorted, each once, into the listing. */
static mn_status keep_classes(mn_listing *listing, mn_names *classes, const char *path,
                              mn_error *err) {
  if (classes->count == 0) {
    return mn_fail(err, MN_ERR_FORMAT, path,
                   "there is no folder per class in it, and no labels.tsv or labels.csv");
  }
  mn_names_sort(classes);
  mn_names_once(classes);
  const size_t count = classes->count;
  listing->classes = mn_arena_array(&listing->tree.arena, count, sizeof *listing->classes);
  if (!listing->classes) return mn_fail_memory(err, count * sizeof *listing->classes);
  for (size_t i = 0; i < count; ++i) listing->classes[i] = classes->list[i];
  listing->class_count = count;
  return MN_OK;
}

static mn_status note_strangers(mn_listing *listing, const char *path, mn_error *err) {
  const char *first = listing->first_stranger + strlen(path);
  first += strspn(first, "/");
  if (listing->strangers == 1) {
    return mn_notes_add(&listing->notes, err, "%s: a file is left out, no picture by its name: %s",
                        path, first);
  }
  return mn_notes_add(&listing->notes, err,
                      "%s: %zu files are left out, no pictures by their names: %s the first", path,
                      listing->strangers, first);
}

mn_status mn_folder_list(mn_listing *listing, const char *path, const char *split, mn_error *err) {
  mn_splits splits;
  mn_names classes = {0};
  mn_status status = mn_splits_find(&splits, &listing->tree, path, false, err);
  if (!status) status = mn_splits_choose(&splits, path, split, err);
  if (!status && !splits.count) status = list_split(listing, path, true, &classes, err);
  for (size_t i = 0; !status && i < splits.count; ++i) {
    status = list_split(listing, splits.list[i].path, splits.list[i].wanted, &classes, err);
  }
  if (!status) status = keep_classes(listing, &classes, path, err);
  if (!status && listing->strangers) status = note_strangers(listing, path, err);
  mn_names_free(&classes);
  return status;
}
