/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a tar archive: what is accepted has names in order, each once and inside, bytes that
 * can be read, and can be listed as a set. A header whose checksum is "########" gets the right
 * one, so that what fuzzing changes elsewhere is seen. */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"

static void fill_checksum(uint8_t *header) {
  unsigned sum = 0;
  memset(header + 148, ' ', 8);
  for (int i = 0; i < 512; ++i) sum += header[i];
  for (int i = 5; i >= 0; --i, sum /= 8) header[148 + i] = (uint8_t)('0' + sum % 8);
}

static void check_entries(const mn_tree *tree) {
  volatile uint8_t last = 0;
  for (size_t i = 0; i < tree->tar.count; ++i) {
    const mn_tar_entry *entry = &tree->tar.list[i];
    if (!entry->name[0] || entry->name[0] == '/' || strstr(entry->name, "/../")) abort();
    if (i && strcmp(tree->tar.list[i - 1].name, entry->name) >= 0) abort();
    if (mn_tar_find(&tree->tar, entry->name) != entry) abort();
    if (entry->size) last = tree->file.bytes[entry->offset + entry->size - 1];
  }
  (void)last;
}

static void list_set(mn_listing *listing) {
  mn_error err = {0};
  const char *root = "fuzz.tar";
  if (mn_tree_root(&listing->tree, &root, &err)) abort(); /* only when out of memory */
  mn_status status = mn_folder_list(listing, root, NULL, &err);
  if (status && !err.text[0]) abort();
  for (size_t i = 0; !status && i < listing->count; ++i) {
    mn_file file;
    const mn_status read = mn_tree_map(&listing->tree, listing->items[i].path, &file, &err);
    if (read && read != MN_ERR_FORMAT) abort(); /* only of an empty file */
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  uint8_t *copy = malloc(size + 1);
  if (!copy) abort();
  memcpy(copy, bytes, size);
  for (size_t at = 0; size - at >= 512; at += 512) {
    if (!memcmp(copy + at + 148, "########", 8)) fill_checksum(copy + at);
  }
  mn_listing listing = {0};
  mn_error err = {0};
  mn_status status = mn_tree_open_memory(&listing.tree, copy, size, "fuzz.tar", &err);
  if (status && !err.text[0]) abort();
  if (!status) {
    check_entries(&listing.tree);
    list_set(&listing);
  }
  mn_listing_free(&listing);
  free(copy);
  return 0;
}
