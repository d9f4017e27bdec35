/* SPDX-License-Identifier: Apache-2.0
 * TFLite tensors and buffers -> values of the graph. Constants are borrowed from the file where
 * they are aligned, else copied. */
#include <string.h>

#include "base/checked.h"
#include "base/half.h"
#include "format/tflite/tflite_load.h"

static bool map_type(int32_t code, mn_type *type) {
  switch (code) {
    case TFL_TYPE_FLOAT32: *type = MN_F32; return true;
    case TFL_TYPE_FLOAT16: *type = MN_F16; return true;
    case TFL_TYPE_BFLOAT16: *type = MN_BF16; return true;
    case TFL_TYPE_INT32: *type = MN_I32; return true;
    case TFL_TYPE_INT64: *type = MN_I64; return true;
    case TFL_TYPE_UINT8: *type = MN_U8; return true;
    case TFL_TYPE_INT8: *type = MN_I8; return true;
    case TFL_TYPE_BOOL: *type = MN_BOOL; return true;
    default: return false;
  }
}

mn_status mn_tflite_buffer(mn_tflite_loader *loader, uint32_t index, const uint8_t **data,
                           size_t *bytes) {
  mn_flatbuffer *fb = &loader->fb;
  *data = NULL;
  *bytes = 0;
  if (index >= loader->buffers.count) {
    return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name,
                   "buffer %u is used, but there are %u", index, loader->buffers.count);
  }
  mn_fb_table buffer = mn_fb_vector_table(fb, &loader->buffers, index);
  mn_fb_vector list = mn_fb_vector_at(fb, &buffer, TFL_BUFFER_DATA, 1);
  uint64_t offset = mn_fb_u64(fb, &buffer, TFL_BUFFER_OFFSET, 0);
  uint64_t size = mn_fb_u64(fb, &buffer, TFL_BUFFER_SIZE, 0);
  mn_status status = mn_tflite_check(loader, 0);
  if (status) return status;
  *data = mn_fb_vector_bytes(fb, &list);
  *bytes = list.count;
  /* Data behind the flatbuffer: offsets 0 and 1 say that there is none. */
  if (list.count == 0 && offset > 1 && size > 0) {
    if (!mn_within(offset, size, loader->request->size)) {
      return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name,
                     "buffer %u lies outside the file", index);
    }
    *data = loader->request->bytes + offset;
    *bytes = (size_t)size;
  }
  return MN_OK;
}

static mn_status read_shape(mn_tflite_loader *loader, mn_tflite_tensor *tensor) {
  mn_flatbuffer *fb = &loader->fb;
  mn_fb_vector dims = mn_fb_vector_at(fb, &tensor->table, TFL_TENSOR_SHAPE, 4);
  if (dims.count > MN_MAX_RANK) {
    return mn_fail(loader->err, MN_ERR_UNSUPPORTED, loader->request->name,
                   "tensor %u has %u dims, at most %d are supported", tensor->index, dims.count,
                   MN_MAX_RANK);
  }
  tensor->shape.rank = (int32_t)dims.count;
  /* No dims and no statement that there are none is "unknown", except for a constant: a scalar. */
  tensor->shape_stated = dims.count > 0 || tensor->data != NULL ||
                         mn_fb_u8(fb, &tensor->table, TFL_TENSOR_HAS_RANK, 0) != 0;
  for (uint32_t i = 0; i < dims.count; i++) {
    tensor->shape.dim[i] = mn_fb_vector_i32(fb, &dims, i);
    if (tensor->shape.dim[i] < 1) tensor->shape_stated = false;
  }
  mn_fb_vector open = mn_fb_vector_at(fb, &tensor->table, TFL_TENSOR_SHAPE_SIGNATURE, 4);
  tensor->batch_open = open.count > 0 && mn_fb_vector_i32(fb, &open, 0) == -1;
  return MN_OK;
}

static mn_status refuse_tensor(mn_tflite_loader *loader, uint32_t index, const char *what) {
  return mn_fail(loader->err, MN_ERR_UNSUPPORTED, loader->request->name, "tensor %u %s", index,
                 what);
}

mn_status mn_tflite_read_tensor(mn_tflite_loader *loader, int32_t index, mn_tflite_tensor *tensor) {
  mn_flatbuffer *fb = &loader->fb;
  memset(tensor, 0, sizeof *tensor);
  if (index < 0 || (uint32_t)index >= loader->tensors.count) {
    return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name,
                   "tensor %d is used, but there are %u", index, loader->tensors.count);
  }
  tensor->index = (uint32_t)index;
  tensor->table = mn_fb_vector_table(fb, &loader->tensors, tensor->index);
  int32_t code = mn_fb_i8(fb, &tensor->table, TFL_TENSOR_TYPE, 0);
  uint32_t buffer = mn_fb_u32(fb, &tensor->table, TFL_TENSOR_BUFFER, 0);
  bool sparse;
  mn_fb_table_at(fb, &tensor->table, TFL_TENSOR_SPARSITY, &sparse);
  if (!map_type(code, &tensor->type)) {
    return mn_fail(loader->err, MN_ERR_UNSUPPORTED, loader->request->name,
                   "tensor %d has type %d of the TFLite schema, which is not supported", index,
                   code);
  }
  if (sparse) return refuse_tensor(loader, tensor->index, "is sparse, which is not supported");
  if (mn_fb_u8(fb, &tensor->table, TFL_TENSOR_IS_VARIABLE, 0)) {
    return refuse_tensor(loader, tensor->index, "is a variable, which is not supported");
  }
  if (mn_fb_u32(fb, &tensor->table, TFL_TENSOR_EXTERNAL_BUFFER, 0)) {
    return refuse_tensor(loader, tensor->index, "keeps its data in another file");
  }
  mn_status status = mn_tflite_buffer(loader, buffer, &tensor->data, &tensor->bytes);
  const mn_tflite_computed *computed = &loader->computed[index];
  if (computed->list && !tensor->data) {
    tensor->data = (const uint8_t *)computed->list;
    tensor->bytes = computed->bytes;
  }
  if (!status) status = read_shape(loader, tensor);
  return status ? status : mn_tflite_check(loader, 0);
}

/* ---- Quantization --------------------------------------------------------------------------- */

static mn_status set_quant(mn_tflite_loader *loader, mn_id id, const mn_fb_table *table) {
  mn_flatbuffer *fb = &loader->fb;
  mn_fb_vector scales = mn_fb_vector_at(fb, table, TFL_QUANT_SCALE, 4);
  mn_fb_vector zeros = mn_fb_vector_at(fb, table, TFL_QUANT_ZERO_POINT, 8);
  int32_t axis = mn_fb_i32(fb, table, TFL_QUANT_DIMENSION, 0);
  const char *name = loader->graph->values[id].name;
  if (scales.count == 0) return mn_tflite_check(loader, 0);
  if (scales.count != zeros.count || scales.count > INT32_MAX / 16) {
    return mn_fail(loader->err, MN_ERR_FORMAT, name, "it has %u scales and %u zero points",
                   scales.count, zeros.count);
  }
  if (mn_fb_u8(fb, table, TFL_QUANT_DETAILS_TYPE, 0)) {
    return mn_fail(loader->err, MN_ERR_UNSUPPORTED, name,
                   "its quantization is of a custom kind, which is not supported");
  }
  const mn_shape *shape = &loader->graph->values[id].shape;
  if (scales.count == 1) axis = 0;
  if (scales.count > 1 &&
      (axis < 0 || axis >= shape->rank || shape->dim[axis] != (int32_t)scales.count)) {
    return mn_fail(loader->err, MN_ERR_FORMAT, name,
                   "it has %u scales, expected 1 or one for each index of its axis", scales.count);
  }
  size_t each = sizeof(float) + sizeof(int32_t);
  mn_status status = mn_tflite_check(loader, 2 * each * scales.count);
  if (status) return status;
  float *scale = mn_arena_array(&loader->scratch, scales.count, sizeof *scale);
  int32_t *zero = mn_arena_array(&loader->scratch, scales.count, sizeof *zero);
  if (!scale || !zero) return mn_fail_memory(loader->err, each * scales.count);
  for (uint32_t i = 0; i < scales.count; i++) {
    int64_t stored = mn_fb_vector_i64(fb, &zeros, i);
    if (stored < INT32_MIN || stored > INT32_MAX) {
      return mn_fail(loader->err, MN_ERR_FORMAT, name, "its zero point %u is out of range", i);
    }
    scale[i] = mn_fb_vector_f32(fb, &scales, i);
    zero[i] = (int32_t)stored;
  }
  if (!mn_graph_set_quant(loader->graph, id, (int32_t)scales.count, axis, scale, zero)) {
    return mn_fail_memory(loader->err, each * scales.count);
  }
  return mn_tflite_check(loader, 0);
}

static mn_status read_quant(mn_tflite_loader *loader, const mn_tflite_tensor *tensor, mn_id id) {
  bool present;
  mn_fb_table table =
      mn_fb_table_at(&loader->fb, &tensor->table, TFL_TENSOR_QUANTIZATION, &present);
  bool integer = tensor->type == MN_U8 || tensor->type == MN_I8 || tensor->type == MN_I32;
  if (!present || !integer) return mn_tflite_check(loader, 0);
  return set_quant(loader, id, &table);
}

/* ---- Values --------------------------------------------------------------------------------- */

mn_status mn_tflite_register_value(mn_tflite_loader *loader, mn_id id, mn_tflite_stated stated) {
  if (id >= loader->stated_capacity) {
    int32_t capacity = id * 2 + 64;
    mn_tflite_stated *grown = mn_arena_array(&loader->scratch, (size_t)capacity, sizeof *grown);
    if (!grown) return mn_fail_memory(loader->err, (size_t)capacity);
    if (loader->stated_capacity) {
      memcpy(grown, loader->stated, (size_t)loader->stated_capacity * sizeof *grown);
    }
    loader->stated = grown;
    loader->stated_capacity = capacity;
  }
  loader->stated[id] = stated;
  return mn_tflite_take_name(loader, id);
}

static mn_status set_constant(mn_tflite_loader *loader, const mn_tflite_tensor *tensor, mn_id id) {
  mn_value *value = &loader->graph->values[id];
  size_t element = mn_type_bytes(tensor->type), wanted;
  int32_t elements;
  if (!mn_shape_elements(&value->shape, &elements) ||
      !mn_mul_size((size_t)elements, element, &wanted) || wanted != tensor->bytes) {
    char text[64];
    return mn_fail(loader->err, MN_ERR_FORMAT, value->name,
                   "a %s constant of shape %s has %zu bytes", mn_type_name(tensor->type),
                   mn_shape_text(&value->shape, text, sizeof text), tensor->bytes);
  }
  const void *data = tensor->data;
  if ((uintptr_t)data % element != 0) {
    mn_status status = mn_tflite_check(loader, wanted);
    if (status) return status;
    data = mn_arena_copy(&loader->graph->arena, data, wanted);
    if (!data) return mn_fail_memory(loader->err, wanted);
    value = &loader->graph->values[id];
  }
  value->kind = MN_KIND_CONST;
  value->data = data;
  value->bytes = wanted;
  return MN_OK;
}

/* A named value with the tensor's type and shape, without data. */
static mn_status add_value(mn_tflite_loader *loader, const mn_tflite_tensor *tensor, mn_id *id) {
  char name[MN_TFLITE_NAME_BYTES];
  mn_status status = mn_tflite_unique_name(loader, tensor, name);
  if (!status) status = mn_tflite_check(loader, sizeof(mn_value) + sizeof name);
  if (status) return status;
  *id = mn_graph_add_value(loader->graph, name, tensor->type, &tensor->shape);
  if (*id == MN_NONE) return mn_fail_memory(loader->err, sizeof(mn_value));
  mn_tflite_stated stated = tensor->batch_open ? MN_TFLITE_STATED_BUT_BATCH : MN_TFLITE_STATED;
  return mn_tflite_register_value(loader, *id, tensor->shape_stated ? stated : MN_TFLITE_UNSTATED);
}

mn_status mn_tflite_make_value(mn_tflite_loader *loader, const mn_tflite_tensor *tensor,
                               mn_id *id) {
  mn_status status = add_value(loader, tensor, id);
  if (!status && tensor->data) status = set_constant(loader, tensor, *id);
  if (!status) status = read_quant(loader, tensor, *id);
  if (!status) loader->values[tensor->index] = *id;
  return status;
}

/* ---- Constants that DEQUANTIZE would compute ------------------------------------------------ */

static void expand_halves(const mn_value *from, float *out) {
  for (size_t i = 0; i < from->bytes / 2; i++) {
    uint16_t half;
    memcpy(&half, (const uint8_t *)from->data + 2 * i, sizeof half);
    out[i] = from->type == MN_F16 ? mn_half_to_float(half) : mn_bfloat_to_float(half);
  }
}

static void expand_codes(const mn_value *from, float *out) {
  const mn_quant *quant = &from->quant;
  size_t inner = 1; /* elements from one index of the axis to the next */
  for (int32_t i = quant->axis + 1; i < from->shape.rank; i++) inner *= (size_t)from->shape.dim[i];
  for (size_t i = 0; i < from->bytes; i++) {
    size_t channel = quant->count > 1 ? i / inner % (size_t)quant->count : 0;
    int32_t code =
        from->type == MN_U8 ? ((const uint8_t *)from->data)[i] : ((const int8_t *)from->data)[i];
    out[i] = quant->scale[channel] * (float)((int64_t)code - quant->zero[channel]);
  }
}

mn_status mn_tflite_make_dequantized(mn_tflite_loader *loader, const mn_tflite_tensor *from,
                                     const mn_tflite_tensor *to) {
  mn_id source = loader->values[from->index], id;
  const char *name = loader->request->name;
  const mn_value *value = &loader->graph->values[source];
  bool codes = value->type == MN_U8 || value->type == MN_I8;
  if (to->type != MN_F32 || (codes && !value->quant.count) ||
      (!codes && value->type != MN_F16 && value->type != MN_BF16)) {
    return mn_fail(loader->err, MN_ERR_UNSUPPORTED, name, "DEQUANTIZE of %s to %s is not supported",
                   mn_type_name(value->type), mn_type_name(to->type));
  }
  size_t elements = value->bytes / mn_type_bytes(value->type), bytes;
  if (!mn_mul_size(elements, sizeof(float), &bytes)) return mn_fail_memory(loader->err, elements);
  mn_status status = mn_tflite_check(loader, bytes);
  if (status) return status;
  float *data = mn_arena_take(&loader->graph->arena, bytes);
  if (!data) return mn_fail_memory(loader->err, bytes);
  if (codes) {
    expand_codes(value, data);
  } else {
    expand_halves(value, data);
  }
  mn_tflite_tensor shaped = *to;
  shaped.shape = value->shape;
  status = add_value(loader, &shaped, &id);
  if (status) return status;
  mn_value *made = &loader->graph->values[id];
  made->kind = MN_KIND_CONST;
  made->data = data;
  made->bytes = bytes;
  loader->values[to->index] = id;
  return MN_OK;
}
