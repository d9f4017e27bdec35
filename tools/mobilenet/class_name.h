/* SPDX-License-Identifier: Apache-2.0
 * How a class is called, and the beginning of its line or its JSON object, wherever classes are
 * listed. */
#ifndef MOBILENET_TOOL_CLASS_NAME_H
#define MOBILENET_TOOL_CLASS_NAME_H

#include <stddef.h>

#include "json_writer.h"
#include "mobilenet/image.h"

enum { CLASS_COLUMNS = 34 }; /* for a name in a table */

/* The label, or "class 7" when there is none, in a buffer of at least 32. */
const char *class_name(const char *label, int class_index, char *buffer, size_t size);
/* Columns that the model's longest label takes, CLASS_COLUMNS at most. */
int class_columns(const mn_model *model);

/* "  tench", padded or cut to `columns` behind the margin. */
void print_class(const char *label, int class_index, int columns);
/* The same, then a share of 0..1 in percent and as a bar, to the end of the line. */
void print_class_share(const char *label, int class_index, int columns, double share);

/* Opens an object with the members "class" and "label". */
void json_open_class(json_writer *json, const char *label, int class_index);

#endif
