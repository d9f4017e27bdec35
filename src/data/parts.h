/* SPDX-License-Identifier: Apache-2.0
 * What a set is divided into before training: pictures to train on and pictures held back, those
 * that cannot be used left out, and what a person should know of them first. Splits that the set
 * states (train, and val or valid) are taken as they are; without them a fraction is held back
 * (stratify.h). A test split is never touched. */
#ifndef MN_DATA_PARTS_H
#define MN_DATA_PARTS_H

#include "data/dataset.h"
#include "data/stratify.h"
#include "data/survey.h"

typedef struct mn_part {
  const mn_dataset *set;
  int64_t *items; /* [count] positions in the set, rising */
  int64_t count;
} mn_part;

typedef struct mn_parts {
  mn_dataset *sets[2];  /* the second NULL when the first was split */
  mn_survey surveys[2]; /* of these */
  mn_part train, held;  /* held.count may be 0: one picture of each class */
  mn_stratum *strata;   /* [stratum_count] when the first was split; else NULL */
  int32_t stratum_count;
  uint32_t *groups; /* [pictures of both sets] which look alike, by their first */
  mn_notes notes;
} mn_parts;

typedef struct mn_parts_options {
  mn_task task;    /* NONE: CLASSIFY */
  double fraction; /* held back where the set states no split; 0: a fifth */
  uint64_t seed;
  mn_survey_options survey;
} mn_parts_options;

/* Errors: those of mn_dataset_open; FORMAT when no picture can be used; CANCELLED. */
mn_status mn_parts_open(mn_parts *parts, const char *path, const mn_parts_options *options,
                        mn_error *err);
void mn_parts_free(mn_parts *parts);

/* A hash of what is trained on and what is held back: names, files, classes, boxes, masks. The same
 * for a folder and an archive of it. Error: MEMORY. */
mn_status mn_parts_fingerprint(const mn_parts *parts, uint64_t *fingerprint, mn_error *err);

/* The notes of parts that are complete (parts.c calls it). Error: MEMORY. */
mn_status mn_parts_note(mn_parts *parts, mn_error *err);

#endif
