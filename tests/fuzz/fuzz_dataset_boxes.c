/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a label file, the first of them saying of which kind: what is accepted has boxes of
 * classes and pictures that there are. */
#include <stdlib.h>
#include <string.h>

#include "data/label_files.h"

/* Two pictures, the second of another split. */
static mn_photos photos(void) {
  static mn_photo list[] = {{"set/images/a.jpg", "a.jpg", "a.jpg", true},
                            {"set/images/b.jpg", "b.jpg", "b.jpg", false}};
  static const mn_photo *sorted[] = {&list[0], &list[1]};
  return (mn_photos){.folder = "set/images",
                     .list = list,
                     .sorted = sorted,
                     .count = 2,
                     .capacity = 2,
                     .split = true};
}

static mn_status read_yolo(mn_listing *listing, const mn_label_file *file, mn_error *err) {
  if (mn_listing_class(listing, "cat") < 0 || mn_listing_class(listing, "dog") < 0) abort();
  mn_status status = mn_listing_add(listing, (mn_listed){.path = "a.jpg"}, err);
  return status ? status : mn_yolo_read(listing, file, err);
}

static mn_status read_kind(int kind, mn_listing *listing, const mn_label_file *file,
                           mn_error *err) {
  const mn_photos two = photos();
  switch (kind % 4) {
    case 0: return mn_coco_read(listing, &two, file, err);
    case 1: return mn_voc_read(listing, &two, file, true, err);
    case 2: return read_yolo(listing, file, err);
    default: return mn_yolo_names_read(listing, file, err);
  }
}

static void check(const mn_listing *listing) {
  for (size_t i = 0; i < listing->count; ++i) {
    const mn_listed *item = &listing->items[i];
    if (!item->path[0] || item->box_count < 0) abort();
    for (int32_t b = 0; b < item->box_count; ++b) {
      const mn_box *box = &listing->boxes[item->box_begin + (size_t)b];
      if (box->class_index < 0 || (size_t)box->class_index >= listing->class_count) abort();
      if (!(box->box[2] > box->box[0] && box->box[3] > box->box[1])) abort();
    }
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  if (!size) return 0;
  mn_listing listing = {0};
  mn_error err = {0};
  const mn_label_file file = {(const char *)bytes + 1, size - 1, "set/labels"};
  const mn_class_names none = {.background = -1};
  mn_status status = read_kind(bytes[0] - '0', &listing, &file, &err);
  if (!status) status = mn_boxes_resolve(&listing, "set", &none, &err);
  if (status && !err.text[0]) abort();
  if (!status) check(&listing);
  mn_listing_free(&listing);
  return 0;
}
