/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a table of paths and classes, with and without a model's labels: what is accepted
 * has a path, and an index within the classes, for every line. */
#include <stdlib.h>

#include "data/dataset.h"

static void resolve(const uint8_t *bytes, size_t size, const mn_class_names *known) {
  mn_listing listing = {0};
  mn_error err = {0};
  mn_status status = mn_csv_list(&listing, (const char *)bytes, size, "set/fuzz.csv", &err);
  if (!status && listing.count) status = mn_classes_resolve(&listing, "fuzz.csv", known, &err);
  if (status && !err.text[0]) abort();
  for (size_t i = 0; !status && i < listing.count; ++i) {
    const mn_listed *item = &listing.items[i];
    if (!item->path[0] || item->index < 0 || (size_t)item->index >= listing.class_count) abort();
  }
  mn_listing_free(&listing);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const char *const labels[] = {"background", "rose", "daisy", "0"};
  resolve(bytes, size, &(mn_class_names){.background = -1});
  resolve(bytes, size, &(mn_class_names){labels, 4, 0});
  return 0;
}
