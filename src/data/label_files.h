/* SPDX-License-Identifier: Apache-2.0
 * The readers of labels, each of bytes that may be anything: COCO's JSON, Pascal VOC's XML, YOLO's
 * text and the YAML with its names. They add to a listing. */
#ifndef MN_DATA_LABEL_FILES_H
#define MN_DATA_LABEL_FILES_H

#include "data/dataset.h"
#include "data/photos.h"

typedef struct mn_label_file {
  const char *text; /* [size] */
  size_t size;
  const char *name; /* for messages */
} mn_label_file;

/* Categories, images that are wanted, and their boxes. Errors: FORMAT, LIMIT, MEMORY. */
mn_status mn_coco_read(mn_listing *listing, const mn_photos *photos, const mn_label_file *file,
                       mn_error *err);

/* One annotation: its picture, unless that is of another split or `wanted` is false, and boxes;
 * classes are added in any case. Errors: FORMAT, LIMIT, MEMORY. */
mn_status mn_voc_read(mn_listing *listing, const mn_photos *photos, const mn_label_file *file,
                      bool wanted, mn_error *err);

/* The boxes, or polygons, of the newest item. Errors: FORMAT, naming the line; MEMORY. */
mn_status mn_yolo_read(mn_listing *listing, const mn_label_file *file, mn_error *err);

/* The list or map under `names:` of a YAML file. Errors: FORMAT, MEMORY. */
mn_status mn_yolo_names_read(mn_listing *listing, const mn_label_file *file, mn_error *err);

#endif
