/* SPDX-License-Identifier: Apache-2.0
 * Listing the pictures below images/ and finding them by bare name. */
#include "data/photos.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

mn_status mn_photos_folder(const char **out, mn_tree *tree, const char *root, mn_error *err) {
  static const char *const names[] = {"images", "JPEGImages"};
  *out = NULL;
  for (int i = 0; i < 2 && !*out; ++i) {
    const char *folder = mn_path_join(&tree->arena, root, strlen(root), names[i]);
    if (!folder) return mn_fail_memory(err, strlen(root));
    if (mn_tree_has_folder(tree, folder)) *out = folder;
  }
  return MN_OK;
}

static mn_status add_photo(mn_photos *photos, const char *path, bool wanted, mn_error *err) {
  if (photos->count == photos->capacity) {
    size_t capacity = photos->capacity ? photos->capacity * 2 : 256;
    mn_photo *grown = mn_realloc(photos->list, capacity * sizeof *grown);
    if (!grown) return mn_fail_memory(err, capacity * sizeof *grown);
    photos->list = grown;
    photos->capacity = capacity;
  }
  const char *inner = path + strlen(photos->folder);
  while (*inner == '/') inner++;
  const char *slash = strrchr(inner, '/');
  photos->list[photos->count++] = (mn_photo){path, inner, slash ? slash + 1 : inner, wanted};
  return MN_OK;
}

typedef struct visit {
  mn_tree *tree;
  bool wanted;
  int depth;
} visit;

static mn_status list_folder(mn_photos *photos, const char *path, visit at, mn_error *err) {
  if (at.depth > MN_MOST_DEPTH) return mn_path_too_deep(path, err);
  mn_names entries = {0};
  mn_status status = mn_tree_list(at.tree, path, &entries, err);
  for (size_t i = 0; !status && i < entries.count; ++i) {
    char *inner = mn_path_join(&at.tree->arena, path, strlen(path), entries.list[i]);
    if (!inner) {
      status = mn_fail_memory(err, strlen(path));
    } else if (mn_tree_has_folder(at.tree, inner)) {
      const visit deeper = {at.tree, at.wanted, at.depth + 1};
      if (at.depth > 0) status = list_folder(photos, inner, deeper, err);
    } else if (mn_path_is_picture(inner)) {
      status = add_photo(photos, inner, at.wanted, err);
    }
  }
  mn_names_free(&entries);
  return status;
}

static int by_name(const void *a, const void *b) {
  const mn_photo *x = *(const mn_photo *const *)a, *y = *(const mn_photo *const *)b;
  int order = strcmp(x->name, y->name);
  return order ? order : y->wanted - x->wanted;
}

static mn_status sort_photos(mn_photos *photos, mn_error *err) {
  photos->sorted = mn_alloc(photos->count * sizeof *photos->sorted);
  if (!photos->sorted) return mn_fail_memory(err, photos->count * sizeof *photos->sorted);
  for (size_t i = 0; i < photos->count; ++i) photos->sorted[i] = &photos->list[i];
  if (photos->count) qsort(photos->sorted, photos->count, sizeof *photos->sorted, by_name);
  return MN_OK;
}

mn_status mn_photos_list(mn_photos *photos, mn_tree *tree, const char *folder, const char *split,
                         mn_error *err) {
  mn_splits splits;
  photos->folder = folder;
  mn_status status = mn_splits_find(&splits, tree, folder, true, err);
  if (!status && (splits.count || split)) status = mn_splits_choose(&splits, folder, split, err);
  /* Pictures beside the split folders belong to none of them. */
  bool all = true;
  for (size_t i = 0; !status && i < splits.count; ++i) all = all && splits.list[i].wanted;
  photos->split = !all;
  if (!status) status = list_folder(photos, folder, (visit){tree, all, 0}, err);
  for (size_t i = 0; !status && i < splits.count; ++i) {
    const visit inside = {tree, splits.list[i].wanted, 1};
    status = list_folder(photos, splits.list[i].path, inside, err);
  }
  return status ? status : sort_photos(photos, err);
}

void mn_photos_free(mn_photos *photos) {
  mn_free(photos->list);
  mn_free(photos->sorted);
  memset(photos, 0, sizeof *photos);
}

const mn_photo *mn_photos_find(const mn_photos *photos, const char *name) {
  size_t low = 0, high = photos->count;
  while (low < high) { /* the first that is not before `name`: the wanted one of equals */
    const size_t middle = low + (high - low) / 2;
    if (strcmp(photos->sorted[middle]->name, name) < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  const bool found = low < photos->count && !strcmp(photos->sorted[low]->name, name);
  return found ? photos->sorted[low] : NULL;
}

char *mn_photo_sibling(mn_arena *arena, const char *folder, const mn_photo *photo,
                       const char *ending) {
  const char *dot = strrchr(photo->name, '.');
  const size_t stem = dot ? (size_t)(dot - photo->inner) : strlen(photo->inner);
  const size_t length = strlen(ending);
  char *inner = mn_arena_take(arena, stem + length + 1);
  if (!inner) return NULL;
  memcpy(inner, photo->inner, stem);
  memcpy(inner + stem, ending, length + 1);
  return mn_path_join(arena, folder, strlen(folder), inner);
}
