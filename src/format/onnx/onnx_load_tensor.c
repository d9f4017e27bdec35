/* SPDX-License-Identifier: Apache-2.0
 * ONNX tensors -> constants of the graph: what TensorProto can hold, checked, and the rearranging
 * of weights from NCHW to NHWC. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "base/half.h"
#include "format/onnx/onnx_load.h"

/* ---- Reading -------------------------------------------------------------------------------- */

mn_status mn_onnx_refuse_tensor(mn_onnx_loader *loader, mn_status status,
                                const mn_onnx_tensor *tensor, const char *what) {
  char text[MN_ONNX_NAME_BYTES];
  return mn_fail(loader->err, status, loader->request->name, "its tensor '%s' %s",
                 mn_onnx_text(tensor->name, text), what);
}

/* The parts of a TensorProto. Lists come packed or one field an element. */
typedef struct proto {
  mn_pb_span raw;
  mn_pb_span packed; /* the only packed list of numbers, if there is but one */
  size_t lists;      /* fields that hold numbers */
  size_t numbers;    /* all of them */
  int64_t location;
  mn_onnx_outside outside;
  int64_t dims[MN_MAX_RANK];
  int32_t rank;
} proto;

static void add_dim(proto *p, int64_t dim) {
  if (p->rank < MN_MAX_RANK) p->dims[p->rank] = dim;
  if (p->rank <= MN_MAX_RANK) p->rank++;
}

static void read_dims(mn_onnx_loader *loader, const mn_pb_field *field, proto *p) {
  mn_pb_span list;
  int64_t dim;
  uint64_t bits;
  if (mn_pb_is_int(field, ONNX_TENSOR_DIMS, &dim)) add_dim(p, dim);
  if (!mn_pb_is_bytes(field, ONNX_TENSOR_DIMS, &list)) return;
  mn_pb_cursor cursor = mn_pb_open(list);
  while (mn_pb_varint(&cursor, &bits)) add_dim(p, (int64_t)bits);
  if (cursor.problem) loader->problem = cursor.problem;
}

static bool is_list(const mn_pb_field *field) {
  return field->number == ONNX_TENSOR_FLOAT_DATA || field->number == ONNX_TENSOR_INT32_DATA ||
         field->number == ONNX_TENSOR_INT64_DATA;
}

/* How many numbers a field of a list holds. */
static size_t count_numbers(mn_onnx_loader *loader, const mn_pb_field *field) {
  size_t count = 0;
  uint64_t bits;
  if (field->wire != MN_PB_BYTES) return 1;
  if (field->number == ONNX_TENSOR_FLOAT_DATA) return field->bytes.size / sizeof(float);
  mn_pb_cursor cursor = mn_pb_open(field->bytes);
  while (mn_pb_varint(&cursor, &bits)) count++;
  if (cursor.problem) loader->problem = cursor.problem;
  return count;
}

static void read_proto(mn_onnx_loader *loader, mn_pb_span bytes, mn_onnx_tensor *tensor, proto *p) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_field field;
  mn_pb_span entry;
  while (mn_onnx_next(loader, &cursor, &field)) {
    mn_pb_is_bytes(&field, ONNX_TENSOR_NAME, &tensor->name);
    mn_pb_is_bytes(&field, ONNX_TENSOR_RAW_DATA, &p->raw);
    mn_pb_is_int(&field, ONNX_TENSOR_DATA_TYPE, &tensor->data_type);
    mn_pb_is_int(&field, ONNX_TENSOR_DATA_LOCATION, &p->location);
    if (mn_pb_is_bytes(&field, ONNX_TENSOR_EXTERNAL_DATA, &entry)) {
      mn_onnx_read_outside(loader, entry, &p->outside);
    }
    read_dims(loader, &field, p);
    if (!is_list(&field)) continue;
    p->lists++;
    p->numbers += count_numbers(loader, &field);
    p->packed = field.bytes;
  }
}

/* Bytes of an element; 0 for types that nothing here takes. */
static size_t width_of(int64_t data_type) {
  switch (data_type) {
    case ONNX_UINT8:
    case ONNX_INT8: return 1;
    case ONNX_FLOAT16: return 2;
    case ONNX_FLOAT:
    case ONNX_INT32: return 4;
    case ONNX_INT64: return 8;
    default: return 0;
  }
}

/* Numbers of the data type's list field, each as wide as an element. */
static void copy_numbers(mn_pb_span bytes, int64_t data_type, uint8_t *to, size_t capacity) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_field field;
  size_t at = 0, width = width_of(data_type);
  while (mn_pb_next(&cursor, &field)) {
    if (!is_list(&field)) continue;
    if (field.wire != MN_PB_BYTES) {
      if (at + width <= capacity) memcpy(to + at, &field.bits, width);
      at += width;
    } else if (field.number == ONNX_TENSOR_FLOAT_DATA) {
      size_t whole = field.bytes.size / sizeof(float) * sizeof(float);
      if (whole && at + whole <= capacity) memcpy(to + at, field.bytes.data, whole);
      at += whole;
    } else {
      mn_pb_cursor list = mn_pb_open(field.bytes);
      uint64_t bits;
      for (; mn_pb_varint(&list, &bits); at += width) {
        if (at + width <= capacity) memcpy(to + at, &bits, width);
      }
    }
  }
}

/* Points the tensor at its elements, which are in the file as they are or are unpacked. */
static mn_status find_data(mn_onnx_loader *loader, mn_pb_span bytes, mn_onnx_tensor *tensor,
                           const proto *p) {
  size_t width = width_of(tensor->data_type), unpacked;
  tensor->data = p->raw.data;
  tensor->bytes = p->raw.size;
  if (p->raw.data || p->numbers == 0) return MN_OK;
  if (tensor->data_type == ONNX_FLOAT && p->lists == 1 && p->packed.data) {
    tensor->data = p->packed.data;
    tensor->bytes = p->packed.size;
    return MN_OK;
  }
  if (!mn_mul_size(p->numbers, width, &unpacked)) return mn_fail_memory(loader->err, SIZE_MAX);
  mn_status status = mn_onnx_check(loader, unpacked);
  if (status) return status;
  uint8_t *data = mn_arena_take(&loader->graph->arena, unpacked);
  if (!data) return mn_fail_memory(loader->err, unpacked);
  copy_numbers(bytes, tensor->data_type, data, unpacked);
  tensor->data = data;
  tensor->bytes = unpacked;
  return MN_OK;
}

/* How many bytes the shape needs. */
static bool needed_bytes(const mn_onnx_tensor *tensor, size_t *bytes) {
  *bytes = width_of(tensor->data_type);
  for (int32_t i = 0; i < tensor->shape.rank; i++) {
    if (!mn_mul_size(*bytes, (size_t)tensor->shape.dim[i], bytes)) return false;
  }
  return true;
}

/* Half precision is how weights are stored, not how they are computed with. */
static mn_status widen(mn_onnx_loader *loader, mn_onnx_tensor *tensor) {
  size_t count = tensor->bytes / sizeof(uint16_t), bytes;
  if (tensor->data_type != ONNX_FLOAT16) return MN_OK;
  tensor->data_type = ONNX_FLOAT;
  if (!mn_mul_size(count, sizeof(float), &bytes)) return mn_fail_memory(loader->err, SIZE_MAX);
  mn_status status = mn_onnx_check(loader, bytes);
  if (status) return status;
  float *data = mn_arena_array(&loader->graph->arena, count, sizeof *data);
  if (!data) return mn_fail_memory(loader->err, bytes);
  for (size_t i = 0; i < count; i++) {
    uint16_t bits;
    memcpy(&bits, tensor->data + i * sizeof bits, sizeof bits);
    data[i] = mn_half_to_float(bits);
  }
  tensor->data = (const uint8_t *)data;
  tensor->bytes = bytes;
  return MN_OK;
}

mn_status mn_onnx_read_tensor(mn_onnx_loader *loader, mn_pb_span bytes, mn_onnx_tensor *tensor) {
  proto p = {.rank = 0};
  mn_pb_span name = tensor->name;
  read_proto(loader, bytes, tensor, &p);
  if (name.data) tensor->name = name;
  mn_status status = mn_onnx_check(loader, 0);
  if (status) return status;
  tensor->kind = MN_ONNX_CONST;
  tensor->id = MN_NONE;
  /* What no operator of ours takes is refused where it is used. */
  bool known = width_of(tensor->data_type) > 0;
  if (!known || p.rank > MN_MAX_RANK) {
    if (known) tensor->data_type = -1;
    return MN_OK;
  }
  tensor->shape.rank = p.rank;
  for (int32_t i = 0; i < p.rank; i++) {
    if (p.dims[i] < 0 || p.dims[i] > INT32_MAX) {
      return mn_onnx_refuse_tensor(loader, MN_ERR_FORMAT, tensor, "has a dim out of range");
    }
    tensor->shape.dim[i] = (int32_t)p.dims[i];
  }
  size_t needed;
  bool fits = needed_bytes(tensor, &needed);
  if (fits && p.location == ONNX_EXTERNAL) {
    status = mn_onnx_load_outside(loader, &p.outside, needed, tensor);
  } else {
    status = find_data(loader, bytes, tensor, &p);
  }
  if (status) return status;
  if (fits && tensor->bytes == needed) return widen(loader, tensor);
  return mn_onnx_refuse_tensor(loader, MN_ERR_FORMAT, tensor,
                               "does not hold as much data as its shape needs");
}

bool mn_onnx_is_floats(const mn_onnx_tensor *tensor) {
  return tensor->kind == MN_ONNX_CONST && tensor->data_type == ONNX_FLOAT && !tensor->meaning;
}

/* ---- Constants of the graph ----------------------------------------------------------------- */

mn_onnx_form mn_onnx_as_is(const mn_shape *shape) {
  mn_onnx_form form = {.view = {1, 1, 1, 1}, .order = {0, 1, 2, 3}, .shape = *shape};
  for (int32_t i = 0; i < shape->rank; i++) form.view[i] = shape->dim[i];
  return form;
}

static bool keeps_order(const mn_onnx_form *form) {
  bool same = !form->reciprocal && (form->factor == 0 || form->factor == 1);
  for (int i = 0; i < 4; i++) same = same && form->order[i] == i;
  return same;
}

/* What element `index` of a constant is. */
static double number_at(const mn_onnx_tensor *tensor, size_t index) {
  const uint8_t *at = tensor->data + index * (tensor->meaning ? width_of(tensor->stored_type) : 4);
  int32_t wide;
  float number;
  if (tensor->meaning && tensor->stored_type != ONNX_INT32) {
    int32_t code = tensor->stored_type == ONNX_INT8 ? *(const int8_t *)at : *at;
    bool shifted = tensor->stored_type == ONNX_UINT8 && tensor->meaning->type == MN_I8;
    return shifted ? code - 128 : code;
  }
  if (tensor->meaning) {
    memcpy(&wide, at, sizeof wide);
    return wide;
  }
  memcpy(&number, at, sizeof number);
  return (double)number;
}

/* The float that code `index` stands for. */
static double real_of(const mn_onnx_tensor *tensor, size_t index, double code) {
  const mn_quant *quant = &tensor->meaning->quant;
  size_t inner = 1, at = 0;
  for (int32_t i = quant->axis + 1; i < tensor->shape.rank; i++) {
    inner *= (size_t)tensor->shape.dim[i];
  }
  if (quant->count > 1) at = index / inner % (size_t)quant->count;
  return (double)(float)((code - quant->zero[at]) * (double)quant->scale[at]);
}

static double element(const mn_onnx_form *form, const mn_onnx_tensor *tensor, mn_type type,
                      size_t index) {
  double number = number_at(tensor, index);
  if (type != MN_F32) return number;
  if (tensor->meaning) number = real_of(tensor, index, number);
  if (form->reciprocal) return 1.0 / number;
  return form->factor == 0 ? number : number * (double)form->factor;
}

static void store(void *to, mn_type type, size_t index, double number) {
  switch (type) {
    case MN_I8: ((int8_t *)to)[index] = (int8_t)number; break;
    case MN_U8: ((uint8_t *)to)[index] = (uint8_t)number; break;
    case MN_I32: ((int32_t *)to)[index] = (int32_t)number; break;
    default: ((float *)to)[index] = (float)number; break;
  }
}

static void rearrange(const mn_onnx_form *form, const mn_onnx_tensor *tensor, mn_type type,
                      void *to) {
  size_t stride[4], dim[4], step[4], at = 0;
  stride[3] = 1;
  for (int i = 2; i >= 0; i--) stride[i] = stride[i + 1] * (size_t)form->view[i + 1];
  for (int i = 0; i < 4; i++) {
    dim[i] = (size_t)form->view[form->order[i]];
    step[i] = stride[form->order[i]];
  }
  for (size_t a = 0; a < dim[0]; a++) {
    for (size_t b = 0; b < dim[1]; b++) {
      for (size_t c = 0; c < dim[2]; c++) {
        size_t row = a * step[0] + b * step[1] + c * step[2];
        for (size_t d = 0; d < dim[3]; d++) {
          store(to, type, at++, element(form, tensor, type, row + d * step[3]));
        }
      }
    }
  }
}

static mn_status add_constant(const mn_onnx_op *op, mn_onnx_tensor *tensor, const mn_shape *shape,
                              const void *data, mn_id *id) {
  char name[MN_ONNX_NAME_BYTES];
  mn_onnx_loader *loader = op->loader;
  mn_onnx_make_name(loader, tensor, name);
  mn_status status = mn_onnx_add_value(loader, name, shape, id);
  if (status) return status;
  mn_value *value = &loader->graph->values[*id];
  int32_t elements = 0;
  mn_shape_elements(shape, &elements);
  value->kind = MN_KIND_CONST;
  value->data = data;
  value->bytes = (size_t)elements * sizeof(float);
  return MN_OK;
}

/* Codes keep their scales, along the output channels: last of depthwise weights, else first. */
static void set_codes(const mn_onnx_op *op, const mn_onnx_codes *meaning, mn_id id) {
  mn_value *value = &op->loader->graph->values[id];
  value->type = meaning->type;
  value->bytes = value->bytes / sizeof(float) * mn_type_bytes(meaning->type);
  if (meaning->type == MN_I32) return;
  value->quant = meaning->quant;
  value->quant.axis = value->shape.rank == 3 ? 2 : 0;
}

/* How many elements the form has; false when that is not how many the tensor has. */
static bool count_elements(const mn_onnx_form *form, const mn_onnx_tensor *tensor, size_t *count) {
  size_t width = tensor->meaning ? width_of(tensor->stored_type) : sizeof(float);
  int32_t elements;
  bool fits = mn_shape_elements(&form->shape, &elements);
  *count = 1;
  for (int i = 0; i < 4 && fits; i++) fits = mn_mul_size(*count, (size_t)form->view[i], count);
  return fits && *count == (size_t)elements && *count == tensor->bytes / width;
}

mn_status mn_onnx_constant(const mn_onnx_op *op, int32_t position, const mn_onnx_form *form,
                           mn_id *id) {
  mn_onnx_tensor *tensor;
  mn_onnx_loader *loader = op->loader;
  size_t count, size;
  mn_status status = mn_onnx_input(op, position, &tensor);
  if (status) return status;
  if (tensor->kind != MN_ONNX_CONST || tensor->data_type != ONNX_FLOAT) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input %d is not a constant of type float",
                        position);
  }
  for (size_t i = 0; tensor->origins && i < tensor->bytes / sizeof(float); i++) {
    if (tensor->origins[i].what == MN_ONNX_ANY_SIZE) continue;
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input %d depends on the input's size",
                        position);
  }
  const mn_onnx_codes *meaning = op->target ? tensor->meaning : NULL;
  mn_type type = meaning ? meaning->type : MN_F32;
  if (!count_elements(form, tensor, &count) || !mn_mul_size(count, mn_type_bytes(type), &size)) {
    return mn_onnx_fail(op, MN_ERR_FORMAT, "its input %d has not the size that it needs", position);
  }
  bool same_bytes = !tensor->meaning && keeps_order(form);
  if (same_bytes && (uintptr_t)tensor->data % sizeof(float) == 0) {
    return add_constant(op, tensor, &form->shape, tensor->data, id);
  }
  status = mn_onnx_check(loader, size);
  if (status) return status;
  void *data = mn_arena_take(&loader->graph->arena, size);
  if (!data) return mn_fail_memory(loader->err, size);
  rearrange(form, tensor, type, data);
  status = add_constant(op, tensor, &form->shape, data, id);
  if (!status && meaning) set_codes(op, meaning, *id);
  return status;
}

mn_status mn_onnx_number(const mn_onnx_op *op, float number, mn_id *id) {
  mn_onnx_tensor *out;
  mn_status status = mn_onnx_output(op, &out);
  if (status) return status;
  float *data = mn_arena_copy(&op->loader->graph->arena, &number, sizeof number);
  if (!data) return mn_fail_memory(op->loader->err, sizeof number);
  /* The output keeps its own name for its value. */
  mn_onnx_tensor named = {.name = out->name, .named = true};
  return add_constant(op, &named, &(mn_shape){1, {1}}, data, id);
}
