/* SPDX-License-Identifier: Apache-2.0
 * The pictures that arguments name: files as they are, folders walked in bytewise order. */
#ifndef MOBILENET_TOOL_PICTURE_LIST_H
#define MOBILENET_TOOL_PICTURE_LIST_H

#include <stdbool.h>

typedef struct picture_list {
  char **paths; /* owned */
  int count, capacity;
  int failures; /* folders that could not be read or hold no picture; each was named */
} picture_list;

/* Within folders: files that begin or are named like a picture; hidden ones and links to folders
 * are left out. False when out of memory. */
bool picture_list_add(picture_list *list, const char *argument);
void picture_list_free(picture_list *list);

#endif
