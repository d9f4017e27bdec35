/* SPDX-License-Identifier: Apache-2.0
 * Sets with boxes or masks: finds the folders that hold pictures, and reads what labels them. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "data/label_files.h"

/* One folder with images/ and labels of some kind. */
typedef struct root {
  mn_listing *listing;
  const char *path;
  const char *set;   /* the whole set's folder, which may hold the names */
  const char *split; /* of sub-folders of images/, or NULL */
  bool wanted;       /* else only its classes are */
  const char *masks; /* the folder of masks, once it is found */
  mn_photos photos;
  mn_error *err;
} root;

typedef mn_status (*root_reader)(root *r);

static char *join(const root *r, const char *folder, const char *name) {
  return mn_path_join(&r->listing->tree.arena, folder, strlen(folder), name);
}

static mn_status no_memory(const root *r) { return mn_fail_memory(r->err, strlen(r->path)); }

/* Names the folder below that is a set, where there is one: the archive's own, often. */
static mn_status fail_photos(const root *r) {
  mn_tree *tree = &r->listing->tree;
  mn_names names = {0};
  const char *photos = NULL, *below = NULL;
  mn_status status = mn_tree_list(tree, r->path, &names, r->err);
  for (size_t i = 0; !status && !photos && i < names.count; ++i) {
    below = join(r, r->path, names.list[i]);
    status = below ? mn_photos_folder(&photos, tree, below, r->err) : no_memory(r);
  }
  mn_names_free(&names);
  if (status) return status;
  return mn_fail(r->err, MN_ERR_FORMAT, r->path, "there is no folder images in it%s%s",
                 photos ? ", but in " : "", photos ? below : "");
}

/* A folder's pictures are in images/ below it; of a split named train also in it, when trainannot
 * beside it has their masks, as CamVid is often kept. */
static mn_status find_photos(root *r, const char **folder) {
  mn_status status = mn_photos_folder(folder, &r->listing->tree, r->path, r->err);
  if (status || *folder) return status;
  const size_t length = strlen(r->path);
  char *beside = mn_arena_take(&r->listing->tree.arena, length + sizeof "annot");
  if (!beside) return no_memory(r);
  memcpy(beside, r->path, length);
  memcpy(beside + length, "annot", sizeof "annot");
  if (!mn_tree_has_folder(&r->listing->tree, beside)) {
    return fail_photos(r);
  }
  r->masks = beside;
  *folder = r->path;
  return MN_OK;
}

static mn_status read_root(root *r, root_reader read) {
  const char *folder;
  mn_status status = find_photos(r, &folder);
  if (status) return status;
  const char *lists = join(r, r->path, "ImageSets/Main");
  if (!lists) return no_memory(r);
  const bool listed = mn_tree_has_folder(&r->listing->tree, lists);
  const char *split = listed ? NULL : r->split;
  status = mn_photos_list(&r->photos, &r->listing->tree, folder, split, r->err);
  if (!status && listed) {
    status = mn_photos_choose(&r->photos, &r->listing->tree, lists, r->split, r->err);
  }
  if (!status) status = read(r);
  mn_photos_free(&r->photos);
  return status;
}

/* The set's own folder where it has images/; else each of its train, val and test. */
static mn_status read_roots(root *whole, root_reader read) {
  mn_splits splits;
  mn_tree *tree = &whole->listing->tree;
  if (!mn_tree_has_folder(tree, whole->path)) {
    return mn_fail(whole->err, MN_ERR_FORMAT, whole->path, "expected a folder (docs/data.md)");
  }
  const char *folder;
  mn_status status = mn_photos_folder(&folder, tree, whole->path, whole->err);
  if (status) return status;
  if (folder) return read_root(whole, read);
  status = mn_splits_find(&splits, tree, whole->path, false, whole->err);
  if (status) return status;
  if (!splits.count) return read_root(whole, read);
  status = mn_splits_choose(&splits, whole->path, whole->split, whole->err);
  for (size_t i = 0; !status && i < splits.count; ++i) {
    root one = *whole;
    one.path = splits.list[i].path;
    one.wanted = splits.list[i].wanted;
    one.split = NULL;
    status = read_root(&one, read);
  }
  return status;
}

/* ---- Boxes ---------------------------------------------------------------------------------- */

static mn_status read_coco(root *r, const char *path) {
  mn_file file;
  if (!r->wanted) return MN_OK;
  mn_status status = mn_tree_map(&r->listing->tree, path, &file, r->err);
  if (status) return status;
  const mn_label_file labels = {(const char *)file.bytes, file.size, path};
  status = mn_coco_read(r->listing, &r->photos, &labels, r->err);
  mn_file_close(&file);
  return status;
}

static bool ends_in(const char *name, const char *ending) {
  const size_t length = strlen(name), end = strlen(ending);
  return length > end && !strcmp(name + length - end, ending);
}

static mn_status read_voc_file(root *r, const char *path) {
  mn_file file;
  mn_status status = mn_tree_map(&r->listing->tree, path, &file, r->err);
  if (status) return status;
  const mn_label_file labels = {(const char *)file.bytes, file.size, path};
  status = mn_voc_read(r->listing, &r->photos, &labels, r->wanted, r->err);
  mn_file_close(&file);
  return status;
}

static mn_status read_voc(root *r, const char *folder, int depth) {
  if (depth > MN_MOST_DEPTH) return mn_path_too_deep(folder, r->err);
  mn_names names = {0};
  mn_status status = mn_tree_list(&r->listing->tree, folder, &names, r->err);
  for (size_t i = 0; !status && i < names.count; ++i) {
    const char *path = join(r, folder, names.list[i]);
    if (!path) {
      status = no_memory(r);
    } else if (mn_tree_has_folder(&r->listing->tree, path)) {
      status = read_voc(r, path, depth + 1);
    } else if (ends_in(path, ".xml")) {
      status = read_voc_file(r, path);
    }
  }
  mn_names_free(&names);
  return status;
}

/* The first .yaml of a folder, in the arena; NULL: there is none. */
static mn_status find_yaml(const root *r, const char *folder, const char **out) {
  mn_names names = {0};
  *out = NULL;
  mn_status status = mn_tree_list(&r->listing->tree, folder, &names, r->err);
  for (size_t i = 0; !status && !*out && i < names.count; ++i) {
    if (!ends_in(names.list[i], ".yaml") && !ends_in(names.list[i], ".yml")) continue;
    *out = join(r, folder, names.list[i]);
    if (!*out) status = no_memory(r);
  }
  mn_names_free(&names);
  return status;
}

static mn_status read_yolo_names(root *r) {
  if (r->listing->class_count) return MN_OK; /* splits share them */
  mn_file file;
  const char *path;
  mn_status status = find_yaml(r, r->path, &path);
  if (!status && !path) status = find_yaml(r, r->set, &path);
  if (status) return status;
  if (!path) {
    return mn_fail(r->err, MN_ERR_FORMAT, r->set,
                   "there is no .yaml with the classes' names beside labels/");
  }
  status = mn_tree_map(&r->listing->tree, path, &file, r->err);
  if (status) return status;
  const mn_label_file labels = {(const char *)file.bytes, file.size, path};
  status = mn_yolo_names_read(r->listing, &labels, r->err);
  mn_file_close(&file);
  return status;
}

/* A picture without a label file shows nothing of the classes. */
static mn_status read_yolo_photo(root *r, const mn_photo *photo, const char *folder) {
  mn_file file;
  const char *path = mn_photo_sibling(&r->listing->tree.arena, folder, photo, ".txt");
  if (!path) return no_memory(r);
  mn_status status = mn_listing_add(r->listing, (mn_listed){.path = photo->path}, r->err);
  if (status || !mn_tree_has_file(&r->listing->tree, path)) return status;
  status = mn_tree_map(&r->listing->tree, path, &file, r->err);
  if (status) return status;
  const mn_label_file labels = {(const char *)file.bytes, file.size, path};
  status = mn_yolo_read(r->listing, &labels, r->err);
  mn_file_close(&file);
  return status;
}

static mn_status read_yolo(root *r, const char *folder) {
  r->listing->fractions = r->listing->declares_classes = true;
  mn_status status = read_yolo_names(r);
  for (size_t i = 0; !status && r->wanted && i < r->photos.count; ++i) {
    const mn_photo *photo = &r->photos.list[i];
    if (photo->wanted) status = read_yolo_photo(r, photo, folder);
  }
  return status;
}

static mn_status read_boxes(root *r) {
  const char *coco = join(r, r->path, "instances.json");
  const char *voc = join(r, r->path, "Annotations"), *yolo = join(r, r->path, "labels");
  if (!coco || !voc || !yolo) return no_memory(r);
  if (mn_tree_has_file(&r->listing->tree, coco)) return read_coco(r, coco);
  if (mn_tree_has_folder(&r->listing->tree, voc)) return read_voc(r, voc, 0);
  if (mn_tree_has_folder(&r->listing->tree, yolo)) return read_yolo(r, yolo);
  return mn_fail(r->err, MN_ERR_FORMAT, r->path,
                 "there is no instances.json, Annotations/ or labels/ in it");
}

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* XML states no order: names are sorted bytewise. */
static mn_status sort_classes(mn_listing *listing, mn_error *err) {
  const size_t count = listing->class_count;
  if (!count) return MN_OK;
  const char **sorted =
      mn_arena_copy(&listing->tree.arena, listing->classes, count * sizeof *sorted);
  if (!sorted) return mn_fail_memory(err, count * sizeof *sorted);
  qsort(sorted, count, sizeof *sorted, compare_texts);
  for (size_t i = 0; i < listing->found_count; ++i) {
    int32_t *class = &listing->found[i].box.class_index;
    const char **at =
        bsearch(&listing->classes[*class], sorted, count, sizeof *sorted, compare_texts);
    *class = (int32_t)(at - sorted);
  }
  listing->classes = sorted;
  return MN_OK;
}

mn_status mn_boxes_list(mn_listing *listing, const char *path, const char *split, mn_error *err) {
  root whole = {
      .listing = listing, .path = path, .set = path, .split = split, .wanted = true, .err = err};
  mn_status status = read_roots(&whole, read_boxes);
  if (!status && !listing->declares_classes) status = sort_classes(listing, err);
  return status;
}

/* ---- Masks ---------------------------------------------------------------------------------- */

static mn_status read_masks(root *r) {
  const char *folder = r->masks ? r->masks : join(r, r->path, "masks");
  if (!folder) return no_memory(r);
  if (!mn_tree_has_folder(&r->listing->tree, folder)) {
    return mn_fail(r->err, MN_ERR_FORMAT, r->path, "there is no folder masks beside images");
  }
  mn_status status = MN_OK;
  size_t without = 0;
  for (size_t i = 0; !status && r->wanted && i < r->photos.count; ++i) {
    const mn_photo *photo = &r->photos.list[i];
    if (!photo->wanted) continue;
    const mn_listed item = {
        .path = photo->path,
        .mask = mn_photo_sibling(&r->listing->tree.arena, folder, photo, ".png")};
    if (!item.mask) return no_memory(r);
    if (mn_tree_has_file(&r->listing->tree, item.mask)) {
      status = mn_listing_add(r->listing, item, r->err);
    } else {
      without++;
    }
  }
  if (status || !without) return status;
  return mn_notes_add(&r->listing->notes, r->err, "%s: %zu picture%s no mask there: not scored",
                      folder, without, without == 1 ? " has" : "s have");
}

mn_status mn_masks_list(mn_listing *listing, const char *path, const char *split, mn_error *err) {
  root whole = {
      .listing = listing, .path = path, .set = path, .split = split, .wanted = true, .err = err};
  return read_roots(&whole, read_masks);
}
