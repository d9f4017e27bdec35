/* SPDX-License-Identifier: Apache-2.0
 * Names of the files that are made from pictures: NAME.png for each, told apart by what is needed
 * of the picture's path where two would be equal, and never one of the pictures themselves. */
#ifndef MOBILENET_TOOL_OUTPUT_NAMES_H
#define MOBILENET_TOOL_OUTPUT_NAMES_H

#include "picture_list.h"

typedef struct output_names {
  char **names; /* [count], without folder and ending; each once */
  int count;
  const picture_list *pictures; /* borrowed; not used by output_names_free */
} output_names;

/* False when out of memory. */
bool output_names_make(output_names *out, const picture_list *pictures);
void output_names_free(output_names *out);
/* FOLDER/NAME.png for a picture, FOLDER/NAME.new.png when the first is a picture that was named as
 * input. The caller frees it; NULL when out of memory. */
char *output_path(const output_names *out, int index, const char *folder);

#endif
