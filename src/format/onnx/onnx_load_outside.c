/* SPDX-License-Identifier: Apache-2.0
 * Weights in a second file, as torch exports large models. The file is one beside the model, by a
 * plain name; no link is followed, every range is checked, and a model given as bytes has none. */
#include <string.h>

#include "format/onnx/onnx_load.h"

/* A number in decimal digits. */
static bool read_number(mn_pb_span text, uint64_t *number) {
  *number = 0;
  for (size_t i = 0; i < text.size; i++) {
    if (text.data[i] < '0' || text.data[i] > '9' || *number > UINT64_MAX / 10 - 1) return false;
    *number = *number * 10 + (uint64_t)(text.data[i] - '0');
  }
  return text.size > 0;
}

void mn_onnx_read_outside(mn_onnx_loader *loader, mn_pb_span entry, mn_onnx_outside *outside) {
  mn_pb_cursor cursor = mn_pb_open(entry);
  mn_pb_field field;
  mn_pb_span key = {NULL, 0}, value = {NULL, 0};
  while (mn_onnx_next(loader, &cursor, &field)) {
    mn_pb_is_bytes(&field, ONNX_ENTRY_KEY, &key);
    mn_pb_is_bytes(&field, ONNX_ENTRY_VALUE, &value);
  }
  bool fine = true;
  if (mn_pb_equal(key, "location")) outside->name = value;
  if (mn_pb_equal(key, "offset")) fine = read_number(value, &outside->offset);
  if (mn_pb_equal(key, "length")) {
    fine = read_number(value, &outside->length);
    outside->has_length = true;
  }
  outside->broken = outside->broken || !fine;
}

/* No path, and nothing that a terminal or another system would take for one. */
static bool is_plain_name(mn_pb_span name) {
  bool plain = name.size > 0 && name.size < MN_ONNX_NAME_BYTES && name.data[0] != '.';
  for (size_t i = 0; i < name.size && plain; i++) {
    uint8_t byte = name.data[i];
    plain = byte >= 0x20 && byte != 0x7f && byte != '/' && byte != '\\' && byte != ':';
  }
  return plain;
}

static mn_status open_named(mn_onnx_loader *loader, const mn_onnx_tensor *tensor, mn_pb_span name) {
  char text[MN_ONNX_NAME_BYTES];
  if (loader->beside.is_open && mn_pb_compare(loader->beside_name, name) == 0) return MN_OK;
  if (!loader->request->path) {
    return mn_onnx_refuse_tensor(loader, MN_ERR_UNSUPPORTED, tensor,
                                 "keeps its data in another file, which a model given as bytes "
                                 "cannot have; save it as one file");
  }
  if (!is_plain_name(name)) {
    return mn_onnx_refuse_tensor(loader, MN_ERR_UNSUPPORTED, tensor,
                                 "keeps its data in a file that is not a plain name beside the "
                                 "model");
  }
  memcpy(text, name.data, name.size);
  text[name.size] = '\0';
  mn_file_close_beside(&loader->beside);
  loader->beside_name = name;
  return mn_file_open_beside(&loader->beside, loader->request->path, text, loader->err);
}

mn_status mn_onnx_load_outside(mn_onnx_loader *loader, const mn_onnx_outside *outside, size_t bytes,
                               mn_onnx_tensor *tensor) {
  mn_status status = open_named(loader, tensor, outside->name);
  if (status) return status;
  uint64_t size = loader->beside.size;
  bool fits = !outside->broken && outside->offset <= size && bytes <= size - outside->offset &&
              (!outside->has_length || outside->length == bytes);
  if (!fits) {
    return mn_onnx_refuse_tensor(loader, MN_ERR_FORMAT, tensor,
                                 "is said to be where the second file has no such data");
  }
  tensor->bytes = bytes;
  if (bytes == 0) return MN_OK;
  status = mn_onnx_check(loader, bytes);
  if (status) return status;
  uint8_t *data = mn_arena_take(&loader->graph->arena, bytes);
  if (!data) return mn_fail_memory(loader->err, bytes);
  tensor->data = data;
  return mn_file_read_beside(&loader->beside, outside->offset, data, bytes, loader->err);
}
