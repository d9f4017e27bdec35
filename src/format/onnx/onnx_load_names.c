/* SPDX-License-Identifier: Apache-2.0
 * The tensors of an ONNX file by name: all that is written, sorted, so that no choice of names can
 * make finding one slow; and names for the graph's values. */
#include <stdio.h>
#include <string.h>

#include "format/onnx/onnx_load.h"

enum { MOST_TENSORS = 1 << 17 };

const char *mn_onnx_text(mn_pb_span name, char text[MN_ONNX_NAME_BYTES]) {
  size_t used = 0;
  for (; used < name.size && used + 1 < MN_ONNX_NAME_BYTES; used++) {
    uint8_t byte = name.data[used];
    text[used] = byte >= 0x20 && byte < 0x7f ? (char)byte : '_';
  }
  text[used] = '\0';
  return text;
}

/* Printable and short; '#' is kept for the names that are made here. */
static bool is_clean(mn_pb_span name) {
  for (size_t i = 0; i < name.size; i++) {
    if (name.data[i] < 0x20 || name.data[i] >= 0x7f || name.data[i] == '#') return false;
  }
  return name.size > 0 && name.size < MN_ONNX_NAME_BYTES - 16;
}

void mn_onnx_make_name(mn_onnx_loader *loader, mn_onnx_tensor *tensor,
                       char text[MN_ONNX_NAME_BYTES]) {
  bool clean = is_clean(tensor->name);
  if (clean && !tensor->named) {
    tensor->named = true;
    mn_onnx_text(tensor->name, text);
    return;
  }
  snprintf(text, MN_ONNX_NAME_BYTES, "%.*s#%u", clean ? (int)tensor->name.size : 6,
           clean ? (const char *)tensor->name.data : "tensor", loader->made_names++);
}

/* ---- Collecting ----------------------------------------------------------------------------- */

/* An initializer comes before an input of the same name: older files list weights as both. */
static int by_name(const mn_onnx_tensor *a, const mn_onnx_tensor *b) {
  int order = mn_pb_compare(a->name, b->name);
  return order ? order : b->is_initializer - a->is_initializer;
}

/* Lets tensors[at] sink below those of the heap [0, count) that are greater. */
static void sink(mn_onnx_tensor *tensors, size_t at, size_t count) {
  mn_onnx_tensor sinking = tensors[at];
  for (size_t child; (child = 2 * at + 1) < count; at = child) {
    if (child + 1 < count && by_name(&tensors[child], &tensors[child + 1]) < 0) child++;
    if (by_name(&sinking, &tensors[child]) >= 0) break;
    tensors[at] = tensors[child];
  }
  tensors[at] = sinking;
}

/* Heap sort: no memory, and n log n whatever the names are. */
static void sort_tensors(mn_onnx_tensor *tensors, size_t count) {
  for (size_t i = count / 2; i-- > 0;) sink(tensors, i, count);
  for (size_t end = count; end-- > 1;) {
    mn_onnx_tensor largest = tensors[0];
    tensors[0] = tensors[end];
    tensors[end] = largest;
    sink(tensors, 0, end);
  }
}

static mn_status add_tensor(mn_onnx_loader *loader, const mn_onnx_tensor *tensor) {
  if (loader->tensor_count >= MOST_TENSORS) {
    return mn_fail(loader->err, MN_ERR_LIMIT, loader->request->name, "it has more than %d tensors",
                   (int)MOST_TENSORS);
  }
  if (loader->tensors) loader->tensors[loader->tensor_count] = *tensor;
  loader->tensor_count++;
  return MN_OK;
}

static mn_status add_initializer(mn_onnx_loader *loader, mn_pb_span bytes) {
  mn_onnx_tensor tensor = {.is_initializer = true};
  mn_status status = loader->tensors ? mn_onnx_read_tensor(loader, bytes, &tensor) : MN_OK;
  return status ? status : add_tensor(loader, &tensor);
}

static mn_status add_named(mn_onnx_loader *loader, mn_pb_span bytes, bool is_input) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_field field;
  mn_status status = MN_OK;
  uint32_t number = is_input ? ONNX_VALUE_INFO_NAME : ONNX_NODE_OUTPUT;
  while (!status && mn_onnx_next(loader, &cursor, &field)) {
    mn_onnx_tensor tensor = {.is_input = is_input, .id = MN_NONE};
    if (!mn_pb_is_bytes(&field, number, &tensor.name) || tensor.name.size == 0) continue;
    status = add_tensor(loader, &tensor);
  }
  return status;
}

/* Counts the tensors while there is no array, else fills it. */
static mn_status walk(mn_onnx_loader *loader) {
  mn_pb_cursor cursor = mn_pb_open(loader->graph_bytes);
  mn_pb_field field;
  mn_pb_span bytes;
  mn_status status = MN_OK;
  loader->tensor_count = 0;
  while (!status && mn_onnx_next(loader, &cursor, &field)) {
    if (mn_pb_is_bytes(&field, ONNX_GRAPH_INITIALIZER, &bytes)) {
      status = add_initializer(loader, bytes);
    } else if (mn_pb_is_bytes(&field, ONNX_GRAPH_INPUT, &bytes)) {
      status = add_named(loader, bytes, true);
    } else if (mn_pb_is_bytes(&field, ONNX_GRAPH_NODE, &bytes)) {
      status = add_named(loader, bytes, false);
    }
  }
  return status ? status : mn_onnx_check(loader, 0);
}

/* The graph has weights of many scales in i8 only, and both sides of a layer have one type. */
static bool needs_i8(const mn_onnx_tensor *tensor) {
  if (tensor->kind != MN_ONNX_CONST) return false;
  bool weights = tensor->data_type == ONNX_INT8 && tensor->shape.rank > 1;
  bool zeros = tensor->data_type == ONNX_UINT8 && tensor->shape.rank == 1 && tensor->bytes > 1;
  return weights || zeros;
}

static mn_status refuse_twice(mn_onnx_loader *loader, mn_pb_span name) {
  char text[MN_ONNX_NAME_BYTES];
  return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name,
                 "its tensor '%s' is written twice", mn_onnx_text(name, text));
}

mn_status mn_onnx_collect(mn_onnx_loader *loader) {
  mn_status status = walk(loader);
  size_t count = loader->tensor_count, kept = 0;
  if (!status) status = mn_onnx_check(loader, count * sizeof *loader->tensors);
  if (status) return status;
  mn_onnx_tensor *tensors = mn_arena_array(&loader->scratch, count, sizeof *tensors);
  if (!tensors) return mn_fail_memory(loader->err, count * sizeof *tensors);
  loader->tensors = tensors;
  status = walk(loader);
  if (status) return status;
  for (size_t i = 0; i < count && !loader->prefers_i8; i++) {
    loader->prefers_i8 = needs_i8(&tensors[i]);
  }
  sort_tensors(tensors, count);
  for (size_t i = 0; i < count; i++) {
    bool again = kept > 0 && mn_pb_compare(tensors[kept - 1].name, tensors[i].name) == 0;
    if (again && (!tensors[kept - 1].is_initializer || !tensors[i].is_input)) {
      return refuse_twice(loader, tensors[i].name);
    }
    if (!again) tensors[kept++] = tensors[i];
  }
  loader->tensor_count = kept;
  return MN_OK;
}

static mn_status count_node(mn_onnx_loader *loader, mn_pb_span bytes) {
  mn_onnx_op op = {.loader = loader, .bytes = bytes};
  mn_status status = mn_onnx_read_node(&op);
  for (int32_t i = 0; i < op.in_count && !status; i++) {
    mn_onnx_tensor *tensor = mn_onnx_find(loader, op.in[i]);
    if (!tensor) continue;
    tensor->reads++;
    tensor->reader = bytes;
  }
  return status;
}

static void note_output(mn_onnx_loader *loader, mn_pb_span bytes) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_field field;
  mn_pb_span name;
  while (mn_onnx_next(loader, &cursor, &field)) {
    if (!mn_pb_is_bytes(&field, ONNX_VALUE_INFO_NAME, &name)) continue;
    mn_onnx_tensor *tensor = mn_onnx_find(loader, name);
    if (tensor) tensor->is_output = true;
  }
}

mn_status mn_onnx_count_reads(mn_onnx_loader *loader) {
  mn_pb_cursor cursor = mn_pb_open(loader->graph_bytes);
  mn_pb_field field;
  mn_pb_span bytes;
  mn_status status = MN_OK;
  while (!status && mn_onnx_next(loader, &cursor, &field)) {
    if (mn_pb_is_bytes(&field, ONNX_GRAPH_OUTPUT, &bytes)) note_output(loader, bytes);
    if (mn_pb_is_bytes(&field, ONNX_GRAPH_NODE, &bytes)) status = count_node(loader, bytes);
  }
  return status ? status : mn_onnx_check(loader, 0);
}

mn_onnx_tensor *mn_onnx_find(const mn_onnx_loader *loader, mn_pb_span name) {
  size_t low = 0, high = loader->tensor_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    int order = mn_pb_compare(loader->tensors[middle].name, name);
    if (order == 0) return &loader->tensors[middle];
    if (order < 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return NULL;
}
