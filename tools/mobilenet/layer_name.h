/* SPDX-License-Identifier: Apache-2.0
 * Layer names in a column. TensorFlow's are long, begin alike and are several joined by ';'. */
#ifndef MOBILENET_TOOL_LAYER_NAME_H
#define MOBILENET_TOOL_LAYER_NAME_H

#include "mobilenet/mobilenet.h"

/* Bytes of the longest folder, its '/' included, that more than a quarter of the model's layer
 * names begin with; *folder points to it. */
int layer_folder(const mn_model *model, const char **folder);

/* Prints a name in exactly `columns` columns. One that does not fit loses, until it does: what is
 * behind its first ';', the folder (printed as "..."), its middle ("..."). */
void print_layer_name(const char *name, const char *folder, int folder_length, int columns);

#endif
