/* SPDX-License-Identifier: Apache-2.0
 * What the dataset readers share: a listing of paths with the class each states, and the step that
 * turns stated classes into indices. A reader only lists; classes.c and box_classes.c decide
 * indices. */
#ifndef MN_DATA_DATASET_H
#define MN_DATA_DATASET_H

#include <stdbool.h>

#include "base/error.h"
#include "data/notes.h"
#include "data/tree.h"
#include "mobilenet/io.h"

typedef struct mn_listed {
  const char *path;
  const char *text; /* the class as stated: a folder's name, a number, a label */
  int32_t line;     /* of a table; 0 for a folder */
  int32_t index;    /* of the class, once resolved */
  const char *mask; /* of a set with masks */
  size_t box_begin; /* of a set with boxes, once resolved */
  int32_t box_count;
} mn_listed;

typedef struct mn_listed_box {
  size_t item;
  mn_box box; /* class_index: of listing->classes; area < 0: the box's */
} mn_listed_box;

typedef struct mn_listing {
  mn_tree tree; /* its arena: every string, and `classes` */
  mn_listed *items;
  size_t count, capacity;
  const char **classes; /* folders: their names, sorted bytewise, of all splits together */
  size_t class_count;   /* once resolved: of real classes */
  mn_listed_box *found; /* [found_count] boxes in the order they were read */
  size_t found_count, found_capacity;
  mn_box *boxes;         /* once resolved: by item */
  bool declares_classes; /* the set states its classes in an order; else they are sorted */
  bool fractions;        /* boxes are fractions of their picture's size */
  size_t strangers;      /* files that are no pictures by their names */
  const char *first_stranger;
  mn_notes notes; /* what was left out, and why */
  size_t class_capacity;
} mn_listing;

/* Labels of a model's outputs; count 0: unknown. */
typedef struct mn_class_names {
  const char *const *names; /* [count] */
  int32_t count;
  int32_t background; /* index that is no class; -1: none */
} mn_class_names;

/* Appends; strings must live in its arena. Error: MEMORY. */
mn_status mn_listing_add(mn_listing *listing, mn_listed item, mn_error *err);
/* Appends a box; one without area is left out with a note, which says where it was read: `name`,
 * then what `number` counts ("line", "annotation"). Error: MEMORY. */
typedef struct mn_box_place {
  const char *name, *what;
  size_t number;
} mn_box_place;
mn_status mn_listing_add_box(mn_listing *listing, const mn_listed_box *box,
                             const mn_box_place *place, mn_error *err);
/* The position of a class among listing->classes, where it is added when new; -1: out of memory. */
int32_t mn_listing_class(mn_listing *listing, const char *name);
void mn_listing_free(mn_listing *listing);

/* Lists a folder per class below `path`, with or without split folders.
 * Errors: IO, FORMAT (no class folders), ARGUMENT (no such split), LIMIT (too deep). */
mn_status mn_folder_list(mn_listing *listing, const char *path, const char *split, mn_error *err);

/* Lists a CSV or TSV text. `name` is the file's, for messages and as what paths are relative to. */
mn_status mn_csv_list(mn_listing *listing, const char *text, size_t size, const char *name,
                      mn_error *err);

/* Lists the pictures and boxes of a folder with instances.json, Annotations/ or labels/.
 * Errors: IO, FORMAT, ARGUMENT (no such split), LIMIT, MEMORY. */
mn_status mn_boxes_list(mn_listing *listing, const char *path, const char *split, mn_error *err);
/* Lists the pictures of a folder that have a mask; the same errors. */
mn_status mn_masks_list(mn_listing *listing, const char *path, const char *split, mn_error *err);

/* Groups the boxes by picture with classes of the model; boxes of others are left out with a note.
 * Errors: FORMAT (no class is a label of the model, or one that it has twice), MEMORY. */
mn_status mn_boxes_resolve(mn_listing *listing, const char *name, const mn_class_names *known,
                           mn_error *err);

/* Sets every item's index and the listing's class_count. Error: FORMAT or ARGUMENT, naming the
 * class that has no index. */
mn_status mn_classes_resolve(mn_listing *listing, const char *name, const mn_class_names *known,
                             mn_error *err);

/* The path of picture `index` within the set: the same in a folder and in an archive of it. */
const char *mn_dataset_name(const mn_dataset *dataset, int64_t index);
/* The bytes of picture `index`; mn_file_close when done. Errors: IO, FORMAT (empty), ARGUMENT. */
mn_status mn_dataset_map(const mn_dataset *dataset, int64_t index, mn_file *file, mn_error *err);
mn_status mn_dataset_map_mask(const mn_dataset *dataset, int64_t index, mn_file *file,
                              mn_error *err);

/* mn_dataset_open with the labels given directly. */
mn_status mn_dataset_open_named(mn_dataset **out, const char *path,
                                const mn_dataset_options *options, const mn_class_names *known,
                                mn_error *err);

#endif
