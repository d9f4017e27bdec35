/* SPDX-License-Identifier: Apache-2.0
 * The pictures of a set that keeps labels in other files: everything below images/ (or
 * JPEGImages/), whose sub-folders, when it has some, are the splits. */
#ifndef MN_DATA_PHOTOS_H
#define MN_DATA_PHOTOS_H

#include "data/splits.h"

typedef struct mn_photo {
  const char *path;
  const char *inner; /* below the folder of pictures: "val/a.jpg" */
  const char *name;  /* "a.jpg" */
  bool wanted;       /* of the split asked for */
} mn_photo;

typedef struct mn_photos {
  const char *folder;
  mn_photo *list;          /* [count] in order of `inner`; freed by mn_photos_free */
  const mn_photo **sorted; /* [count] by name */
  size_t count, capacity;
  bool split; /* there are splits, and some are not wanted */
} mn_photos;

/* DATA/images or DATA/JPEGImages, in the tree's arena; NULL: there is neither. Error: MEMORY. */
mn_status mn_photos_folder(const char **out, mn_tree *tree, const char *root, mn_error *err);
/* Lists `folder`. Errors: IO, ARGUMENT (no such split), LIMIT (too deep), MEMORY. */
mn_status mn_photos_list(mn_photos *photos, mn_tree *tree, const char *folder, const char *split,
                         mn_error *err);
/* Wants those of a split, or of the usual one, that text files in `folder` list (image_sets.c). */
mn_status mn_photos_choose(mn_photos *photos, mn_tree *tree, const char *folder, const char *split,
                           mn_error *err);
void mn_photos_free(mn_photos *photos);
/* The photo of that name, a wanted one where there are several; NULL: none. */
const mn_photo *mn_photos_find(const mn_photos *photos, const char *name);
/* "DATA/labels" + "val/a.jpg" with another ending; NULL when out of memory. */
char *mn_photo_sibling(mn_arena *arena, const char *folder, const mn_photo *photo,
                       const char *ending);

#endif
