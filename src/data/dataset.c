/* SPDX-License-Identifier: Apache-2.0
 * The public dataset: tells a folder from a table, lists it, resolves its classes, and thins it
 * evenly to the asked number. Pictures are not opened here. */
#include "data/dataset.h"

#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "contract/contract.h"

struct mn_dataset {
  mn_listing listing;
  mn_task task;
  bool own_classes; /* their order is that of the listing's names */
  const char *root; /* what paths begin with, of a folder or in an archive */
};

static mn_status list_table(mn_listing *listing, const char *path, const char *split,
                            mn_error *err) {
  if (split) {
    return mn_fail(err, MN_ERR_ARGUMENT, path, "there is no split %s: a table has no splits",
                   split);
  }
  mn_file file;
  mn_status status = mn_tree_map(&listing->tree, path, &file, err);
  if (status) return status;
  status = mn_csv_list(listing, (const char *)file.bytes, file.size, path, err);
  mn_file_close(&file);
  return status;
}

/* labels.tsv or labels.csv in a folder, else NULL; in the arena. */
static mn_status find_table(mn_listing *listing, const char *path, const char **out,
                            mn_error *err) {
  static const char *const names[] = {"labels.tsv", "labels.csv"};
  *out = NULL;
  for (int i = 0; i < 2 && !*out; ++i) {
    const char *inner = mn_path_join(&listing->tree.arena, path, strlen(path), names[i]);
    if (!inner) return mn_fail_memory(err, strlen(path));
    if (mn_tree_has_file(&listing->tree, inner)) *out = inner;
  }
  return MN_OK;
}

static mn_status list_path(mn_listing *listing, const char *path, const char *split,
                           mn_error *err) {
  if (!mn_tree_has_folder(&listing->tree, path)) return list_table(listing, path, split, err);
  const char *table;
  mn_status status = find_table(listing, path, &table, err);
  if (status) return status;
  if (table) return list_table(listing, table, split, err);
  return mn_folder_list(listing, path, split, err);
}

/* Item floor(i * count / limit) for i = 0 .. limit - 1. */
static void thin(mn_listing *listing, int64_t limit) {
  if (limit <= 0 || (uint64_t)limit >= listing->count) return;
  size_t count = listing->count, kept = (size_t)limit, step = count / kept, rest = count % kept;
  for (size_t i = 0, at = 0, carry = 0; i < kept; ++i) {
    listing->items[i] = listing->items[at];
    at += step;
    carry += rest;
    if (carry >= kept) carry -= kept, at++;
  }
  listing->count = kept;
}

static mn_status list_task(mn_listing *listing, const char *path, const mn_dataset_options *options,
                           mn_error *err) {
  switch (options->task) {
    case MN_TASK_DETECT: return mn_boxes_list(listing, path, options->split, err);
    case MN_TASK_SEGMENT: return mn_masks_list(listing, path, options->split, err);
    default: return list_path(listing, path, options->split, err);
  }
}

/* Masks hold indices: there is nothing to resolve. */
static mn_status resolve_task(mn_listing *listing, const char *path, mn_task task,
                              const mn_class_names *known, mn_error *err) {
  switch (task) {
    case MN_TASK_DETECT: return mn_boxes_resolve(listing, path, known, err);
    case MN_TASK_SEGMENT: listing->class_count = (size_t)known->count; return MN_OK;
    default: return mn_classes_resolve(listing, path, known, err);
  }
}

/* Turns a path that is an archive's into that of the set in it. */
static mn_status open_tree(mn_listing *listing, const char **path, mn_error *err) {
  mn_status status = mn_tree_open(&listing->tree, *path, err);
  if (status || !listing->tree.archive) return status;
  status = mn_tree_root(&listing->tree, path, err);
  if (status) return status;
  const size_t left_out = listing->tree.tar.left_out;
  if (!left_out) return MN_OK;
  return mn_notes_add(&listing->notes, err, "%s: %zu of its entries %s neither a file nor a folder",
                      listing->tree.archive, left_out, left_out == 1 ? "is" : "are");
}

/* The folder that a set's paths are in: that of a table, where the path is one. */
static mn_status keep_root(mn_dataset *dataset, const char *path, mn_error *err) {
  mn_tree *tree = &dataset->listing.tree;
  const char *slash = strrchr(path, '/');
  size_t length = strlen(path);
  if (!mn_tree_has_folder(tree, path)) length = slash ? (size_t)(slash - path) : 0;
  dataset->root = mn_arena_string(&tree->arena, path, length);
  return dataset->root ? MN_OK : mn_fail_memory(err, length);
}

static mn_status fill(mn_dataset *dataset, const char *path, const mn_dataset_options *options,
                      const mn_class_names *known, mn_error *err) {
  mn_listing *listing = &dataset->listing;
  mn_status status = open_tree(listing, &path, err);
  if (!status) status = keep_root(dataset, path, err);
  if (!status) status = list_task(listing, path, options, err);
  if (status) return status;
  if (listing->count == 0) {
    return mn_fail(err, MN_ERR_FORMAT, path, "there are no pictures%s in it",
                   options->task == MN_TASK_SEGMENT ? " with masks" : "");
  }
  status = resolve_task(listing, path, options->task, known, err);
  if (!status) thin(listing, options->limit);
  return status;
}

mn_status mn_dataset_open_named(mn_dataset **out, const char *path,
                                const mn_dataset_options *options, const mn_class_names *known,
                                mn_error *err) {
  *out = NULL;
  if (options->limit < 0) {
    return mn_fail(err, MN_ERR_ARGUMENT, "limit", "is %lld, expected 0 or more",
                   (long long)options->limit);
  }
  mn_dataset *dataset = mn_alloc_zero(sizeof *dataset);
  if (!dataset) return mn_fail_memory(err, sizeof *dataset);
  dataset->task = options->task == MN_TASK_NONE ? MN_TASK_CLASSIFY : options->task;
  mn_status status = fill(dataset, path, options, known, err);
  if (status) {
    mn_dataset_free(dataset);
    return status;
  }
  dataset->own_classes = !known->count && dataset->listing.classes != NULL;
  *out = dataset;
  return MN_OK;
}

/* A shorter, older struct lacks its last fields. */
static mn_dataset_options read_options(const mn_dataset_options *given) {
  mn_dataset_options options = {0};
  size_t size = given ? given->struct_size : 0;
  memcpy(&options, given ? given : &options, size < sizeof options ? size : sizeof options);
  return options;
}

static mn_status read_labels(const mn_model *model, mn_arena *arena, mn_class_names *known,
                             mn_error *err) {
  int count = mn_model_label_count(model);
  const char **names = mn_arena_array(arena, (size_t)count + 1, sizeof *names);
  if (!names) return mn_fail_memory(err, (size_t)count * sizeof *names);
  for (int i = 0; i < count; ++i) names[i] = mn_model_label(model, i);
  *known = (mn_class_names){names, count, -1};
  const char *json = mn_model_contract(model);
  if (!json) return MN_OK;
  mn_contract contract;
  mn_status status = mn_contract_from_json(&contract, json, strlen(json), arena, err);
  if (!status) known->background = contract.labels.background;
  return status;
}

/* A detector's classes, which its scores may count from the background on. */
static mn_status read_classes(const mn_model *model, mn_arena *arena, mn_class_names *known,
                              mn_error *err) {
  const int count = mn_model_class_count(model);
  const char **names = mn_arena_array(arena, (size_t)count + 1, sizeof *names);
  if (!names) return mn_fail_memory(err, (size_t)count * sizeof *names);
  for (int i = 0; i < count; ++i) {
    names[i] = mn_model_class_label(model, i);
    if (!names[i]) return MN_OK; /* without labels, a class is its position */
  }
  *known = (mn_class_names){names, count, -1};
  return MN_OK;
}

static mn_status read_known(const mn_dataset_options *options, mn_arena *arena,
                            mn_class_names *known, mn_error *err) {
  if (!options->model) return MN_OK;
  if (options->task == MN_TASK_DETECT) return read_classes(options->model, arena, known, err);
  return read_labels(options->model, arena, known, err);
}

mn_status mn_dataset_open(mn_dataset **out, const char *path, const mn_dataset_options *options,
                          mn_error *err) {
  mn_error_clear(err);
  if (!out) return mn_fail(err, MN_ERR_ARGUMENT, NULL, "out must not be NULL");
  *out = NULL;
  if (!path) return mn_fail(err, MN_ERR_ARGUMENT, NULL, "path must not be NULL");
  mn_dataset_options chosen = read_options(options);
  mn_arena arena = {0};
  mn_class_names known = {.background = -1};
  if (chosen.task == MN_TASK_NONE && chosen.model) chosen.task = mn_model_task(chosen.model);
  mn_status status = read_known(&chosen, &arena, &known, err);
  if (!status) status = mn_dataset_open_named(out, path, &chosen, &known, err);
  mn_arena_free(&arena);
  return status;
}

void mn_dataset_free(mn_dataset *dataset) {
  if (!dataset) return;
  mn_listing_free(&dataset->listing);
  mn_free(dataset);
}

int64_t mn_dataset_count(const mn_dataset *dataset) { return (int64_t)dataset->listing.count; }

int mn_dataset_class_count(const mn_dataset *dataset) { return (int)dataset->listing.class_count; }

const char *mn_dataset_class_name(const mn_dataset *dataset, int class_index) {
  const bool valid = class_index >= 0 && (size_t)class_index < dataset->listing.class_count;
  return valid && dataset->own_classes ? dataset->listing.classes[class_index] : NULL;
}

static const mn_listed *item_at(const mn_dataset *dataset, int64_t index) {
  bool valid = index >= 0 && (uint64_t)index < dataset->listing.count;
  return valid ? &dataset->listing.items[index] : NULL;
}

const char *mn_dataset_path(const mn_dataset *dataset, int64_t index) {
  const mn_listed *item = item_at(dataset, index);
  return item ? item->path : NULL;
}

const char *mn_dataset_name(const mn_dataset *dataset, int64_t index) {
  const char *path = mn_dataset_path(dataset, index);
  const size_t length = strlen(dataset->root);
  if (!path || strncmp(path, dataset->root, length) != 0) return path;
  return path + length + strspn(path + length, "/");
}

int mn_dataset_class(const mn_dataset *dataset, int64_t index) {
  const mn_listed *item = item_at(dataset, index);
  return item ? item->index : -1;
}

static mn_status fail_index(int64_t index, mn_error *err) {
  return mn_fail(err, MN_ERR_ARGUMENT, "index", "there is no picture %lld", (long long)index);
}

mn_status mn_dataset_map(const mn_dataset *dataset, int64_t index, mn_file *file, mn_error *err) {
  const mn_listed *item = item_at(dataset, index);
  if (!item) return fail_index(index, err);
  return mn_tree_map(&dataset->listing.tree, item->path, file, err);
}

mn_status mn_dataset_read_picture(const mn_dataset *dataset, int64_t index,
                                  const mn_picture_options *options, mn_picture **out,
                                  mn_error *err) {
  mn_error_clear(err);
  *out = NULL;
  mn_file file;
  mn_status status = mn_dataset_map(dataset, index, &file, err);
  if (status) return status;
  const char *name = mn_dataset_path(dataset, index);
  status = mn_picture_decode(out, file.bytes, file.size, name, options, err);
  mn_file_close(&file);
  return status;
}

mn_status mn_dataset_map_mask(const mn_dataset *dataset, int64_t index, mn_file *file,
                              mn_error *err) {
  const char *path = mn_dataset_mask_path(dataset, index);
  return path ? mn_tree_map(&dataset->listing.tree, path, file, err) : fail_index(index, err);
}

mn_status mn_dataset_read_mask(const mn_dataset *dataset, int64_t index, mn_mask_file **out,
                               mn_error *err) {
  mn_error_clear(err);
  *out = NULL;
  mn_file file;
  mn_status status = mn_dataset_map_mask(dataset, index, &file, err);
  if (status) return status;
  const char *path = mn_dataset_mask_path(dataset, index);
  status = mn_mask_file_decode(out, file.bytes, file.size, path, err);
  mn_file_close(&file);
  return status;
}

mn_task mn_dataset_task(const mn_dataset *dataset) { return dataset->task; }

int mn_dataset_box_count(const mn_dataset *dataset, int64_t index) {
  const mn_listed *item = item_at(dataset, index);
  return item ? item->box_count : 0;
}

void mn_dataset_boxes(const mn_dataset *dataset, int64_t index, int32_t width, int32_t height,
                      mn_box *boxes) {
  const mn_listed *item = item_at(dataset, index);
  const double scale[2] = {dataset->listing.fractions ? width : 1,
                           dataset->listing.fractions ? height : 1};
  for (int32_t i = 0; item && i < item->box_count; ++i) {
    mn_box box = dataset->listing.boxes[item->box_begin + (size_t)i];
    for (int c = 0; c < 4; ++c) box.box[c] *= scale[c % 2];
    if (box.area < 0) box.area = (box.box[2] - box.box[0]) * (box.box[3] - box.box[1]);
    boxes[i] = box;
  }
}

const char *mn_dataset_mask_path(const mn_dataset *dataset, int64_t index) {
  const mn_listed *item = item_at(dataset, index);
  return item ? item->mask : NULL;
}

int mn_dataset_note_count(const mn_dataset *dataset) { return (int)dataset->listing.notes.count; }

const char *mn_dataset_note(const mn_dataset *dataset, int note) {
  bool valid = note >= 0 && (size_t)note < dataset->listing.notes.count;
  return valid ? dataset->listing.notes.list[note] : NULL;
}
