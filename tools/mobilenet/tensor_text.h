/* SPDX-License-Identifier: Apache-2.0
 * Shapes of tensors as text and as JSON. */
#ifndef MOBILENET_TOOL_TENSOR_TEXT_H
#define MOBILENET_TOOL_TENSOR_TEXT_H

#include "json_writer.h"
#include "mobilenet/mobilenet.h"

/* "[1,224,224,3]"; returns text. */
char *tensor_shape_text(char *text, size_t size, const mn_tensor_info *info);
void json_shape(json_writer *json, const char *key, const mn_tensor_info *info);

#endif
