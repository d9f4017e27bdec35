/* SPDX-License-Identifier: Apache-2.0
 * Shapes of tensors as text and as JSON. */
#include "tensor_text.h"

char *tensor_shape_text(char *text, size_t size, const mn_tensor_info *info) {
  size_t used = (size_t)snprintf(text, size, "[");
  for (int i = 0; i < info->rank && used < size; i++) {
    used += (size_t)snprintf(text + used, size - used, "%s%d", i ? "," : "", info->dims[i]);
  }
  if (used < size) snprintf(text + used, size - used, "]");
  return text;
}

void json_shape(json_writer *json, const char *key, const mn_tensor_info *info) {
  json_open_array(json, key);
  for (int i = 0; i < info->rank; i++) json_integer(json, NULL, info->dims[i]);
  json_close_array(json);
}
