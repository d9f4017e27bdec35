/* SPDX-License-Identifier: Apache-2.0
 * The inputs and outputs of an ONNX model: their shapes and types, and what codes among them mean.
 */
#include <string.h>

#include "format/onnx/onnx_load.h"

enum { MOST_ENDS = 64, NOMINAL_SIZE = 224 };

/* What a ValueInfoProto says; dims that it leaves open are 0. */
typedef struct value_info {
  mn_pb_span name;
  int64_t data_type;
  mn_shape shape;
  bool has_shape, too_deep, out_of_range;
} value_info;

static void read_dim(mn_onnx_loader *loader, mn_pb_span bytes, value_info *info) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_field field;
  int64_t value = 0;
  while (mn_onnx_next(loader, &cursor, &field)) mn_pb_is_int(&field, ONNX_DIM_VALUE, &value);
  if (value < 0) value = 0; /* some exporters write -1 for an open one */
  if (value > INT32_MAX) info->out_of_range = true;
  if (info->shape.rank == MN_MAX_RANK) info->too_deep = true;
  if (info->too_deep || info->out_of_range) return;
  info->shape.dim[info->shape.rank++] = (int32_t)value;
}

static void read_tensor_type(mn_onnx_loader *loader, mn_pb_span bytes, value_info *info) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_field field;
  mn_pb_span shape, dim;
  while (mn_onnx_next(loader, &cursor, &field)) {
    mn_pb_is_int(&field, ONNX_TYPE_TENSOR_ELEMENT, &info->data_type);
    if (!mn_pb_is_bytes(&field, ONNX_TYPE_TENSOR_SHAPE, &shape)) continue;
    mn_pb_cursor dims = mn_pb_open(shape);
    info->has_shape = true;
    while (mn_onnx_next(loader, &dims, &field)) {
      if (mn_pb_is_bytes(&field, ONNX_SHAPE_DIM, &dim)) read_dim(loader, dim, info);
    }
  }
}

static value_info read_value_info(mn_onnx_loader *loader, mn_pb_span bytes) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_field field;
  mn_pb_span type, tensor;
  value_info info = {.has_shape = false};
  while (mn_onnx_next(loader, &cursor, &field)) {
    mn_pb_is_bytes(&field, ONNX_VALUE_INFO_NAME, &info.name);
    if (!mn_pb_is_bytes(&field, ONNX_VALUE_INFO_TYPE, &type)) continue;
    mn_pb_cursor types = mn_pb_open(type);
    while (mn_onnx_next(loader, &types, &field)) {
      if (mn_pb_is_bytes(&field, ONNX_TYPE_TENSOR, &tensor)) {
        read_tensor_type(loader, tensor, &info);
      }
    }
  }
  return info;
}

/* ---- Who reads an input --------------------------------------------------------------------- */

/* The first node whose first input it is. */
static bool first_reader(mn_onnx_loader *loader, mn_pb_span name, mn_onnx_op *reader) {
  mn_pb_cursor cursor = mn_pb_open(loader->graph_bytes);
  mn_pb_field field;
  mn_pb_span bytes;
  uint32_t index = 0;
  while (mn_onnx_next(loader, &cursor, &field)) {
    if (!mn_pb_is_bytes(&field, ONNX_GRAPH_NODE, &bytes)) continue;
    *reader = (mn_onnx_op){.loader = loader, .bytes = bytes, .index = index++};
    if (mn_onnx_read_node(reader)) return false;
    if (reader->in_count > 0 && mn_pb_compare(reader->in[0], name) == 0) return true;
  }
  return false;
}

/* Whether it is turned from NHWC into NCHW before anything is computed, as exporters from
 * TensorFlow write. */
static bool is_transposed_first(mn_onnx_loader *loader, mn_pb_span name) {
  enum { MOST_CASTS = 4 };
  mn_onnx_op reader;
  int64_t order[MN_MAX_RANK];
  for (int i = 0; i < MOST_CASTS && first_reader(loader, name, &reader); i++) {
    bool casts = mn_pb_equal(reader.type, "Cast") || mn_pb_equal(reader.type, "QuantizeLinear") ||
                 mn_pb_equal(reader.type, "DequantizeLinear");
    if (!casts || reader.out_count < 1) {
      return mn_pb_equal(reader.type, "Transpose") &&
             mn_onnx_ints(&reader, "perm", order, MN_MAX_RANK) == MN_MAX_RANK && order[1] == 3 &&
             order[2] == 1;
    }
    name = reader.out[0];
  }
  return false;
}

/* ---- Inputs --------------------------------------------------------------------------------- */

static mn_status refuse_input(mn_onnx_loader *loader, const value_info *info, const char *what) {
  char text[MN_ONNX_NAME_BYTES];
  return mn_fail(loader->err, MN_ERR_UNSUPPORTED, loader->request->name, "its input '%s' %s",
                 mn_onnx_text(info->name, text), what);
}

static bool is_coded(const value_info *info) {
  return info->data_type == ONNX_UINT8 || info->data_type == ONNX_INT8;
}

/* Open dims: one picture, and of maps the nominal size, which any other may replace. */
static mn_status settle_input(mn_onnx_loader *loader, value_info *info, bool channels_last) {
  int32_t elements, *dim = info->shape.dim;
  if (!info->has_shape || info->too_deep || info->out_of_range) {
    return refuse_input(loader, info, "has no shape of at most 4 dims");
  }
  if (info->data_type != ONNX_FLOAT && info->data_type != ONNX_FLOAT16 && !is_coded(info)) {
    return refuse_input(loader, info, "is of another type than float, float16, uint8 and int8");
  }
  if (info->shape.rank > 0 && dim[0] == 0) dim[0] = 1;
  if (info->shape.rank == 4) {
    int32_t height = channels_last ? 2 : 1;
    for (int32_t i = height; i < height + 2; i++) {
      if (dim[i] != 0) continue;
      dim[i] = NOMINAL_SIZE;
      loader->graph->open_size = true;
    }
  }
  if (!mn_shape_elements(&info->shape, &elements)) {
    return refuse_input(loader, info, "leaves more open than batch, height and width");
  }
  return MN_OK;
}

/* What the codes of an input mean is said by who reads them: a cast takes them as numbers. */
static mn_status read_input_codes(mn_onnx_loader *loader, const value_info *info,
                                  mn_onnx_codes *codes) {
  static const float one = 1;
  static const int32_t none = 0;
  mn_onnx_op reader;
  bool found = first_reader(loader, info->name, &reader), prefers_i8 = loader->prefers_i8;
  mn_type type = info->data_type == ONNX_UINT8 ? MN_U8 : MN_I8;
  if (found && mn_pb_equal(reader.type, "Cast")) {
    *codes = (mn_onnx_codes){.type = type, .quant = {1, 0, &one, &none}};
    return MN_OK;
  }
  bool scaled = found && (mn_pb_equal(reader.type, "DequantizeLinear") ||
                          (reader.type.size > 7 && memcmp(reader.type.data, "QLinear", 7) == 0));
  if (!scaled) {
    return refuse_input(loader, info, "is integers, but neither dequantized nor cast first");
  }
  loader->prefers_i8 = false; /* the model's input is what the file says */
  mn_status status = mn_onnx_read_codes(&reader, 1, info->data_type, codes);
  loader->prefers_i8 = prefers_i8;
  if (status || (codes->type == type && codes->quant.count == 1)) return status;
  return refuse_input(loader, info, "is dequantized otherwise than as codes of one scale");
}

/* The network computes with i8 codes where the model has u8, and the other way round. */
static mn_status recode(mn_onnx_loader *loader, const mn_onnx_tensor *tensor, mn_type type,
                        mn_id *id) {
  const mn_value *value = &loader->graph->values[tensor->codes];
  int32_t zero = value->quant.zero[0] + (type == MN_I8 ? -128 : 128);
  mn_onnx_codes codes = {.type = type, .quant = {1, 0, value->quant.scale, NULL}};
  codes.quant.zero = mn_arena_copy(&loader->graph->arena, &zero, sizeof zero);
  if (!codes.quant.zero) return mn_fail_memory(loader->err, sizeof zero);
  return mn_onnx_convert(loader, tensor, &codes, id);
}

static mn_status code_input(mn_onnx_loader *loader, const value_info *info,
                            mn_onnx_tensor *tensor) {
  mn_onnx_codes codes;
  mn_status status = read_input_codes(loader, info, &codes);
  if (status) return status;
  mn_value *value = &loader->graph->values[tensor->id];
  value->type = codes.type;
  value->quant = codes.quant;
  tensor->data_type = info->data_type;
  tensor->coded = true;
  tensor->codes = tensor->id;
  tensor->id = MN_NONE;
  bool plain = codes.quant.scale[0] == 1 && codes.quant.zero[0] == 0;
  bool recodes = codes.type == MN_U8 && loader->prefers_i8 && !plain;
  return recodes ? recode(loader, tensor, MN_I8, &tensor->codes) : MN_OK;
}

static mn_status read_input(mn_onnx_loader *loader, mn_pb_span bytes, mn_id *id) {
  char name[MN_ONNX_NAME_BYTES];
  value_info info = read_value_info(loader, bytes);
  *id = MN_NONE;
  mn_onnx_tensor *tensor = mn_onnx_find(loader, info.name);
  if (!tensor || tensor->is_initializer) return mn_onnx_check(loader, 0); /* a weight's default */
  bool last = info.shape.rank == 4 && !is_transposed_first(loader, info.name);
  mn_status status = mn_onnx_check(loader, 0);
  if (!status) status = settle_input(loader, &info, last);
  if (status) return status;
  mn_shape shape = last ? mn_onnx_to_last(&info.shape) : info.shape;
  mn_onnx_make_name(loader, tensor, name);
  status = mn_onnx_add_value(loader, name, &shape, id);
  if (status) return status;
  loader->graph->values[*id].kind = MN_KIND_INPUT;
  tensor->kind = MN_ONNX_VALUE;
  tensor->id = *id;
  tensor->shape = info.shape;
  tensor->data_type = ONNX_FLOAT;
  tensor->channels_last = last;
  return is_coded(&info) ? code_input(loader, &info, tensor) : MN_OK;
}

/* ---- Outputs -------------------------------------------------------------------------------- */

/* An output that is another tensor's value under a name of its own: that is the better known. */
static mn_status name_output(mn_onnx_loader *loader, mn_onnx_tensor *tensor, mn_id id) {
  char name[MN_ONNX_NAME_BYTES];
  mn_value *value = &loader->graph->values[id];
  if (tensor->named || value->kind == MN_KIND_INPUT) return MN_OK;
  mn_onnx_make_name(loader, tensor, name);
  value->name = mn_arena_string(&loader->graph->arena, name, strlen(name));
  return value->name ? MN_OK : mn_fail_memory(loader->err, sizeof name);
}

static mn_status read_output(mn_onnx_loader *loader, mn_pb_span bytes, mn_id *id) {
  char text[MN_ONNX_NAME_BYTES];
  value_info info = read_value_info(loader, bytes);
  mn_onnx_tensor *tensor = mn_onnx_find(loader, info.name);
  if (tensor && tensor->kind == MN_ONNX_VALUE && tensor->flat.rank == 0 && !tensor->split) {
    *id = tensor->id == MN_NONE ? tensor->codes : tensor->id;
    bool recoded = tensor->id == MN_NONE && info.data_type == ONNX_UINT8 &&
                   loader->graph->values[*id].type == MN_I8;
    mn_status status = recoded ? recode(loader, tensor, MN_U8, id) : MN_OK;
    return status ? status : name_output(loader, tensor, *id);
  }
  return mn_fail(loader->err, MN_ERR_UNSUPPORTED, loader->request->name, "its output '%s' %s",
                 mn_onnx_text(info.name, text),
                 tensor && tensor->kind == MN_ONNX_VALUE ? "needs a transpose, which is unsupported"
                                                         : "is computed by no node");
}

/* The model's inputs or outputs. */
static mn_status read_ends(mn_onnx_loader *loader, uint32_t number,
                           mn_status (*read)(mn_onnx_loader *, mn_pb_span, mn_id *)) {
  mn_id ids[MOST_ENDS];
  mn_pb_cursor cursor = mn_pb_open(loader->graph_bytes);
  mn_pb_field field;
  mn_pb_span bytes;
  mn_status status = MN_OK;
  int32_t count = 0;
  while (!status && count < MOST_ENDS && mn_onnx_next(loader, &cursor, &field)) {
    if (!mn_pb_is_bytes(&field, number, &bytes)) continue;
    status = read(loader, bytes, &ids[count]);
    if (!status && ids[count] != MN_NONE) count++;
  }
  if (!status) status = mn_onnx_check(loader, 0);
  if (status) return status;
  if (count < 1 || count == MOST_ENDS) {
    return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name,
                   "it has %d %s, expected 1 to %d", count,
                   number == ONNX_GRAPH_INPUT ? "inputs" : "outputs", MOST_ENDS - 1);
  }
  bool set = number == ONNX_GRAPH_INPUT ? mn_graph_set_inputs(loader->graph, ids, count)
                                        : mn_graph_set_outputs(loader->graph, ids, count);
  return set ? MN_OK : mn_fail_memory(loader->err, sizeof ids);
}

mn_status mn_onnx_load_inputs(mn_onnx_loader *loader) {
  return read_ends(loader, ONNX_GRAPH_INPUT, read_input);
}

mn_status mn_onnx_load_outputs(mn_onnx_loader *loader) {
  return read_ends(loader, ONNX_GRAPH_OUTPUT, read_output);
}
