/* SPDX-License-Identifier: Apache-2.0
 * Quantized ONNX: QuantizeLinear and DequantizeLinear, and which operators between them are
 * computed in codes. A dequantized tensor stays codes until an operator needs floats; an operator
 * whose inputs are codes and whose output only a QuantizeLinear reads (after a relu, maybe) is
 * computed in codes, with the graph's integer arithmetic. All others compute in float, as the file
 * says. */
#include <math.h>
#include <string.h>

#include "format/onnx/onnx_load.h"

/* ---- Scales and zero points ----------------------------------------------------------------- */

static bool same_codes(const mn_onnx_codes *a, mn_type type, const mn_quant *b) {
  if (a->type != type || a->quant.count != b->count) return false;
  for (int32_t i = 0; i < b->count; i++) {
    if (a->quant.scale[i] != b->scale[i] || a->quant.zero[i] != b->zero[i]) return false;
  }
  return true;
}

int64_t mn_onnx_code_type(const mn_onnx_codes *codes) {
  return codes->type == MN_U8 || codes->recoded ? ONNX_UINT8 : ONNX_INT8;
}

static int32_t zero_at(const mn_onnx_tensor *tensor, size_t index) {
  int32_t wide;
  if (tensor->data_type == ONNX_UINT8) return tensor->data[index];
  if (tensor->data_type == ONNX_INT8) return (int8_t)tensor->data[index];
  memcpy(&wide, tensor->data + index * sizeof wide, sizeof wide);
  return wide;
}

static mn_type type_of(int64_t data_type) {
  return data_type == ONNX_UINT8 ? MN_U8 : data_type == ONNX_INT8 ? MN_I8 : MN_I32;
}

static mn_status refuse_codes(const mn_onnx_op *op) {
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                      "its scales and zero points are not constants of uint8, int8 or int32, one "
                      "for each index of an axis or one for all");
}

/* Scales as floats and zero points as integers, in the graph's arena. */
static mn_status fill(const mn_onnx_op *op, const mn_onnx_tensor *scale, const mn_onnx_tensor *zero,
                      mn_onnx_codes *codes) {
  mn_onnx_loader *loader = op->loader;
  size_t count = scale->bytes / sizeof(float);
  bool recode = codes->type == MN_U8 && loader->prefers_i8;
  loader->graph->arithmetic = MN_ARITHMETIC_ONNX;
  mn_status status = mn_onnx_check(loader, count * (sizeof(float) + sizeof(int32_t)));
  if (status) return status;
  float *scales = mn_arena_array(&loader->graph->arena, count, sizeof *scales);
  int32_t *zeros = mn_arena_array(&loader->graph->arena, count, sizeof *zeros);
  if (!scales || !zeros) return mn_fail_memory(loader->err, scale->bytes);
  memcpy(scales, scale->data, scale->bytes);
  for (size_t i = 0; i < count; i++) {
    zeros[i] = (zero ? zero_at(zero, i) : 0) - (recode ? 128 : 0);
  }
  if (recode) codes->type = MN_I8;
  codes->recoded = recode;
  codes->quant.count = (int32_t)count;
  codes->quant.scale = scales;
  codes->quant.zero = zeros;
  return MN_OK;
}

mn_status mn_onnx_read_codes(const mn_onnx_op *op, int32_t position, int64_t type,
                             mn_onnx_codes *codes) {
  mn_onnx_tensor *scale, *zero = NULL;
  int32_t elements;
  *codes = (mn_onnx_codes){.type = type_of(type)};
  mn_status status = mn_onnx_input(op, position, &scale);
  if (!status && mn_onnx_has_input(op, position + 1)) {
    status = mn_onnx_input(op, position + 1, &zero);
  }
  if (status) return status;
  bool fine = mn_onnx_is_floats(scale) && scale->shape.rank <= 1 &&
              mn_shape_elements(&scale->shape, &elements) && mn_onnx_int(op, "block_size", 0) == 0;
  if (fine && zero) {
    int64_t of = zero->data_type;
    fine = zero->kind == MN_ONNX_CONST && !zero->meaning &&
           (of == ONNX_UINT8 || of == ONNX_INT8 || of == ONNX_INT32) &&
           zero->bytes == (size_t)elements * mn_type_bytes(type_of(of));
    codes->type = type_of(of);
  }
  return fine ? fill(op, scale, zero, codes) : refuse_codes(op);
}

/* ---- Quantize and dequantize ---------------------------------------------------------------- */

/* The axis that many scales belong to. The operators that have scales among their inputs have many
 * for weights only, along the output channels. */
static int64_t scale_axis(const mn_onnx_op *op) {
  if (mn_pb_equal(op->type, "DequantizeLinear")) return mn_onnx_int(op, "axis", 1);
  return mn_pb_equal(op->type, "QLinearMatMul") ? -1 : 0;
}

/* Integers of the file, and what they stand for. */
static mn_status load_meaning(const mn_onnx_op *op, const mn_onnx_tensor *x) {
  mn_onnx_tensor out = *x;
  mn_onnx_codes codes;
  mn_status status = mn_onnx_read_codes(op, 1, x->data_type, &codes);
  if (!status) {
    status = mn_onnx_axis(op, codes.quant.count > 1 ? scale_axis(op) : 0,
                          x->shape.rank ? x->shape.rank : 1, &codes.quant.axis);
  }
  if (!status) status = mn_onnx_check(op->loader, sizeof codes);
  if (status) return status;
  bool many = codes.quant.count > 1 && x->shape.dim[codes.quant.axis] != codes.quant.count;
  bool typed =
      x->data_type == ONNX_UINT8 || x->data_type == ONNX_INT8 || x->data_type == ONNX_INT32;
  bool recoded = x->data_type == ONNX_UINT8 && codes.type == MN_I8;
  if (!typed || many || (codes.type != type_of(x->data_type) && !recoded)) return refuse_codes(op);
  out.meaning = mn_arena_copy(&op->loader->scratch, &codes, sizeof codes);
  if (!out.meaning) return mn_fail_memory(op->loader->err, sizeof codes);
  out.stored_type = x->data_type;
  out.data_type = ONNX_FLOAT;
  return mn_onnx_alias(op, &out);
}

mn_status mn_onnx_load_dequantize(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  mn_onnx_codes codes;
  mn_status status = mn_onnx_input(op, 0, &x);
  if (status) return status;
  if (x->kind == MN_ONNX_CONST) return load_meaning(op, x);
  status = mn_onnx_read_codes(op, 1, x->data_type, &codes);
  if (status) return status;
  bool integers = x->kind == MN_ONNX_VALUE && x->coded && x->data_type != ONNX_FLOAT;
  if (!integers || !same_codes(&codes, op->loader->graph->values[x->codes].type,
                               &op->loader->graph->values[x->codes].quant)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                        "its input was not quantized with this scale and zero point");
  }
  mn_onnx_tensor real = *x;
  real.data_type = ONNX_FLOAT;
  real.id = MN_NONE;
  return mn_onnx_alias(op, &real);
}

static mn_status emit_quantized(const mn_onnx_op *op, const mn_onnx_codes *codes) {
  mn_onnx_tensor *x;
  mn_status status = mn_onnx_input(op, 0, &x);
  if (status) return status;
  const mn_value *values = op->loader->graph->values;
  if (x->kind == MN_ONNX_VALUE && x->coded && x->data_type == ONNX_FLOAT &&
      same_codes(codes, values[x->codes].type, &values[x->codes].quant)) {
    mn_onnx_tensor same = *x;
    same.data_type = mn_onnx_code_type(codes);
    return mn_onnx_alias(op, &same);
  }
  status = mn_onnx_operand(op, 0, &x);
  if (status) return status;
  mn_onnx_op quantizing = *op;
  quantizing.target = codes;
  quantizing.makes_codes = true;
  mn_onnx_node node = {.op = MN_OP_QUANTIZE, .in = &x->id, .in_count = 1};
  return mn_onnx_emit(&quantizing, &node, x);
}

mn_status mn_onnx_load_quantize(const mn_onnx_op *op) {
  mn_onnx_codes codes;
  mn_status status = mn_onnx_read_codes(op, 1, ONNX_UINT8, &codes);
  if (status) return status;
  if (codes.quant.count != 1 || codes.type == MN_I32) return refuse_codes(op);
  return emit_quantized(op, &codes);
}

/* ---- Which operators are computed in codes -------------------------------------------------- */

/* The relu or clip that a layer of codes can do itself. */
static bool read_act(const mn_onnx_op *op, mn_act *act) {
  float limits[2] = {-INFINITY, INFINITY};
  static const char *const names[] = {"min", "max"};
  *act = MN_ACT_RELU;
  if (mn_pb_equal(op->type, "Relu")) return true;
  if (!mn_pb_equal(op->type, "Clip")) return false;
  for (int i = 0; i < 2; i++) {
    mn_onnx_tensor *tensor;
    if (op->loader->opset < 11) limits[i] = mn_onnx_float(op, names[i], limits[i]);
    if (op->loader->opset < 11 || !mn_onnx_has_input(op, i + 1)) continue;
    tensor = mn_onnx_find(op->loader, op->in[i + 1]);
    if (!tensor || !mn_onnx_is_floats(tensor) || tensor->bytes != sizeof(float)) return false;
    memcpy(&limits[i], tensor->data, sizeof(float));
  }
  if (limits[1] == 6) *act = MN_ACT_RELU6;
  return limits[0] == 0 && (limits[1] == 6 || isinf(limits[1]));
}

/* The node that alone reads the output. */
static bool sole_reader(const mn_onnx_op *op, mn_onnx_op *reader) {
  const mn_onnx_tensor *out = op->out_count == 1 ? mn_onnx_find(op->loader, op->out[0]) : NULL;
  *reader = (mn_onnx_op){.loader = op->loader};
  if (!out || out->reads != 1 || out->is_output) return false;
  reader->bytes = out->reader;
  return !mn_onnx_read_node(reader) && reader->in_count > 0 &&
         mn_pb_compare(reader->in[0], op->out[0]) == 0;
}

bool mn_onnx_look_ahead(const mn_onnx_op *op, mn_onnx_codes *codes) {
  mn_onnx_op reader, after;
  mn_error ignored = {0}, *err = op->loader->err;
  mn_act act = MN_ACT_NONE;
  if (!sole_reader(op, &reader)) return false;
  if (read_act(&reader, &act)) {
    if (!sole_reader(&reader, &after)) return false;
    reader = after;
  } else {
    act = MN_ACT_NONE;
  }
  if (!mn_pb_equal(reader.type, "QuantizeLinear")) return false;
  /* What is wrong with it is said when its turn comes. */
  op->loader->err = &ignored;
  mn_status status = mn_onnx_read_codes(&reader, 1, ONNX_UINT8, codes);
  op->loader->err = err;
  codes->act = act;
  return !status && codes->quant.count == 1 && codes->type != MN_I32;
}

/* Input `position` as codes of type `type`, or of any when it is MN_F32; NULL when it is not. */
static const mn_quant *find_codes(const mn_onnx_op *op, int32_t position, mn_type *type) {
  mn_onnx_tensor *tensor = op->given[position];
  if (!tensor && mn_onnx_has_input(op, position)) {
    tensor = mn_onnx_find(op->loader, op->in[position]);
  }
  if (!tensor) return NULL;
  const mn_value *value = &op->loader->graph->values[tensor->codes];
  bool computed = tensor->kind == MN_ONNX_VALUE && tensor->coded;
  bool constant = tensor->kind == MN_ONNX_CONST && tensor->meaning;
  if (!computed && !constant) return NULL;
  mn_type found = computed ? value->type : tensor->meaning->type;
  if (*type != MN_F32 && *type != found) return NULL;
  *type = found;
  return computed ? &value->quant : &tensor->meaning->quant;
}

/* The axis of the output channels in the file's weights. */
static int32_t channel_axis(const mn_onnx_op *op) {
  if (mn_pb_equal(op->type, "Conv")) return 0;
  return mn_pb_equal(op->type, "Gemm") && mn_onnx_int(op, "transB", 0) != 0 ? 0 : 1;
}

/* The bias is in steps of the product of the two scales. */
static bool fits_bias(const mn_quant *x, const mn_quant *weights, const mn_quant *bias) {
  for (int32_t i = 0; i < bias->count; i++) {
    float step = x->scale[0] * weights->scale[weights->count > 1 ? i : 0];
    bool fits = bias->zero[i] == 0 && fabsf(bias->scale[i] - step) <= step * 1e-6f;
    if (!fits || (weights->count > 1 && bias->count != weights->count)) return false;
  }
  return bias->count == 1 ? weights->count == 1 : true;
}

static bool fits_layer(const mn_onnx_op *op, mn_type type) {
  mn_type any = MN_F32, wide = MN_I32;
  const mn_quant *x = find_codes(op, 0, &any), *weights = find_codes(op, 1, &type);
  if (!x || !weights || any != type) return false;
  if (weights->count > 1 && (type == MN_U8 || weights->axis != channel_axis(op))) return false;
  for (int32_t i = 0; i < weights->count && type == MN_I8; i++) {
    if (weights->zero[i] != 0) return false;
  }
  bool plain = mn_onnx_float(op, "alpha", 1) == 1 && mn_onnx_float(op, "beta", 1) == 1;
  if (!mn_onnx_has_input(op, 2)) return plain;
  const mn_quant *bias = find_codes(op, 2, &wide);
  return plain && bias && fits_bias(x, weights, bias);
}

/* What no operator of the graph computes in codes that stand for floats. */
static bool needs_float(const mn_onnx_op *op) {
  if (mn_pb_equal(op->type, "HardSigmoid")) return !mn_onnx_is_hard_sigmoid(op);
  bool resizes = mn_pb_equal(op->type, "Resize") || mn_pb_equal(op->type, "Upsample");
  return resizes && !mn_pb_equal(mn_onnx_string(op, "mode"), "nearest");
}

static bool fits(const mn_onnx_op *op, mn_onnx_arithmetic arithmetic, const mn_onnx_codes *to) {
  mn_type type = to->type;
  bool all = arithmetic == MN_ONNX_SUM, list = mn_pb_equal(op->type, "Concat");
  if (arithmetic == MN_ONNX_LAYER) return fits_layer(op, type);
  if (to->act != MN_ACT_NONE && (!all || list)) return false;
  if (needs_float(op)) return false;
  for (int32_t i = 0; i < (all ? op->in_count : 1); i++) {
    const mn_quant *quant = find_codes(op, i, &type);
    if (!quant || quant->count != 1) return false;
    if (arithmetic == MN_ONNX_MOVE && !same_codes(to, type, quant)) return false;
  }
  return true;
}

mn_status mn_onnx_choose(mn_onnx_op *op, mn_onnx_arithmetic arithmetic, const mn_onnx_codes *wanted,
                         mn_onnx_codes *room) {
  mn_onnx_tensor *x;
  op->target = NULL;
  op->makes_codes = false;
  if (arithmetic == MN_ONNX_IN_FLOAT || op->in_count < 1) return MN_OK;
  mn_status status = mn_onnx_input(op, 0, &x);
  if (status) return status;
  if (x->kind == MN_ONNX_VALUE && x->data_type != ONNX_FLOAT && arithmetic == MN_ONNX_MOVE) {
    const mn_value *value = &op->loader->graph->values[x->codes];
    bool recoded = value->type == MN_I8 && x->data_type == ONNX_UINT8;
    *room = (mn_onnx_codes){.type = value->type, .quant = value->quant, .recoded = recoded};
    op->target = room;
    op->makes_codes = true;
  } else if (wanted && fits(op, arithmetic, wanted)) {
    *room = *wanted;
    op->target = room;
  }
  return MN_OK;
}
