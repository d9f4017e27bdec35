/* SPDX-License-Identifier: Apache-2.0
 * From a set's own classes to a model's, and from boxes as read to boxes by picture. A detector is
 * often scored on a set with other classes besides its own, so those are left out, and said. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "data/dataset.h"

enum { NOT_A_LABEL = -1 };

typedef struct label_match {
  int32_t index;
  int count;
} label_match;

static label_match find_label(const mn_class_names *known, const char *name,
                              int (*compare)(const char *, const char *)) {
  label_match match = {NOT_A_LABEL, 0};
  for (int32_t i = 0; i < known->count; ++i) {
    if (i == known->background || compare(known->names[i], name) != 0) continue;
    match.index = known->background >= 0 && i > known->background ? i - 1 : i;
    match.count++;
  }
  return match;
}

/* classes: [class_count], of the model or NOT_A_LABEL. */
static mn_status match_classes(mn_listing *listing, const char *name, const mn_class_names *known,
                               int32_t *classes, mn_error *err) {
  size_t matched = 0;
  for (size_t i = 0; i < listing->class_count; ++i) {
    const char *text = listing->classes[i];
    label_match match = find_label(known, text, strcmp);
    if (match.count > 1) {
      return mn_fail(err, MN_ERR_FORMAT, name, "class '%s' is a label that the model has twice",
                     text);
    }
    if (!match.count) match = find_label(known, text, strcasecmp);
    classes[i] = match.count == 1 ? match.index : NOT_A_LABEL;
    matched += classes[i] != NOT_A_LABEL;
  }
  if (matched || !listing->class_count) return MN_OK;
  return mn_fail(err, MN_ERR_FORMAT, name,
                 "none of its %zu classes is a label of the model: '%s' is the first",
                 listing->class_count, listing->classes[0]);
}

static mn_status note_strangers(mn_listing *listing, const int32_t *classes, const char *name,
                                mn_error *err) {
  size_t *counts = mn_alloc_zero(listing->class_count * sizeof *counts);
  if (!counts) return mn_fail_memory(err, listing->class_count * sizeof *counts);
  for (size_t i = 0; i < listing->found_count; ++i) {
    counts[listing->found[i].box.class_index]++;
  }
  mn_status status = MN_OK;
  size_t strangers = 0, boxes = 0;
  const char *first = "";
  for (size_t c = 0; c < listing->class_count; ++c) {
    if (classes[c] != NOT_A_LABEL || !counts[c]) continue;
    if (!strangers++) first = listing->classes[c];
    boxes += counts[c];
  }
  mn_free(counts);
  if (strangers == 1) {
    status = mn_notes_add(&listing->notes, err,
                          "%s: class '%s' is not a label of the model: its %zu box%s left out",
                          name, first, boxes, boxes == 1 ? " is" : "es are");
  } else if (strangers) {
    status = mn_notes_add(&listing->notes, err,
                          "%s: %zu classes, '%s' the first, are not labels of the model: their "
                          "%zu boxes are left out",
                          name, strangers, first, boxes);
  }
  return status;
}

static void rename_boxes(mn_listing *listing, const int32_t *classes) {
  size_t kept = 0;
  for (size_t i = 0; i < listing->found_count; ++i) {
    mn_listed_box one = listing->found[i];
    one.box.class_index = classes[one.box.class_index];
    if (one.box.class_index != NOT_A_LABEL) listing->found[kept++] = one;
  }
  listing->found_count = kept;
}

static mn_status match_boxes(mn_listing *listing, const char *name, const mn_class_names *known,
                             mn_error *err) {
  int32_t *classes = mn_alloc(listing->class_count * sizeof *classes);
  if (!classes) return mn_fail_memory(err, listing->class_count * sizeof *classes);
  mn_status status = match_classes(listing, name, known, classes, err);
  if (!status) status = note_strangers(listing, classes, name, err);
  if (!status) {
    rename_boxes(listing, classes);
    const bool background = known->background >= 0 && known->background < known->count;
    listing->class_count = (size_t)(known->count - background);
  }
  mn_free(classes);
  return status;
}

/* Boxes by item, each item's in the order that they were read. */
static mn_status group_boxes(mn_listing *listing, mn_error *err) {
  listing->boxes = mn_alloc(listing->found_count * sizeof *listing->boxes);
  if (!listing->boxes) return mn_fail_memory(err, listing->found_count * sizeof *listing->boxes);
  for (size_t i = 0; i < listing->found_count; ++i) {
    listing->items[listing->found[i].item].box_count++;
  }
  size_t begin = 0;
  for (size_t i = 0; i < listing->count; ++i) {
    listing->items[i].box_begin = begin;
    begin += (size_t)listing->items[i].box_count;
    listing->items[i].box_count = 0;
  }
  for (size_t i = 0; i < listing->found_count; ++i) {
    mn_listed *item = &listing->items[listing->found[i].item];
    listing->boxes[item->box_begin + (size_t)item->box_count++] = listing->found[i].box;
  }
  mn_free(listing->found);
  listing->found = NULL;
  listing->found_count = listing->found_capacity = 0;
  return MN_OK;
}

mn_status mn_boxes_resolve(mn_listing *listing, const char *name, const mn_class_names *known,
                           mn_error *err) {
  mn_status status = known->count ? match_boxes(listing, name, known, err) : MN_OK;
  return status ? status : group_boxes(listing, err);
}
