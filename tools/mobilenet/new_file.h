/* SPDX-License-Identifier: Apache-2.0
 * A file that appears whole or not at all: written beside its place, then renamed. A link or a
 * device is written through. */
#ifndef MOBILENET_TOOL_NEW_FILE_H
#define MOBILENET_TOOL_NEW_FILE_H

#include <stdbool.h>
#include <stdio.h>

typedef struct new_file {
  FILE *file;
  const char *path; /* borrowed */
  char *beside;     /* NULL: written in place */
} new_file;

/* False after saying why not. */
bool new_file_begin(new_file *out, const char *path);
/* Closes, and renames when everything was written; else removes it. False after saying why, unless
 * `good` was false and there is no reason to be found here. */
bool new_file_end(new_file *out, bool good);

/* Makes the folder unless it is there; false after saying why not. `option` is how it was named. */
bool folder_make(const char *path, const char *option);

#endif
