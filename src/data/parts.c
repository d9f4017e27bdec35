/* SPDX-License-Identifier: Apache-2.0
 * See parts.h: opens what there is, looks at every picture, divides. */
#include "data/parts.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

/* ---- Opening -------------------------------------------------------------------------------- */

static mn_status open_set(mn_dataset **out, const char *path, const char *split, mn_task task,
                          mn_error *err) {
  const mn_dataset_options options = {.struct_size = sizeof options, .split = split, .task = task};
  return mn_dataset_open(out, path, &options, err);
}

/* The stated split for training and for choosing between models; or all in the first. A set without
 * such a split says so by ARGUMENT. */
static mn_status open_sets(mn_parts *parts, const char *path, mn_task task, mn_error *err) {
  mn_status status = open_set(&parts->sets[0], path, "train", task, err);
  if (status == MN_ERR_ARGUMENT) return open_set(&parts->sets[0], path, NULL, task, err);
  if (status) return status;
  status = open_set(&parts->sets[1], path, "val", task, err);
  return status == MN_ERR_ARGUMENT ? MN_OK : status;
}

static mn_status survey_sets(mn_parts *parts, const mn_survey_options *options, mn_error *err) {
  mn_status status = MN_OK;
  for (int i = 0; !status && i < 2 && parts->sets[i]; ++i) {
    mn_survey *survey = &parts->surveys[i];
    status = mn_survey_make(survey, parts->sets[i], options, err);
    if (status || survey->unusable < survey->count) continue;
    size_t first = 0;
    while (!survey->complaints[first]) first++;
    status = mn_fail(err, MN_ERR_FORMAT, NULL, "none of %zu pictures can be used: %s",
                     survey->count, survey->complaints[first]);
  }
  return status;
}

/* ---- Which look alike ----------------------------------------------------------------------- */

/* Over both sets: pictures of the second count on after those of the first. */
static mn_status group(mn_parts *parts, mn_error *err) {
  const size_t first = parts->surveys[0].count, second = parts->surveys[1].count;
  mn_look *looks = mn_alloc((first + second) * sizeof *looks);
  parts->groups = mn_alloc((first + second) * sizeof *parts->groups);
  mn_status status = MN_OK;
  if (!looks || !parts->groups) {
    status = mn_fail_memory(err, (first + second) * sizeof *looks);
  } else {
    memcpy(looks, parts->surveys[0].looks, first * sizeof *looks);
    if (second) memcpy(looks + first, parts->surveys[1].looks, second * sizeof *looks);
    status = mn_look_group(looks, first + second, parts->groups, err);
  }
  mn_free(looks);
  return status;
}

/* ---- Dividing ------------------------------------------------------------------------------- */

/* What a picture counts as when classes are held back evenly: its class; of a picture with boxes
 * the class that fewest pictures show, or one beyond the classes when it has none; for masks there
 * is one. */
typedef struct strata {
  int32_t *of_item; /* [count] */
  int32_t count;
} strata;

/* counts: [classes] of pictures that show a class. */
static void count_shown(const mn_dataset *set, mn_box *boxes, size_t *counts, int64_t *last) {
  for (int64_t i = 0; i < mn_dataset_count(set); ++i) {
    const int boxed = mn_dataset_box_count(set, i);
    mn_dataset_boxes(set, i, 1, 1, boxes);
    for (int b = 0; b < boxed; ++b) {
      const int32_t c = boxes[b].class_index;
      if (last[c] != i) counts[c]++;
      last[c] = i;
    }
  }
}

static void choose_rarest(const mn_dataset *set, mn_box *boxes, const size_t *counts, strata *s) {
  for (int64_t i = 0; i < mn_dataset_count(set); ++i) {
    const int boxed = mn_dataset_box_count(set, i);
    mn_dataset_boxes(set, i, 1, 1, boxes);
    int32_t rarest = s->count - 1;
    for (int b = 0; b < boxed; ++b) {
      const int32_t c = boxes[b].class_index;
      if (rarest == s->count - 1 || counts[c] < counts[rarest]) rarest = c;
    }
    s->of_item[i] = rarest;
  }
}

static int most_boxes(const mn_dataset *set) {
  int most = 1;
  for (int64_t i = 0; i < mn_dataset_count(set); ++i) {
    const int boxed = mn_dataset_box_count(set, i);
    if (boxed > most) most = boxed;
  }
  return most;
}

static mn_status strata_of_boxes(const mn_dataset *set, strata *s, mn_error *err) {
  const size_t classes = (size_t)mn_dataset_class_count(set);
  s->count = (int32_t)classes + 1;
  mn_box *boxes = mn_alloc((size_t)most_boxes(set) * sizeof *boxes);
  size_t *counts = mn_alloc_zero((classes + 1) * sizeof *counts);
  int64_t *last = mn_alloc((classes + 1) * sizeof *last);
  const bool fits = boxes && counts && last;
  for (size_t c = 0; fits && c < classes; ++c) last[c] = -1;
  if (fits) count_shown(set, boxes, counts, last);
  if (fits) choose_rarest(set, boxes, counts, s);
  mn_free(boxes);
  mn_free(counts);
  mn_free(last);
  return fits ? MN_OK : mn_fail_memory(err, classes * sizeof *counts);
}

static mn_status find_strata(const mn_dataset *set, strata *s, mn_error *err) {
  const int64_t count = mn_dataset_count(set);
  s->of_item = mn_alloc_zero((size_t)count * sizeof *s->of_item);
  s->count = 1;
  if (!s->of_item) return mn_fail_memory(err, (size_t)count * sizeof *s->of_item);
  if (mn_dataset_task(set) == MN_TASK_DETECT) return strata_of_boxes(set, s, err);
  if (mn_dataset_task(set) == MN_TASK_SEGMENT) return MN_OK;
  s->count = mn_dataset_class_count(set);
  for (int64_t i = 0; i < count; ++i) s->of_item[i] = mn_dataset_class(set, i);
  return MN_OK;
}

/* The usable pictures as strata items; `at` gets their positions in the set. */
static size_t list_items(const mn_parts *parts, const strata *s, mn_stratum_item *items,
                         int64_t *at, uint32_t *position) {
  size_t count = 0;
  for (size_t i = 0; i < parts->surveys[0].count; ++i) {
    if (parts->surveys[0].complaints[i]) continue;
    /* Groups are named by their first picture, which looks like the others: it is usable. */
    position[i] = (uint32_t)count;
    at[count] = (int64_t)i;
    items[count++] = (mn_stratum_item){s->of_item[i], position[parts->groups[i]],
                                       mn_dataset_name(parts->sets[0], (int64_t)i)};
  }
  return count;
}

static mn_status hold_back(mn_parts *parts, const strata *s, const mn_stratify_rule *rule,
                           mn_error *err) {
  const size_t most = parts->surveys[0].count;
  mn_stratum_item *items = mn_alloc(most * sizeof *items);
  int64_t *at = mn_alloc(most * sizeof *at);
  uint32_t *position = mn_alloc_zero(most * sizeof *position);
  bool *held = mn_alloc(most * sizeof *held);
  parts->strata = mn_alloc_zero((size_t)s->count * sizeof *parts->strata);
  parts->stratum_count = s->count;
  mn_status status = mn_fail_memory(err, most * sizeof *items);
  if (items && at && position && held && parts->strata) {
    const size_t count = list_items(parts, s, items, at, position);
    status = mn_stratify(items, count, rule, held, parts->strata, s->count, err);
    for (size_t i = 0; !status && i < count; ++i) {
      mn_part *part = held[i] ? &parts->held : &parts->train;
      part->items[part->count++] = at[i];
    }
  }
  mn_free(items);
  mn_free(at);
  mn_free(position);
  mn_free(held);
  return status;
}

static void take_usable(const mn_survey *survey, mn_part *part) {
  for (size_t i = 0; i < survey->count; ++i) {
    if (!survey->complaints[i]) part->items[part->count++] = (int64_t)i;
  }
}

static mn_status reserve(mn_part *part, const mn_dataset *set, mn_error *err) {
  const size_t bytes = (size_t)mn_dataset_count(set) * sizeof *part->items;
  part->set = set;
  part->items = mn_alloc(bytes);
  return part->items ? MN_OK : mn_fail_memory(err, bytes);
}

static mn_status divide(mn_parts *parts, const mn_parts_options *options, mn_error *err) {
  const bool stated = parts->sets[1] != NULL;
  mn_status status = reserve(&parts->train, parts->sets[0], err);
  if (!status) status = reserve(&parts->held, parts->sets[stated], err);
  if (status) return status;
  if (stated) {
    take_usable(&parts->surveys[0], &parts->train);
    take_usable(&parts->surveys[1], &parts->held);
    return MN_OK;
  }
  const mn_stratify_rule rule = {options->fraction > 0 ? options->fraction : 0.2, options->seed};
  strata s = {0};
  status = find_strata(parts->sets[0], &s, err);
  if (!status) status = hold_back(parts, &s, &rule, err);
  mn_free(s.of_item);
  return status;
}

mn_status mn_parts_open(mn_parts *parts, const char *path, const mn_parts_options *options,
                        mn_error *err) {
  memset(parts, 0, sizeof *parts);
  mn_status status = open_sets(parts, path, options->task, err);
  if (!status) status = survey_sets(parts, &options->survey, err);
  if (!status) status = group(parts, err);
  if (!status) status = divide(parts, options, err);
  if (!status) status = mn_parts_note(parts, err);
  if (status) {
    mn_parts_free(parts);
  } else {
    mn_error_clear(err); /* what a missing split has left there */
  }
  return status;
}

/* ---- What it was ---------------------------------------------------------------------------- */

static uint64_t hash_number(uint64_t hash, int64_t v) {
  uint8_t bytes[8];
  for (int i = 0; i < 8; ++i) bytes[i] = (uint8_t)((uint64_t)v >> (8 * i));
  return mn_hash_bytes(hash, bytes, sizeof bytes);
}

/* Boxes to a thousandth of a pixel. */
static uint64_t hash_boxes(uint64_t hash, const mn_box *boxes, int count) {
  for (int b = 0; b < count; ++b) {
    hash = hash_number(hash, boxes[b].class_index);
    for (int c = 0; c < 4; ++c) hash = hash_number(hash, (int64_t)(boxes[b].box[c] * 1000));
  }
  return hash;
}

static uint64_t hash_part(uint64_t hash, const mn_part *part, const mn_survey *survey,
                          mn_box *boxes) {
  for (int64_t i = 0; i < part->count; ++i) {
    const int64_t item = part->items[i];
    const char *name = mn_dataset_name(part->set, item);
    const mn_size size = survey->sizes[item];
    hash = mn_hash_bytes(hash, name, strlen(name) + 1);
    hash = hash_number(hash, (int64_t)survey->looks[item].file);
    hash = hash_number(hash, (int64_t)survey->mask_files[item]);
    hash = hash_number(hash, mn_dataset_class(part->set, item));
    mn_dataset_boxes(part->set, item, size.width, size.height, boxes);
    hash = hash_boxes(hash, boxes, mn_dataset_box_count(part->set, item));
  }
  return hash_number(hash, part->count);
}

mn_status mn_parts_fingerprint(const mn_parts *parts, uint64_t *fingerprint, mn_error *err) {
  int most = 1;
  for (int i = 0; i < 2 && parts->sets[i]; ++i) {
    const int boxes = most_boxes(parts->sets[i]);
    most = boxes > most ? boxes : most;
  }
  mn_box *boxes = mn_alloc((size_t)most * sizeof *boxes);
  if (!boxes) return mn_fail_memory(err, (size_t)most * sizeof *boxes);
  const uint64_t hash = hash_part(MN_HASH_BEGIN, &parts->train, &parts->surveys[0], boxes);
  const mn_survey *second = &parts->surveys[parts->sets[1] != NULL];
  *fingerprint = hash_part(hash, &parts->held, second, boxes);
  mn_free(boxes);
  return MN_OK;
}

void mn_parts_free(mn_parts *parts) {
  for (int i = 0; i < 2; ++i) {
    mn_dataset_free(parts->sets[i]);
    mn_survey_free(&parts->surveys[i]);
  }
  mn_free(parts->train.items);
  mn_free(parts->held.items);
  mn_free(parts->strata);
  mn_free(parts->groups);
  mn_notes_free(&parts->notes);
  memset(parts, 0, sizeof *parts);
}
