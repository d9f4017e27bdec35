/* SPDX-License-Identifier: Apache-2.0
 * What the nodes of an ONNX file have in common: their attributes and their inputs. */
#include <string.h>

#include "format/onnx/onnx_load.h"

/* ---- Attributes ----------------------------------------------------------------------------- */

/* The attribute's message; data NULL when there is none. */
static mn_pb_span find_attribute(const mn_onnx_op *op, const char *name) {
  mn_pb_cursor cursor = mn_pb_open(op->bytes);
  mn_pb_field field, inner;
  mn_pb_span attribute, text;
  while (mn_onnx_next(op->loader, &cursor, &field)) {
    if (!mn_pb_is_bytes(&field, ONNX_NODE_ATTRIBUTE, &attribute)) continue;
    mn_pb_cursor fields = mn_pb_open(attribute);
    while (mn_onnx_next(op->loader, &fields, &inner)) {
      if (mn_pb_is_bytes(&inner, ONNX_ATTR_NAME, &text) && mn_pb_equal(text, name)) {
        return attribute;
      }
    }
  }
  return (mn_pb_span){NULL, 0};
}

int64_t mn_onnx_int(const mn_onnx_op *op, const char *name, int64_t fallback) {
  mn_pb_cursor cursor = mn_pb_open(find_attribute(op, name));
  mn_pb_field field;
  while (mn_onnx_next(op->loader, &cursor, &field)) {
    mn_pb_is_int(&field, ONNX_ATTR_I, &fallback);
  }
  return fallback;
}

float mn_onnx_float(const mn_onnx_op *op, const char *name, float fallback) {
  mn_pb_cursor cursor = mn_pb_open(find_attribute(op, name));
  mn_pb_field field;
  while (mn_onnx_next(op->loader, &cursor, &field)) {
    mn_pb_is_float(&field, ONNX_ATTR_F, &fallback);
  }
  return fallback;
}

static mn_pb_span bytes_of(const mn_onnx_op *op, const char *name, uint32_t number) {
  mn_pb_cursor cursor = mn_pb_open(find_attribute(op, name));
  mn_pb_span found = {NULL, 0};
  mn_pb_field field;
  while (mn_onnx_next(op->loader, &cursor, &field)) mn_pb_is_bytes(&field, number, &found);
  return found;
}

mn_pb_span mn_onnx_string(const mn_onnx_op *op, const char *name) {
  return bytes_of(op, name, ONNX_ATTR_S);
}

mn_pb_span mn_onnx_attr_tensor(const mn_onnx_op *op, const char *name) {
  return bytes_of(op, name, ONNX_ATTR_T);
}

int32_t mn_onnx_ints(const mn_onnx_op *op, const char *name, int64_t *list, int32_t capacity) {
  mn_pb_span attribute = find_attribute(op, name), packed;
  mn_pb_cursor cursor = mn_pb_open(attribute);
  mn_pb_field field;
  int32_t count = 0;
  int64_t one;
  uint64_t bits;
  if (!attribute.data) return -1;
  while (mn_onnx_next(op->loader, &cursor, &field)) {
    if (mn_pb_is_int(&field, ONNX_ATTR_INTS, &one) && count <= capacity) {
      if (count < capacity) list[count] = one;
      count++;
    }
    if (!mn_pb_is_bytes(&field, ONNX_ATTR_INTS, &packed)) continue;
    mn_pb_cursor numbers = mn_pb_open(packed);
    while (count <= capacity && mn_pb_varint(&numbers, &bits)) {
      if (count < capacity) list[count] = (int64_t)bits;
      count++;
    }
    if (numbers.problem) op->loader->problem = numbers.problem;
  }
  if (count <= capacity) return count;
  if (!op->loader->problem) op->loader->problem = "an attribute has more numbers than it may have";
  return capacity;
}

int32_t mn_onnx_floats(const mn_onnx_op *op, const char *name, float *list, int32_t capacity) {
  mn_pb_span attribute = find_attribute(op, name), packed;
  mn_pb_cursor cursor = mn_pb_open(attribute);
  mn_pb_field field;
  int32_t count = 0;
  float one;
  if (!attribute.data) return -1;
  while (mn_onnx_next(op->loader, &cursor, &field)) {
    if (mn_pb_is_float(&field, ONNX_ATTR_FLOATS, &one) && count < capacity) list[count++] = one;
    if (!mn_pb_is_bytes(&field, ONNX_ATTR_FLOATS, &packed)) continue;
    size_t numbers = packed.size / sizeof one, room = (size_t)(capacity - count);
    if (numbers > room) numbers = room;
    if (numbers) memcpy(list + count, packed.data, numbers * sizeof one);
    count += (int32_t)numbers;
  }
  return count;
}

/* ---- Inputs --------------------------------------------------------------------------------- */

bool mn_onnx_has_input(const mn_onnx_op *op, int32_t position) {
  return position < op->in_count && (op->in[position].size > 0 || op->given[position]);
}

mn_status mn_onnx_input(const mn_onnx_op *op, int32_t position, mn_onnx_tensor **tensor) {
  char text[MN_ONNX_NAME_BYTES];
  *tensor = NULL;
  if (!mn_onnx_has_input(op, position)) {
    return mn_onnx_fail(op, MN_ERR_FORMAT, "its input %d is missing", position);
  }
  *tensor = op->given[position];
  if (!*tensor) *tensor = mn_onnx_find(op->loader, op->in[position]);
  if (*tensor && (*tensor)->kind != MN_ONNX_UNWRITTEN) return MN_OK;
  return mn_onnx_fail(op, MN_ERR_FORMAT, "it reads '%.100s', which nothing before it writes",
                      mn_onnx_text(op->in[position], text));
}

mn_status mn_onnx_output(const mn_onnx_op *op, mn_onnx_tensor **tensor) {
  *tensor = op->given_out;
  if (!*tensor && op->out_count > 0) *tensor = mn_onnx_find(op->loader, op->out[0]);
  if (!*tensor) return mn_onnx_fail(op, MN_ERR_FORMAT, "it has no output");
  for (int32_t i = 1; i < op->out_count; i++) {
    bool ignored = op->out[i].size == 0 || mn_pb_equal(op->type, "Dropout");
    if (ignored) continue;
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it has %d outputs, only the first is supported",
                        op->out_count);
  }
  if ((*tensor)->kind == MN_ONNX_UNWRITTEN) return MN_OK;
  return mn_onnx_fail(op, MN_ERR_FORMAT, "its output is written already");
}

/* A copy, since another operator may read the same tensor as floats. */
static mn_status as_codes(const mn_onnx_op *op, mn_onnx_tensor **tensor) {
  mn_onnx_loader *loader = op->loader;
  if (!(*tensor)->coded) return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input is not quantized");
  mn_status status = mn_onnx_check(loader, sizeof **tensor);
  if (status) return status;
  mn_onnx_tensor *copy = mn_arena_copy(&loader->scratch, *tensor, sizeof **tensor);
  if (!copy) return mn_fail_memory(loader->err, sizeof **tensor);
  copy->id = copy->codes;
  *tensor = copy;
  return MN_OK;
}

mn_status mn_onnx_settle(const mn_onnx_op *op, mn_onnx_tensor **tensor) {
  if (op->target) return as_codes(op, tensor);
  if ((*tensor)->data_type != ONNX_FLOAT) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input is integers, which it cannot take");
  }
  if ((*tensor)->id != MN_NONE) return MN_OK;
  mn_onnx_node node = {.op = MN_OP_DEQUANTIZE, .in = &(*tensor)->codes, .in_count = 1};
  return mn_onnx_step(op, &node, &(*tensor)->id);
}

mn_status mn_onnx_operand(const mn_onnx_op *op, int32_t position, mn_onnx_tensor **tensor) {
  mn_status status = mn_onnx_input(op, position, tensor);
  if (status) return status;
  if ((*tensor)->split) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                        "its input has 5 dims, which only a transpose and a "
                        "reshape of a detector's head may have");
  }
  if ((*tensor)->kind == MN_ONNX_VALUE) return mn_onnx_settle(op, tensor);
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                      "its input %d is %s, expected one that the network computes from its input",
                      position,
                      (*tensor)->kind == MN_ONNX_CONST ? "a constant" : "made of shape numbers");
}

mn_status mn_onnx_map(const mn_onnx_op *op, int32_t position, mn_onnx_tensor *map) {
  mn_onnx_tensor *tensor;
  mn_status status = mn_onnx_operand(op, position, &tensor);
  if (status) return status;
  *map = *tensor;
  if (map->shape.rank != 4) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input has %d dims, expected 4",
                        map->shape.rank);
  }
  if (map->channels_last) return MN_OK;
  const int32_t *dim = map->shape.dim;
  if (dim[1] != 1 && (dim[2] != 1 || dim[3] != 1)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                        "its input would need a transpose, which is not supported");
  }
  /* One channel or one pixel: both orders are the same. */
  mn_onnx_node node = {.op = MN_OP_RESHAPE, .in = &tensor->id, .in_count = 1};
  node.attr.reshape.shape = (mn_shape){4, {0, dim[2], dim[3], dim[1]}};
  status = mn_onnx_step(op, &node, &map->id);
  if (status) return status;
  if (!map->point) mn_onnx_fix_size(op);
  map->channels_last = true;
  return MN_OK;
}

/* ---- Integers and axes ---------------------------------------------------------------------- */

mn_status mn_onnx_integers(const mn_onnx_op *op, int32_t position, int64_t *list, int32_t capacity,
                           int32_t *count) {
  mn_onnx_tensor *tensor;
  mn_status status = mn_onnx_input(op, position, &tensor);
  if (status) return status;
  bool wide = tensor->kind == MN_ONNX_INTEGERS || tensor->data_type == ONNX_INT64;
  size_t width = wide ? 8 : 4, elements = tensor->bytes / width;
  if (!mn_onnx_is_integers(op, position)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input %d is not a constant of integers",
                        position);
  }
  if (elements > (size_t)capacity) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input %d has %zu numbers, expected at most %d",
                        position, elements, capacity);
  }
  for (size_t i = 0; i < elements; i++) {
    int32_t narrow;
    if (wide) {
      memcpy(&list[i], tensor->data + i * width, width);
    } else {
      memcpy(&narrow, tensor->data + i * width, width);
      list[i] = narrow;
    }
  }
  *count = (int32_t)elements;
  return MN_OK;
}

mn_status mn_onnx_axes(const mn_onnx_op *op, int32_t since, int64_t *list, int32_t *count) {
  if (op->loader->opset < since) {
    *count = mn_onnx_ints(op, "axes", list, MN_MAX_RANK);
    return mn_onnx_check(op->loader, 0);
  }
  *count = -1;
  return mn_onnx_has_input(op, 1) ? mn_onnx_integers(op, 1, list, MN_MAX_RANK, count) : MN_OK;
}

mn_status mn_onnx_axis(const mn_onnx_op *op, int64_t stated, int32_t rank, int32_t *axis) {
  int64_t resolved = stated < 0 && stated >= -rank ? stated + rank : stated;
  *axis = (int32_t)resolved;
  if (resolved >= 0 && resolved < rank) return MN_OK;
  return mn_onnx_fail(op, MN_ERR_FORMAT, "its axis %lld is outside a shape of %d dims",
                      (long long)stated, rank);
}

int32_t mn_onnx_value_axis(const mn_onnx_tensor *tensor, int32_t axis) {
  static const int32_t last[] = {0, 3, 1, 2};
  return tensor->channels_last ? last[axis] : axis;
}
