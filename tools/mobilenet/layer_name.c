/* SPDX-License-Identifier: Apache-2.0
 * Shortening layer names so that what differs stays. */
#include "layer_name.h"

#include <stdio.h>
#include <string.h>

#include "terminal.h"

/* Layers whose name begins with these bytes. */
static int count_within(const mn_model *model, const char *folder, int length) {
  mn_layer_info layer;
  int count = 0;
  for (int i = 0; mn_model_layer(model, i, &layer) == MN_OK; i++) {
    count += strncmp(layer.name, folder, (size_t)length) == 0;
  }
  return count;
}

int layer_folder(const mn_model *model, const char **folder) {
  mn_layer_info layer;
  int count = count_within(model, "", 0), best = 0;
  *folder = "";
  if (mn_model_layer(model, count / 4, &layer)) return 0;
  *folder = layer.name; /* a layer of the backbone, also of a detector */
  for (const char *at = strchr(layer.name, '/'); at; at = strchr(at + 1, '/')) {
    int length = (int)(at - layer.name) + 1;
    if (memchr(layer.name, ';', (size_t)length)) break;
    if (4 * count_within(model, layer.name, length) <= count) break;
    best = length;
  }
  return best;
}

void print_layer_name(const char *name, const char *folder, int folder_length, int columns) {
  char first[512];
  if (text_columns(name) <= columns) {
    print_column(stdout, name, columns);
    return;
  }
  bool several = strchr(name, ';') != NULL;
  int length = (int)strcspn(name, ";");
  snprintf(first, sizeof first, "%.*s%s", length, name, several ? ";" : "");
  bool inside = folder_length > 3 && strncmp(name, folder, (size_t)folder_length) == 0;
  if (inside && text_columns(first) > columns) {
    snprintf(first, sizeof first, "...%.*s%s", length - folder_length, name + folder_length,
             several ? ";" : "");
  }
  print_middle(stdout, first, columns);
}
