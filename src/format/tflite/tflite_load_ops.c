/* SPDX-License-Identifier: Apache-2.0
 * The table of TFLite operators: which we read, up to which version, and how. An operator that is
 * not in it is refused by name. A new one is a line here and a function (graph/ops.def first when
 * the graph has no such op). */
#include <string.h>

#include "format/tflite/tflite_load.h"

/* Elementwise operators of one and two inputs whose only option is an activation. */
static mn_status load_binary(const mn_tflite_op *op) {
  mn_op kind = op->code == TFL_ADD ? MN_OP_ADD : op->code == TFL_SUB ? MN_OP_SUB : MN_OP_MUL;
  mn_attr attr = {.eltwise = {MN_ACT_NONE}};
  mn_id in[2];
  mn_status status = mn_tflite_operand(op, 0, &in[0]);
  if (!status) status = mn_tflite_operand(op, 1, &in[1]);
  if (!status) status = mn_tflite_activation(op, TFL_ELTWISE_ACT, &attr.eltwise.act);
  return status ? status : mn_tflite_emit(op, kind, in, 2, &attr);
}

static mn_status load_unary(const mn_tflite_op *op, mn_op kind, const mn_attr *attr) {
  mn_id in;
  mn_status status = mn_tflite_operand(op, 0, &in);
  return status ? status : mn_tflite_emit(op, kind, &in, 1, attr);
}

static mn_status load_relu(const mn_tflite_op *op) {
  mn_attr attr = {.eltwise = {op->code == TFL_RELU    ? MN_ACT_RELU
                              : op->code == TFL_RELU6 ? MN_ACT_RELU6
                                                      : MN_ACT_RELU_N1_TO_1}};
  return load_unary(op, MN_OP_RELU, &attr);
}

static mn_status load_softmax(const mn_tflite_op *op) {
  mn_attr attr = {
      .softmax = {.beta = mn_fb_f32(&op->loader->fb, &op->options, TFL_SOFTMAX_BETA, 0.0f)}};
  return load_unary(op, MN_OP_SOFTMAX, &attr);
}

static mn_status load_logistic(const mn_tflite_op *op) {
  return load_unary(op, MN_OP_LOGISTIC, NULL);
}

static mn_status load_hard_swish(const mn_tflite_op *op) {
  return load_unary(op, MN_OP_HARD_SWISH, NULL);
}

static mn_status load_quantize(const mn_tflite_op *op) {
  return load_unary(op, MN_OP_QUANTIZE, NULL);
}

/* Of a constant (weights kept as f16), the result is a constant; layers need theirs to be. */
static mn_status load_dequantize(const mn_tflite_op *op) {
  mn_tflite_tensor from, to;
  mn_id in;
  mn_status status = mn_tflite_operand(op, 0, &in);
  if (!status) status = mn_tflite_input_tensor(op, 0, &from);
  if (!status) status = mn_tflite_output_tensor(op, &to);
  if (status) return status;
  if (op->loader->graph->values[in].kind != MN_KIND_CONST) {
    return mn_tflite_emit(op, MN_OP_DEQUANTIZE, &in, 1, NULL);
  }
  if (op->loader->values[to.index] != MN_NONE || to.data) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "it writes tensor %u, which already has a value",
                          to.index);
  }
  return mn_tflite_make_dequantized(op->loader, &from, &to);
}

/* The newest version whose meaning we know for the types that we take, and the options table that
 * an operator may carry. */
typedef struct op_entry {
  int32_t code, newest;
  uint8_t options;
  mn_tflite_op_loader *load;
} op_entry;

static const op_entry entries[] = {
    {TFL_ADD, 5, TFL_OPTIONS_ADD, load_binary},
    {TFL_AVERAGE_POOL_2D, 3, TFL_OPTIONS_POOL, mn_tflite_load_pool},
    {TFL_CONCATENATION, 4, TFL_OPTIONS_CONCATENATION, mn_tflite_load_concat},
    {TFL_CONV_2D, 8, TFL_OPTIONS_CONV_2D, mn_tflite_load_conv},
    {TFL_DEPTHWISE_CONV_2D, 7, TFL_OPTIONS_DEPTHWISE, mn_tflite_load_depthwise},
    {TFL_DEQUANTIZE, 6, TFL_OPTIONS_DEQUANTIZE, load_dequantize},
    {TFL_FULLY_CONNECTED, 13, TFL_OPTIONS_FULLY_CONNECTED, mn_tflite_load_dense},
    {TFL_LOGISTIC, 3, TFL_OPTIONS_NONE, load_logistic},
    {TFL_MAX_POOL_2D, 3, TFL_OPTIONS_POOL, mn_tflite_load_pool},
    {TFL_MUL, 7, TFL_OPTIONS_MUL, load_binary},
    {TFL_RELU, 3, TFL_OPTIONS_NONE, load_relu},
    {TFL_RELU_N1_TO_1, 2, TFL_OPTIONS_NONE, load_relu},
    {TFL_RELU6, 3, TFL_OPTIONS_NONE, load_relu},
    {TFL_RESHAPE, 1, TFL_OPTIONS_RESHAPE, mn_tflite_load_reshape},
    {TFL_RESIZE_BILINEAR, 4, TFL_OPTIONS_RESIZE_BILINEAR, mn_tflite_load_resize},
    {TFL_SOFTMAX, 3, TFL_OPTIONS_SOFTMAX, load_softmax},
    {TFL_PAD, 4, TFL_OPTIONS_PAD, mn_tflite_load_pad},
    {TFL_BATCH_TO_SPACE_ND, 3, TFL_OPTIONS_NONE, mn_tflite_load_space_batch},
    {TFL_SPACE_TO_BATCH_ND, 3, TFL_OPTIONS_NONE, mn_tflite_load_space_batch},
    {TFL_MEAN, 3, TFL_OPTIONS_REDUCER, mn_tflite_load_mean},
    {TFL_SUB, 5, TFL_OPTIONS_SUB, load_binary},
    {TFL_TRANSPOSE_CONV, 5, TFL_OPTIONS_TRANSPOSE_CONV, mn_tflite_load_transpose_conv},
    {TFL_SHAPE, 1, TFL_OPTIONS_NONE, mn_tflite_load_shape},
    {TFL_STRIDED_SLICE, 1, TFL_OPTIONS_STRIDED_SLICE, mn_tflite_load_strided_slice},
    {TFL_PACK, 1, TFL_OPTIONS_NONE, mn_tflite_load_pack},
    {TFL_SQUEEZE, 2, TFL_OPTIONS_SQUEEZE, mn_tflite_load_reshape},
    {TFL_ARG_MAX, 3, TFL_OPTIONS_ARG_MAX, mn_tflite_load_arg_max},
    {TFL_PADV2, 4, TFL_OPTIONS_PADV2, mn_tflite_load_pad},
    {TFL_RESIZE_NEAREST_NEIGHBOR, 4, TFL_OPTIONS_RESIZE_NEAREST, mn_tflite_load_resize},
    {TFL_QUANTIZE, 3, TFL_OPTIONS_QUANTIZE, load_quantize},
    {TFL_HARD_SWISH, 1, TFL_OPTIONS_HARD_SWISH, load_hard_swish},
};

/* Custom operators go by name. */
typedef struct custom_entry {
  const char *name;
  uint32_t outputs;
  mn_tflite_op_loader *load;
} custom_entry;

static const custom_entry custom_entries[] = {
    {"Convolution2DTransposeBias", 1, mn_tflite_load_transpose_bias},
    {"TFLite_Detection_PostProcess", 4, mn_tflite_load_detect},
};

static const custom_entry *find_custom(const mn_tflite_op *op, const mn_fb_vector *name) {
  const uint8_t *bytes = mn_fb_vector_bytes(&op->loader->fb, name);
  for (size_t i = 0; i < sizeof custom_entries / sizeof custom_entries[0]; i++) {
    size_t length = strlen(custom_entries[i].name);
    if (name->count == length && memcmp(bytes, custom_entries[i].name, length) == 0) {
      return &custom_entries[i];
    }
  }
  return NULL;
}

static const op_entry *find_entry(int32_t code) {
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
    if (entries[i].code == code) return &entries[i];
  }
  return NULL;
}

/* Code and version, from the operator's line in the model's table. */
static mn_status read_code(mn_tflite_op *op, const mn_fb_table *record, mn_fb_vector *custom) {
  mn_tflite_loader *loader = op->loader;
  mn_flatbuffer *fb = &loader->fb;
  uint32_t line = mn_fb_u32(fb, record, TFL_OPERATOR_OPCODE, 0);
  if (line >= loader->codes.count) {
    return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name,
                   "operator %u has code %u, but there are %u", op->index, line,
                   loader->codes.count);
  }
  mn_fb_table table = mn_fb_vector_table(fb, &loader->codes, line);
  int32_t old = mn_fb_i8(fb, &table, TFL_CODE_DEPRECATED, 0);
  int32_t code = mn_fb_i32(fb, &table, TFL_CODE_BUILTIN, 0);
  op->code = code > old ? code : old; /* the schema's rule for files of either age */
  op->version = mn_fb_i32(fb, &table, TFL_CODE_VERSION, 1);
  *custom = mn_fb_vector_at(fb, &table, TFL_CODE_CUSTOM, 1);
  return mn_tflite_check(loader, 0);
}

static mn_status refuse(const mn_tflite_op *op, const mn_fb_vector *custom) {
  if (op->code != TFL_CUSTOM) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "this operator is not supported");
  }
  char name[64];
  size_t used = 0;
  const uint8_t *bytes = mn_fb_vector_bytes(&op->loader->fb, custom);
  for (; used < custom->count && used + 1 < sizeof name; used++) {
    name[used] = bytes[used] > 0x20 && bytes[used] < 0x7f ? (char)bytes[used] : '_';
  }
  name[used] = '\0';
  return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "the custom operator '%s' is not supported", name);
}

static mn_status load_custom(mn_tflite_op *op, const mn_fb_table *record,
                             const mn_fb_vector *name) {
  mn_flatbuffer *fb = &op->loader->fb;
  const custom_entry *entry = find_custom(op, name);
  if (!entry) return refuse(op, name);
  op->in = mn_fb_vector_at(fb, record, TFL_OPERATOR_INPUTS, 4);
  op->out = mn_fb_vector_at(fb, record, TFL_OPERATOR_OUTPUTS, 4);
  op->custom_options = mn_fb_vector_at(fb, record, TFL_OPERATOR_CUSTOM_OPTIONS, 1);
  mn_status status = mn_tflite_check(op->loader, 0);
  if (status) return status;
  if (op->out.count != entry->outputs) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "it has %u outputs, expected %u", op->out.count,
                          entry->outputs);
  }
  status = entry->load(op);
  return status ? status : mn_tflite_check(op->loader, 0);
}

mn_status mn_tflite_load_op(mn_tflite_op *op, const mn_fb_table *record) {
  mn_flatbuffer *fb = &op->loader->fb;
  mn_fb_vector custom;
  mn_status status = read_code(op, record, &custom);
  if (status) return status;
  if (op->code == TFL_CUSTOM) return load_custom(op, record, &custom);
  const op_entry *entry = find_entry(op->code);
  if (!entry) return refuse(op, &custom);
  if (op->version < 1 || op->version > entry->newest) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "versions 1 to %d are supported", entry->newest);
  }
  op->in = mn_fb_vector_at(fb, record, TFL_OPERATOR_INPUTS, 4);
  op->out = mn_fb_vector_at(fb, record, TFL_OPERATOR_OUTPUTS, 4);
  uint8_t type = mn_fb_u8(fb, record, TFL_OPERATOR_OPTIONS_TYPE, TFL_OPTIONS_NONE);
  op->options = mn_fb_table_at(fb, record, TFL_OPERATOR_OPTIONS, NULL);
  status = mn_tflite_check(op->loader, 0);
  if (status) return status;
  /* Options of an operator that has none to read are ignored. */
  if (entry->options == TFL_OPTIONS_NONE || type == TFL_OPTIONS_NONE) {
    op->options = (mn_fb_table){0};
  } else if (type != entry->options) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "its options are of kind %d, expected %d", type,
                          entry->options);
  }
  if (op->out.count != 1) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "it has %u outputs, expected 1", op->out.count);
  }
  status = entry->load(op);
  return status ? status : mn_tflite_check(op->loader, 0);
}
