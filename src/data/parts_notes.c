/* SPDX-License-Identifier: Apache-2.0
 * What a person should know of a set before training on it: what cannot be read, what both sides of
 * a split share, classes that are empty or far apart in size, boxes outside their pictures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/parts.h"

enum {
  MOST_NAMED = 10, /* of pictures that cannot be used */
  IMBALANCE = 10   /* times as many pictures as another class */
};

/* Splits share files of labels, and what is said of them. */
static bool is_noted(const mn_notes *notes, const char *sentence) {
  for (size_t i = 0; i < notes->count; ++i) {
    if (!strcmp(notes->list[i], sentence)) return true;
  }
  return false;
}

static mn_status note_sets(mn_parts *parts, mn_error *err) {
  mn_status status = MN_OK;
  for (int i = 0; i < 2 && parts->sets[i]; ++i) {
    const int count = mn_dataset_note_count(parts->sets[i]);
    for (int n = 0; !status && n < count; ++n) {
      const char *sentence = mn_dataset_note(parts->sets[i], n);
      if (!is_noted(&parts->notes, sentence)) {
        status = mn_notes_add(&parts->notes, err, "%s", sentence);
      }
    }
  }
  return status;
}

static mn_status note_unusable(mn_parts *parts, const mn_survey *survey, mn_error *err) {
  mn_status status = MN_OK;
  size_t named = 0;
  for (size_t i = 0; !status && i < survey->count && named < MOST_NAMED; ++i) {
    if (!survey->complaints[i]) continue;
    status = mn_notes_add(&parts->notes, err, "%s", survey->complaints[i]);
    named++;
  }
  if (status || survey->unusable <= named) return status;
  return mn_notes_add(&parts->notes, err, "and %zu more that cannot be used",
                      survey->unusable - named);
}

/* ---- Pictures that are the same ------------------------------------------------------------- */

static const char *name_of(const mn_parts *parts, size_t i) {
  const size_t first = parts->surveys[0].count;
  return i < first ? mn_dataset_name(parts->sets[0], (int64_t)i)
                   : mn_dataset_name(parts->sets[1], (int64_t)(i - first));
}

static mn_status note_shared(mn_parts *parts, mn_error *err) {
  const size_t first = parts->surveys[0].count, second = parts->surveys[1].count;
  size_t shared = 0, example = 0;
  for (size_t i = first; i < first + second; ++i) {
    if (parts->groups[i] >= first) continue;
    if (!shared++) example = i;
  }
  if (!shared) return MN_OK;
  return mn_notes_add(&parts->notes, err,
                      "%zu of %zu pictures held back look%s like one that is trained on, which "
                      "flatters the score: %s like %s",
                      shared, second, shared == 1 ? "s" : "", name_of(parts, example),
                      name_of(parts, parts->groups[example]));
}

static mn_status note_alike(mn_parts *parts, mn_error *err) {
  size_t alike = 0, example = 0;
  for (size_t i = 0; i < parts->surveys[0].count; ++i) {
    if (parts->groups[i] == i) continue;
    if (!alike++) example = i;
  }
  if (!alike || parts->sets[1]) return MN_OK;
  return mn_notes_add(&parts->notes, err,
                      "%zu picture%s like another one and stay%s on its side of the split: %s like "
                      "%s",
                      alike, alike == 1 ? " looks" : "s look", alike == 1 ? "s" : "",
                      name_of(parts, example), name_of(parts, parts->groups[example]));
}

/* Nearly certain, where looking alike is enough to keep pictures together. */
static bool is_same(const mn_look *a, const mn_look *b) {
  if (a->file == b->file) return true;
  bool near = !a->flat && !b->flat && __builtin_popcountll(a->hash ^ b->hash) <= 2;
  for (int c = 0; c < 3; ++c) near = near && abs(a->mean[c] - b->mean[c]) <= 8;
  return near;
}

static mn_status note_two_classes(mn_parts *parts, mn_error *err) {
  const mn_dataset *set = parts->sets[0];
  const mn_look *looks = parts->surveys[0].looks;
  size_t found = 0, example = 0;
  if (mn_dataset_task(set) != MN_TASK_CLASSIFY) return MN_OK;
  for (size_t i = 0; i < parts->surveys[0].count; ++i) {
    const size_t other = parts->groups[i];
    if (mn_dataset_class(set, (int64_t)i) == mn_dataset_class(set, (int64_t)other)) continue;
    if (!is_same(&looks[i], &looks[other])) continue;
    if (!found++) example = i;
  }
  if (!found) return MN_OK;
  return mn_notes_add(&parts->notes, err,
                      "%zu picture%s in two classes, which no model can learn: %s like %s", found,
                      found == 1 ? " is" : "s are", name_of(parts, example),
                      name_of(parts, parts->groups[example]));
}

/* ---- Classes -------------------------------------------------------------------------------- */

static const char *class_name(const mn_dataset *set, int32_t c, char number[16]) {
  const char *name = mn_dataset_class_name(set, c);
  if (name) return name;
  snprintf(number, 16, "%d", (int)c);
  return number;
}

/* counts: [classes], pictures, or boxes where the set has some. */
static mn_status count_classes(const mn_part *part, size_t *counts, mn_error *err) {
  const mn_dataset *set = part->set;
  mn_box *boxes = NULL;
  for (int64_t i = 0; i < part->count; ++i) {
    const int boxed = mn_dataset_box_count(set, part->items[i]);
    if (mn_dataset_task(set) == MN_TASK_CLASSIFY) counts[mn_dataset_class(set, part->items[i])]++;
    if (!boxed) continue;
    mn_box *grown = mn_realloc(boxes, (size_t)boxed * sizeof *boxes);
    if (!grown) {
      mn_free(boxes);
      return mn_fail_memory(err, (size_t)boxed * sizeof *boxes);
    }
    boxes = grown;
    mn_dataset_boxes(set, part->items[i], 1, 1, boxes);
    for (int b = 0; b < boxed; ++b) counts[boxes[b].class_index]++;
  }
  mn_free(boxes);
  return MN_OK;
}

/* One class by its name, several by their number and the first. */
static mn_status note_empty(mn_parts *parts, const size_t *counts, const char *what,
                            mn_error *err) {
  const mn_dataset *set = parts->train.set;
  const int32_t classes = mn_dataset_class_count(set);
  int32_t empty = 0, first = 0;
  char number[16];
  for (int32_t c = classes - 1; c >= 0; --c) {
    if (counts[c]) continue;
    empty++;
    first = c;
  }
  if (!empty) return MN_OK;
  if (empty == 1) {
    return mn_notes_add(&parts->notes, err, "class '%s' has no %s to train on",
                        class_name(set, first, number), what);
  }
  return mn_notes_add(&parts->notes, err, "%d of %d classes have no %s to train on, '%s' the first",
                      (int)empty, (int)classes, what, class_name(set, first, number));
}

/* What could not be divided as it should. */
static mn_status note_strata(mn_parts *parts, mn_error *err) {
  const mn_dataset *set = parts->train.set;
  mn_status status = MN_OK;
  char number[16];
  for (int32_t c = 0; !status && c < parts->stratum_count; ++c) {
    const mn_stratum *stratum = &parts->strata[c];
    if (stratum->count == 1) {
      status = mn_notes_add(&parts->notes, err, "class '%s' has 1 picture: none is held back",
                            class_name(set, c, number));
    } else if (stratum->broken) {
      status = mn_notes_add(&parts->notes, err,
                            "class '%s': too many of its %zu pictures look alike to keep them on "
                            "one side of the split, which flatters the score",
                            class_name(set, c, number), stratum->count);
    }
  }
  return status;
}

static mn_status note_imbalance(mn_parts *parts, const size_t *counts, const char *what,
                                mn_error *err) {
  const mn_dataset *set = parts->train.set;
  int32_t most = -1, least = -1;
  for (int32_t c = 0; c < mn_dataset_class_count(set); ++c) {
    if (!counts[c]) continue;
    if (most < 0 || counts[c] > counts[most]) most = c;
    if (least < 0 || counts[c] < counts[least]) least = c;
  }
  if (most < 0 || counts[most] < IMBALANCE * counts[least]) return MN_OK;
  char a[16], b[16];
  return mn_notes_add(&parts->notes, err,
                      "class '%s' has %zu %s to train on, '%s' %zu: look at each class's recall "
                      "beside the mean",
                      class_name(set, most, a), counts[most], what, class_name(set, least, b),
                      counts[least]);
}

static mn_status note_classes(mn_parts *parts, mn_error *err) {
  const mn_task task = mn_dataset_task(parts->train.set);
  const size_t classes = (size_t)mn_dataset_class_count(parts->train.set);
  if (task == MN_TASK_SEGMENT || !classes) return MN_OK;
  const char *what = task == MN_TASK_DETECT ? "boxes" : "pictures";
  size_t *counts = mn_alloc_zero(classes * sizeof *counts);
  if (!counts) return mn_fail_memory(err, classes * sizeof *counts);
  mn_status status = count_classes(&parts->train, counts, err);
  if (!status) status = note_empty(parts, counts, what, err);
  if (!status && task == MN_TASK_CLASSIFY) status = note_strata(parts, err);
  if (!status) status = note_imbalance(parts, counts, what, err);
  mn_free(counts);
  return status;
}

/* ---- Boxes ---------------------------------------------------------------------------------- */

/* Of a part's boxes: those that show less than a pixel of their picture, and those that reach more
 * than a pixel beyond it. */
typedef struct strays {
  size_t outside, beyond;
  const char *first_outside, *first_beyond;
} strays;

static void look_at_box(strays *s, const mn_box *box, mn_size size, const char *name) {
  const double *b = box->box, right = size.width, bottom = size.height;
  const double width = (b[2] < right ? b[2] : right) - (b[0] > 0 ? b[0] : 0);
  const double height = (b[3] < bottom ? b[3] : bottom) - (b[1] > 0 ? b[1] : 0);
  if (width < 1 || height < 1) {
    if (!s->outside++) s->first_outside = name;
  } else if (b[0] < -1 || b[1] < -1 || b[2] > right + 1 || b[3] > bottom + 1) {
    if (!s->beyond++) s->first_beyond = name;
  }
}

static mn_status look_at_boxes(const mn_part *part, const mn_survey *survey, strays *s,
                               mn_error *err) {
  mn_box *boxes = NULL;
  for (int64_t i = 0; i < part->count; ++i) {
    const int64_t item = part->items[i];
    const mn_size size = survey->sizes[item];
    const int boxed = mn_dataset_box_count(part->set, item);
    if (!boxed) continue;
    mn_box *grown = mn_realloc(boxes, (size_t)boxed * sizeof *boxes);
    if (!grown) {
      mn_free(boxes);
      return mn_fail_memory(err, (size_t)boxed * sizeof *boxes);
    }
    boxes = grown;
    mn_dataset_boxes(part->set, item, size.width, size.height, boxes);
    for (int b = 0; b < boxed; ++b) {
      look_at_box(s, &boxes[b], size, mn_dataset_name(part->set, item));
    }
  }
  mn_free(boxes);
  return MN_OK;
}

static mn_status note_boxes(mn_parts *parts, mn_error *err) {
  strays s = {0};
  mn_status status = look_at_boxes(&parts->train, &parts->surveys[0], &s, err);
  if (!status && s.outside) {
    status = mn_notes_add(&parts->notes, err,
                          "%zu box%s less than a pixel of the picture and %s left out, the first "
                          "in %s",
                          s.outside, s.outside == 1 ? " shows" : "es show",
                          s.outside == 1 ? "is" : "are", s.first_outside);
  }
  if (!status && s.beyond) {
    status = mn_notes_add(&parts->notes, err,
                          "%zu box%s beyond the picture and %s cut at its border, the first in %s",
                          s.beyond, s.beyond == 1 ? " reaches" : "es reach",
                          s.beyond == 1 ? "is" : "are", s.first_beyond);
  }
  return status;
}

mn_status mn_parts_note(mn_parts *parts, mn_error *err) {
  mn_status status = note_sets(parts, err);
  for (int i = 0; !status && i < 2; ++i) status = note_unusable(parts, &parts->surveys[i], err);
  if (!status) status = note_shared(parts, err);
  if (!status) status = note_alike(parts, err);
  if (!status) status = note_two_classes(parts, err);
  if (!status) status = note_classes(parts, err);
  if (!status) status = note_boxes(parts, err);
  return status;
}
