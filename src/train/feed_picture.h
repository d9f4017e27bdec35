/* SPDX-License-Identifier: Apache-2.0
 * One picture of a batch: read and decoded, or taken from what is kept, then augmented. What a
 * worker needs for it. */
#ifndef MN_TRAIN_FEED_PICTURE_H
#define MN_TRAIN_FEED_PICTURE_H

#include "train/augment.h"

/* How pictures are made; the same for all workers. */
typedef struct mn_picture_rule {
  const mn_dataset *set;
  const mn_contract *contract;
  mn_augment augment; /* zero when not training: as inference */
  uint64_t seed;
  int32_t short_side; /* larger pictures are made smaller first; 0: not */
} mn_picture_rule;

/* A decoded picture, with its mask where the set has one. */
typedef struct mn_raw_picture {
  mn_picture *decoded;     /* owns `image`, unless it was made smaller */
  mn_mask_file *mask_file; /* owns `mask` likewise */
  uint8_t *smaller, *smaller_mask;
  mn_image image;
  const uint8_t *mask; /* [height][width] or NULL */
  mn_size original;    /* what boxes are relative to */
  size_t bytes;        /* of memory that it takes */
} mn_raw_picture;

/* One worker's. Zero-initialize. */
typedef struct mn_picture_bench {
  mn_workspace space;
} mn_picture_bench;

/* Errors: as mn_dataset_read_picture; SHAPE when a mask has another size than its picture. */
mn_status mn_raw_picture_read(mn_raw_picture *raw, const mn_picture_rule *rule, int64_t item,
                              mn_picture_bench *bench, mn_error *err);
void mn_raw_picture_free(mn_raw_picture *raw);

/* Boxes are room for all of the item's. */
typedef struct mn_made_boxes {
  mn_box *boxes;
  int32_t count;
} mn_made_boxes;
mn_status mn_picture_make(const mn_picture_rule *rule, const mn_raw_picture *raw, int64_t item,
                          uint32_t epoch, mn_picture_bench *bench, mn_augment_target *target,
                          mn_made_boxes *boxes, mn_error *err);

#endif
