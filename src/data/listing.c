/* SPDX-License-Identifier: Apache-2.0
 * The listing that readers fill: pictures, boxes, classes, and notes of what was left out. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "data/dataset.h"

/* Room for one more element of `size`; false when out of memory. */
static bool grow(void **list, size_t count, size_t *capacity, size_t size) {
  if (count < *capacity) return true;
  const size_t more = *capacity ? *capacity * 2 : 256;
  void *grown = mn_realloc(*list, more * size);
  if (!grown) return false;
  *list = grown;
  *capacity = more;
  return true;
}

mn_status mn_listing_add(mn_listing *listing, mn_listed item, mn_error *err) {
  void *list = listing->items;
  if (!grow(&list, listing->count, &listing->capacity, sizeof item)) {
    return mn_fail_memory(err, listing->count * sizeof item);
  }
  listing->items = list;
  listing->items[listing->count++] = item;
  return MN_OK;
}

mn_status mn_listing_add_box(mn_listing *listing, const mn_listed_box *box,
                             const mn_box_place *place, mn_error *err) {
  const double *corner = box->box.box;
  if (!(corner[2] > corner[0] && corner[3] > corner[1])) {
    return mn_notes_add(&listing->notes, err, "%s: %s %zu: a box without area is left out",
                        place->name, place->what, place->number);
  }
  void *list = listing->found;
  if (!grow(&list, listing->found_count, &listing->found_capacity, sizeof *box)) {
    return mn_fail_memory(err, listing->found_count * sizeof *box);
  }
  listing->found = list;
  listing->found[listing->found_count++] = *box;
  return MN_OK;
}

int32_t mn_listing_class(mn_listing *listing, const char *name) {
  for (size_t i = 0; i < listing->class_count; ++i) {
    if (!strcmp(listing->classes[i], name)) return (int32_t)i;
  }
  if (listing->class_count == listing->class_capacity) {
    const size_t more = listing->class_capacity ? listing->class_capacity * 2 : 128;
    const char **grown = mn_arena_array(&listing->tree.arena, more, sizeof *grown);
    if (!grown) return -1;
    if (listing->class_count) memcpy(grown, listing->classes, listing->class_count * sizeof *grown);
    listing->classes = grown;
    listing->class_capacity = more;
  }
  const char *copy = mn_arena_string(&listing->tree.arena, name, strlen(name));
  if (!copy) return -1;
  listing->classes[listing->class_count++] = copy;
  return (int32_t)(listing->class_count - 1);
}

void mn_listing_free(mn_listing *listing) {
  mn_free(listing->items);
  mn_free(listing->found);
  mn_free(listing->boxes);
  mn_notes_free(&listing->notes);
  mn_tree_close(&listing->tree);
  memset(listing, 0, sizeof *listing);
}
