/* SPDX-License-Identifier: Apache-2.0
 * From what a dataset calls its classes to indices of real classes. With a model's labels every
 * name must be one of them, or none of them while their number is right; nothing is guessed in
 * between, for a shifted label spoils every score silently. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/dataset.h"

enum { NOT_A_LABEL = -1, AMBIGUOUS = -2 };

static int32_t real_count(const mn_class_names *known) {
  bool background = known->background >= 0 && known->background < known->count;
  return known->count - (background ? 1 : 0);
}

static int32_t index_of_label(const mn_class_names *known, const char *name) {
  int32_t index = NOT_A_LABEL;
  for (int32_t i = 0; i < known->count; ++i) {
    if (i == known->background || strcmp(known->names[i], name) != 0) continue;
    if (index != NOT_A_LABEL) return AMBIGUOUS;
    index = known->background >= 0 && i > known->background ? i - 1 : i;
  }
  return index;
}

/* A class number: digits only. */
static bool parse_number(const char *text, int32_t *value) {
  int64_t v = 0;
  if (!text[0]) return false;
  for (; *text; ++text) {
    if (*text < '0' || *text > '9') return false;
    v = v * 10 + (*text - '0');
    if (v > INT32_MAX - 1) return false;
  }
  *value = (int32_t)v;
  return true;
}

static int compare_texts(const void *a, const void *b) {
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The distinct class texts of a table, sorted bytewise, as a folder's names are. */
static mn_status collect_classes(mn_listing *listing, mn_error *err) {
  const char **texts = mn_alloc(listing->count * sizeof *texts);
  if (!texts) return mn_fail_memory(err, listing->count * sizeof *texts);
  for (size_t i = 0; i < listing->count; ++i) texts[i] = listing->items[i].text;
  qsort(texts, listing->count, sizeof *texts, compare_texts);
  size_t count = 0;
  for (size_t i = 0; i < listing->count; ++i) {
    if (!count || strcmp(texts[count - 1], texts[i]) != 0) texts[count++] = texts[i];
  }
  listing->classes = mn_arena_copy(&listing->tree.arena, texts, count * sizeof *texts);
  listing->class_count = count;
  mn_free(texts);
  return listing->classes ? MN_OK : mn_fail_memory(err, count * sizeof *texts);
}

static size_t position_of(const mn_listing *listing, const char *text) {
  const char **found = bsearch(&text, listing->classes, listing->class_count,
                               sizeof *listing->classes, compare_texts);
  return (size_t)(found - listing->classes);
}

static mn_status fail_class(const mn_listing *listing, const char *name, size_t position,
                            const char *why, mn_error *err) {
  const char *text = listing->classes[position];
  for (size_t i = 0; i < listing->count; ++i) {
    if (!listing->items[i].line || strcmp(listing->items[i].text, text) != 0) continue;
    return mn_fail(err, MN_ERR_FORMAT, name, "line %d: class '%s' %s", (int)listing->items[i].line,
                   text, why);
  }
  return mn_fail(err, MN_ERR_FORMAT, name, "class '%s' %s", text, why);
}

/* A class that the model does not have, and what it has. */
static mn_status fail_stranger(const mn_listing *listing, const char *name, size_t position,
                               const mn_class_names *known, mn_error *err) {
  enum { MOST = 8 };
  char why[256];
  size_t used = (size_t)snprintf(why, sizeof why, "is not a label of the model, which knows ");
  int32_t said = 0;
  for (int32_t i = 0; i < known->count && said <= MOST && used < sizeof why; ++i) {
    if (i == known->background) continue;
    used += (size_t)snprintf(why + used, sizeof why - used, "%s%s", said ? ", " : "",
                             said < MOST ? known->names[i] : "...");
    said++;
  }
  return fail_class(listing, name, position, why, err);
}

/* indices: [class_count], of each distinct class text. */
static mn_status index_classes(const mn_listing *listing, const char *name,
                               const mn_class_names *known, int32_t *indices, mn_error *err) {
  size_t labels = 0, stranger = 0;
  for (size_t i = 0; i < listing->class_count; ++i) {
    indices[i] = known->count ? index_of_label(known, listing->classes[i]) : (int32_t)i;
    if (indices[i] == AMBIGUOUS) {
      return fail_class(listing, name, i,
                        "is a label that the model has twice: state class numbers instead", err);
    }
    if (indices[i] == NOT_A_LABEL) stranger = i;
    labels += indices[i] != NOT_A_LABEL;
  }
  if (labels == listing->class_count) return MN_OK;
  bool as_many = listing->class_count == (size_t)real_count(known);
  bool table = listing->count && listing->items[0].line;
  if (labels > 0 || !as_many || table) {
    return fail_stranger(listing, name, stranger, known, err);
  }
  for (size_t i = 0; i < listing->class_count; ++i) indices[i] = (int32_t)i;
  return MN_OK;
}

static mn_status resolve_names(mn_listing *listing, const char *name, const mn_class_names *known,
                               mn_error *err) {
  mn_status status = listing->classes ? MN_OK : collect_classes(listing, err);
  if (status) return status;
  int32_t *indices = mn_alloc(listing->class_count * sizeof *indices);
  if (!indices) return mn_fail_memory(err, listing->class_count * sizeof *indices);
  status = index_classes(listing, name, known, indices, err);
  for (size_t i = 0; !status && i < listing->count; ++i) {
    listing->items[i].index = indices[position_of(listing, listing->items[i].text)];
  }
  mn_free(indices);
  if (known->count) listing->class_count = (size_t)real_count(known);
  return status;
}

static mn_status resolve_numbers(mn_listing *listing, const char *name, const mn_class_names *known,
                                 mn_error *err) {
  int32_t largest = 0, most = real_count(known);
  for (size_t i = 0; i < listing->count; ++i) {
    mn_listed *item = &listing->items[i];
    parse_number(item->text, &item->index);
    if (known->count && item->index >= most) {
      return mn_fail(err, MN_ERR_FORMAT, name,
                     "line %d: class %s, but the model's classes are 0 to %d", (int)item->line,
                     item->text, (int)most - 1);
    }
    if (item->index > largest) largest = item->index;
  }
  listing->class_count = (size_t)(known->count ? most : largest + 1);
  return MN_OK;
}

/* How many items from `begin` on state a class number. */
static size_t count_numbers(const mn_listing *listing, size_t begin) {
  size_t count = 0;
  for (size_t i = begin; i < listing->count; ++i) {
    int32_t value;
    count += parse_number(listing->items[i].text, &value);
  }
  return count;
}

/* A first line that is the only one without a number was a header of names we do not know. */
static void drop_header(mn_listing *listing) {
  int32_t value;
  if (listing->count < 2 || parse_number(listing->items[0].text, &value)) return;
  if (count_numbers(listing, 1) != listing->count - 1) return;
  listing->count--;
  memmove(listing->items, listing->items + 1, listing->count * sizeof *listing->items);
}

mn_status mn_classes_resolve(mn_listing *listing, const char *name, const mn_class_names *known,
                             mn_error *err) {
  bool table = listing->count && listing->items[0].line;
  if (table) drop_header(listing);
  if (table && count_numbers(listing, 0) == listing->count) {
    return resolve_numbers(listing, name, known, err);
  }
  return resolve_names(listing, name, known, err);
}
