/* SPDX-License-Identifier: Apache-2.0
 * Graph -> ONNX file of opset 14: names, constants, inputs and outputs. The file's interface is
 * float32 with channels first; 8-bit graphs are written as QDQ. */
#include "format/onnx/onnx_save.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"

enum { IR_VERSION = 8 }; /* the first with functions */

/* ---- Nodes ---------------------------------------------------------------------------------- */

mn_onnx_out mn_onnx_begin(mn_onnx_saver *saver) { return (mn_onnx_out){.saver = saver}; }

void mn_onnx_put_in(mn_onnx_out *out, const char *name) {
  mn_pb_put_text(&out->node, ONNX_NODE_INPUT, name);
}

static mn_pb_builder attribute(const char *name, int64_t type) {
  mn_pb_builder b = {.failed = false};
  mn_pb_put_text(&b, ONNX_ATTR_NAME, name);
  mn_pb_put_int(&b, ONNX_ATTR_TYPE, type);
  return b;
}

void mn_onnx_put_int(mn_onnx_out *out, const char *name, int64_t value) {
  mn_pb_builder b = attribute(name, ONNX_ATTR_IS_INT);
  mn_pb_put_int(&b, ONNX_ATTR_I, value);
  mn_pb_put_message(&out->node, ONNX_NODE_ATTRIBUTE, &b);
}

void mn_onnx_put_ints(mn_onnx_out *out, const char *name, const int32_t *list, int32_t count) {
  mn_pb_builder b = attribute(name, ONNX_ATTR_IS_INTS);
  for (int32_t i = 0; i < count; i++) mn_pb_put_int(&b, ONNX_ATTR_INTS, list[i]);
  mn_pb_put_message(&out->node, ONNX_NODE_ATTRIBUTE, &b);
}

void mn_onnx_put_float(mn_onnx_out *out, const char *name, float value) {
  mn_pb_builder b = attribute(name, ONNX_ATTR_IS_FLOAT);
  mn_pb_put_float(&b, ONNX_ATTR_F, value);
  mn_pb_put_message(&out->node, ONNX_NODE_ATTRIBUTE, &b);
}

void mn_onnx_put_floats(mn_onnx_out *out, const char *name, const float *list, int32_t count) {
  mn_pb_builder b = attribute(name, ONNX_ATTR_IS_FLOATS);
  for (int32_t i = 0; i < count; i++) mn_pb_put_float(&b, ONNX_ATTR_FLOATS, list[i]);
  mn_pb_put_message(&out->node, ONNX_NODE_ATTRIBUTE, &b);
}

void mn_onnx_put_string(mn_onnx_out *out, const char *name, const char *value) {
  mn_pb_builder b = attribute(name, ONNX_ATTR_IS_STRING);
  mn_pb_put_text(&b, ONNX_ATTR_S, value);
  mn_pb_put_message(&out->node, ONNX_NODE_ATTRIBUTE, &b);
}

void mn_onnx_put_result(mn_onnx_out *out, const char *name) {
  mn_pb_put_text(&out->node, ONNX_NODE_OUTPUT, name);
}

void mn_onnx_end(mn_onnx_out *out, const char *type, const char *result) {
  const uint32_t number = out->saver->in_function ? ONNX_FUNCTION_NODE : ONNX_GRAPH_NODE;
  mn_onnx_put_result(out, result);
  mn_pb_put_text(&out->node, ONNX_NODE_NAME, result);
  mn_pb_put_text(&out->node, ONNX_NODE_OP_TYPE, type);
  mn_pb_put_message(&out->saver->out, number, &out->node);
}

/* ---- Constants ------------------------------------------------------------------------------ */

void mn_onnx_new_name(mn_onnx_saver *saver, char text[MN_ONNX_SAVED_NAME]) {
  snprintf(text, MN_ONNX_SAVED_NAME, "/made/%u", saver->made_names++);
}

void mn_onnx_value_name(const mn_onnx_saver *saver, mn_id value, const char *ending,
                        char text[MN_ONNX_SAVED_NAME]) {
  const char *name = saver->graph->values[value].name;
  if (strlen(name) < MN_ONNX_SAVED_NAME - 16) {
    snprintf(text, MN_ONNX_SAVED_NAME, "%s%s", name, ending);
  } else {
    snprintf(text, MN_ONNX_SAVED_NAME, "/value/%d%s", value, ending);
  }
}

/* Indices, as arg_max gives, stand for themselves; integers among the constants are biases. */
void mn_onnx_real_name(const mn_onnx_saver *saver, mn_id id, char text[MN_ONNX_SAVED_NAME]) {
  const mn_value *value = &saver->graph->values[id];
  bool wide = value->type == MN_I32 || value->type == MN_I64;
  bool itself = value->type == MN_F32 || (wide && value->kind != MN_KIND_CONST);
  mn_onnx_value_name(saver, id, itself ? "" : "/real", text);
}

static mn_pb_builder tensor_of(const mn_onnx_data *data) {
  mn_pb_builder b = {.failed = false};
  for (int32_t i = 0; i < data->shape.rank; i++) {
    mn_pb_put_int(&b, ONNX_TENSOR_DIMS, data->shape.dim[i]);
  }
  mn_pb_put_int(&b, ONNX_TENSOR_DATA_TYPE, data->type);
  mn_pb_put_text(&b, ONNX_TENSOR_NAME, data->name);
  mn_pb_put_bytes(&b, ONNX_TENSOR_RAW_DATA, data->bytes, data->size);
  return b;
}

void mn_onnx_put_data(mn_onnx_saver *saver, const mn_onnx_data *data) {
  mn_pb_builder tensor = tensor_of(data);
  if (!saver->in_function) {
    mn_pb_put_message(&saver->out, ONNX_GRAPH_INITIALIZER, &tensor);
    return;
  }
  mn_onnx_out out = mn_onnx_begin(saver);
  mn_pb_builder value = attribute("value", ONNX_ATTR_IS_TENSOR);
  mn_pb_put_message(&value, ONNX_ATTR_T, &tensor);
  mn_pb_put_message(&out.node, ONNX_NODE_ATTRIBUTE, &value);
  mn_onnx_end(&out, "Constant", data->name);
}

void mn_onnx_put_list(mn_onnx_saver *saver, const int32_t *list, int32_t count,
                      char text[MN_ONNX_SAVED_NAME]) {
  int64_t wide[2 * MN_MAX_RANK];
  for (int32_t i = 0; i < count; i++) wide[i] = list[i];
  mn_onnx_new_name(saver, text);
  mn_onnx_put_data(
      saver, &(mn_onnx_data){text, ONNX_INT64, {1, {count}}, wide, (size_t)count * sizeof *wide});
}

void mn_onnx_put_number(mn_onnx_saver *saver, float number, char text[MN_ONNX_SAVED_NAME]) {
  mn_onnx_new_name(saver, text);
  mn_onnx_put_data(saver, &(mn_onnx_data){text, ONNX_FLOAT, {0, {0}}, &number, sizeof number});
}

static int64_t type_code(mn_type type) {
  switch (type) {
    case MN_I8: return ONNX_INT8;
    case MN_U8: return ONNX_UINT8;
    case MN_I32: return ONNX_INT32;
    case MN_I64: return ONNX_INT64;
    default: return ONNX_FLOAT;
  }
}

/* Scales and zero points as inputs of a node. */
static void put_scales(mn_onnx_out *out, mn_type type, const mn_quant *quant) {
  char scale[MN_ONNX_SAVED_NAME], zero[MN_ONNX_SAVED_NAME];
  mn_onnx_saver *saver = out->saver;
  mn_shape shape = {quant->count > 1 ? 1 : 0, {quant->count}};
  size_t count = (size_t)quant->count, width = mn_type_bytes(type);
  uint8_t *zeros = mn_alloc(count * width);
  if (!zeros) {
    saver->out.failed = true;
    return;
  }
  for (size_t i = 0; i < count; i++) memcpy(zeros + i * width, &quant->zero[i], width);
  mn_onnx_new_name(saver, scale);
  mn_onnx_put_data(saver,
                   &(mn_onnx_data){scale, ONNX_FLOAT, shape, quant->scale, count * sizeof(float)});
  mn_onnx_new_name(saver, zero);
  mn_onnx_put_data(saver, &(mn_onnx_data){zero, type_code(type), shape, zeros, count * width});
  mn_free(zeros);
  mn_onnx_put_in(out, scale);
  mn_onnx_put_in(out, zero);
}

static void put_dequantized(mn_onnx_saver *saver, mn_id id, const mn_quant *quant, int32_t axis) {
  char real[MN_ONNX_SAVED_NAME], codes[MN_ONNX_SAVED_NAME];
  const mn_value *value = &saver->graph->values[id];
  mn_onnx_out out = mn_onnx_begin(saver);
  mn_onnx_value_name(saver, id, "", codes);
  mn_onnx_put_in(&out, codes);
  put_scales(&out, value->type, quant);
  if (quant->count > 1) mn_onnx_put_int(&out, "axis", axis);
  mn_onnx_value_name(saver, id, "/real", real);
  mn_onnx_end(&out, "DequantizeLinear", real);
}

void mn_onnx_put_codes(mn_onnx_saver *saver, mn_id id) {
  char real[MN_ONNX_SAVED_NAME], codes[MN_ONNX_SAVED_NAME];
  const mn_value *value = &saver->graph->values[id];
  if (value->type != MN_I8 && value->type != MN_U8) return;
  mn_onnx_value_name(saver, id, "/exact", real);
  mn_onnx_value_name(saver, id, "", codes);
  mn_onnx_out out = mn_onnx_begin(saver);
  mn_onnx_put_in(&out, real);
  put_scales(&out, value->type, &value->quant);
  mn_onnx_end(&out, "QuantizeLinear", codes);
  put_dequantized(saver, id, &value->quant, 0);
}

/* Elements of at most 8 bytes in another order of axes. */
static void reorder(const mn_value *value, const int32_t order[4], uint8_t *to) {
  size_t stride[4], dim[4], from_dim[4], width = mn_type_bytes(value->type);
  const uint8_t *from = value->data;
  int32_t missing = 4 - value->shape.rank;
  for (int i = 0; i < 4; i++) from_dim[i] = i < missing ? 1 : (size_t)value->shape.dim[i - missing];
  stride[3] = width;
  for (int i = 2; i >= 0; i--) stride[i] = stride[i + 1] * from_dim[i + 1];
  for (int i = 0; i < 4; i++) dim[i] = from_dim[order[i]];
  for (size_t a = 0; a < dim[0]; a++) {
    for (size_t b = 0; b < dim[1]; b++) {
      for (size_t c = 0; c < dim[2]; c++) {
        for (size_t d = 0; d < dim[3]; d++, to += width) {
          memcpy(to,
                 from + a * stride[order[0]] + b * stride[order[1]] + c * stride[order[2]] +
                     d * stride[order[3]],
                 width);
        }
      }
    }
  }
}

mn_status mn_onnx_put_constant(mn_onnx_saver *saver, mn_id id, const mn_onnx_layout *layout) {
  const mn_value *value = &saver->graph->values[id];
  if (value->kind != MN_KIND_CONST) return MN_OK;
  if (saver->is_written[id]) {
    return mn_fail(saver->err, MN_ERR_UNSUPPORTED, value->name,
                   "two operators share this constant, which is not written to ONNX");
  }
  saver->is_written[id] = true;
  char name[MN_ONNX_SAVED_NAME];
  mn_onnx_value_name(saver, id, "", name);
  uint8_t *bytes = mn_alloc(value->bytes);
  if (!bytes) return mn_fail_memory(saver->err, value->bytes);
  reorder(value, layout->order, bytes);
  mn_onnx_put_data(
      saver, &(mn_onnx_data){name, type_code(value->type), layout->shape, bytes, value->bytes});
  mn_free(bytes);
  mn_quant quant = value->quant;
  if (value->type == MN_F32) return MN_OK;
  if (value->type == MN_I32) {
    int32_t *zeros = mn_alloc_zero((size_t)layout->bias_count * sizeof *zeros);
    if (!zeros) return mn_fail_memory(saver->err, value->bytes);
    quant = (mn_quant){layout->bias_count, 0, layout->bias_scale, zeros};
    put_dequantized(saver, id, &quant, 0);
    mn_free(zeros);
    return MN_OK;
  }
  put_dequantized(saver, id, &quant, layout->channel_axis);
  return MN_OK;
}

/* ---- Inputs and outputs --------------------------------------------------------------------- */

static void put_end(mn_onnx_saver *saver, uint32_t number, mn_id id) {
  char name[MN_ONNX_SAVED_NAME];
  const mn_value *value = &saver->graph->values[id];
  mn_shape shape = value->shape;
  mn_pb_builder dims = {.failed = false}, tensor = dims, type = dims, info = dims;
  if (shape.rank == 4)
    shape = (mn_shape){4, {shape.dim[0], shape.dim[3], shape.dim[1], shape.dim[2]}};
  for (int32_t i = 0; i < shape.rank; i++) {
    mn_pb_builder dim = {.failed = false};
    mn_pb_put_int(&dim, ONNX_DIM_VALUE, shape.dim[i]);
    mn_pb_put_message(&dims, ONNX_SHAPE_DIM, &dim);
  }
  bool whole = value->type == MN_I32 || value->type == MN_I64;
  mn_pb_put_int(&tensor, ONNX_TYPE_TENSOR_ELEMENT, whole ? type_code(value->type) : ONNX_FLOAT);
  mn_pb_put_message(&tensor, ONNX_TYPE_TENSOR_SHAPE, &dims);
  mn_pb_put_message(&type, ONNX_TYPE_TENSOR, &tensor);
  if (whole) {
    mn_onnx_value_name(saver, id, "", name);
  } else if (number == ONNX_GRAPH_INPUT && value->type != MN_F32) {
    mn_onnx_value_name(saver, id, "/exact", name);
  } else {
    mn_onnx_real_name(saver, id, name);
  }
  mn_pb_put_text(&info, ONNX_VALUE_INFO_NAME, name);
  mn_pb_put_message(&info, ONNX_VALUE_INFO_TYPE, &type);
  mn_pb_put_message(&saver->out, number, &info);
}

static mn_status put_graph(mn_onnx_saver *saver) {
  const mn_graph *graph = saver->graph;
  mn_status status = MN_OK;
  mn_pb_put_text(&saver->out, ONNX_GRAPH_NAME, "network");
  for (int32_t i = 0; i < graph->input_count; i++) {
    put_end(saver, ONNX_GRAPH_INPUT, graph->inputs[i]);
    mn_onnx_put_codes(saver, graph->inputs[i]);
  }
  for (int32_t i = 0; i < graph->node_count && !status; i++) {
    status = mn_onnx_save_node(saver, &graph->nodes[i]);
  }
  for (int32_t i = 0; i < graph->output_count; i++) {
    put_end(saver, ONNX_GRAPH_OUTPUT, graph->outputs[i]);
  }
  return status;
}

/* ---- The contract --------------------------------------------------------------------------- */

/* Pixels as codes are pixels mapped to the floats that the file takes, which it makes these codes
 * of again. */
static void state_in_floats(mn_contract *contract, const mn_value *input) {
  if (contract->input.map == MN_MAP_AFFINE || input->quant.count == 0) return;
  int32_t zero = input->quant.zero[0] + (contract->input.map == MN_MAP_MINUS128 ? 128 : 0);
  contract->input.map = MN_MAP_AFFINE;
  for (int i = 0; i < 3; i++) {
    contract->input.scale[i] = (double)input->quant.scale[0];
    contract->input.offset[i] = -zero * (double)input->quant.scale[0];
  }
}

/* The contract, labels included, as an entry of the model's metadata. */
static mn_status put_contract(const mn_graph *graph, mn_pb_builder *model, mn_error *err) {
  if (!graph->has_contract) return MN_OK;
  mn_arena arena = {0};
  mn_contract contract = graph->contract;
  state_in_floats(&contract, &graph->values[graph->inputs[0]]);
  char *json = mn_contract_to_json(&contract, &arena);
  if (json) {
    mn_pb_builder entry = {.failed = false};
    mn_pb_put_text(&entry, ONNX_ENTRY_KEY, MN_ONNX_CONTRACT_KEY);
    mn_pb_put_text(&entry, ONNX_ENTRY_VALUE, json);
    mn_pb_put_message(model, ONNX_MODEL_METADATA, &entry);
  }
  mn_arena_free(&arena);
  return json ? MN_OK : mn_fail_memory(err, 0);
}

void mn_onnx_put_opset(mn_pb_builder *to, uint32_t number, const char *domain, int64_t version) {
  mn_pb_builder opset = {.failed = false};
  mn_pb_put_text(&opset, ONNX_OPSET_DOMAIN, domain);
  mn_pb_put_int(&opset, ONNX_OPSET_VERSION, version);
  mn_pb_put_message(to, number, &opset);
}

mn_status mn_onnx_save(const mn_graph *graph, uint8_t **bytes, size_t *size, mn_error *err) {
  mn_pb_builder model = {.failed = false};
  mn_onnx_saver saver = {.graph = graph, .err = err, .model = &model};
  saver.is_written = mn_alloc_zero((size_t)graph->value_count * sizeof *saver.is_written);
  if (!saver.is_written) return mn_fail_memory(err, (size_t)graph->value_count);
  mn_pb_put_int(&model, ONNX_MODEL_IR, IR_VERSION);
  mn_pb_put_text(&model, ONNX_MODEL_PRODUCER, "mobilenet");
  mn_status status = put_graph(&saver);
  mn_free(saver.is_written);
  mn_pb_put_message(&model, ONNX_MODEL_GRAPH, &saver.out);
  mn_onnx_put_opset(&model, ONNX_MODEL_OPSET, "", MN_ONNX_SAVED_OPSET);
  if (saver.has_detector) mn_onnx_put_opset(&model, ONNX_MODEL_OPSET, MN_ONNX_DOMAIN, 1);
  if (!status) status = put_contract(graph, &model, err);
  if (!status && model.failed) status = mn_fail_memory(err, model.size);
  if (status) mn_pb_builder_free(&model);
  *bytes = model.bytes;
  *size = model.size;
  return status;
}
