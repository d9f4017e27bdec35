/* SPDX-License-Identifier: Apache-2.0
 * QLinearConv and its like: an operator that has the scales of its inputs and output among its
 * inputs. Each is the float operator between Dequantize and Quantize, and is loaded as that: in
 * codes where these can be computed with. Those of com.microsoft are what onnxruntime's quantizer
 * writes. */
#include <string.h>

#include "format/onnx/onnx_load.h"

typedef struct form {
  const char *type, *plain;
  int32_t inputs; /* triples of tensor, scale, zero point, from input `first` on */
  int32_t first;
  int32_t out_scale; /* the input that is the output's scale; the zero point follows */
  int32_t bias;      /* the input that is the bias, in steps of the two scales' product; or -1 */
} form;

static const form forms[] = {
    {"QLinearConv", "Conv", 2, 0, 6, 8},
    {"QLinearMatMul", "MatMul", 2, 0, 6, -1},
    {"QGemm", "Gemm", 2, 0, 7, 6},
    {"QLinearAdd", "Add", 2, 0, 6, -1},
    {"QLinearMul", "Mul", 2, 0, 6, -1},
    {"QLinearGlobalAveragePool", "GlobalAveragePool", 1, 0, 3, -1},
    {"QLinearAveragePool", "AveragePool", 1, 0, 3, -1},
    {"QLinearSigmoid", "Sigmoid", 1, 0, 3, -1},
    {"QLinearSoftmax", "Softmax", 1, 0, 3, -1},
    {"QLinearConcat", "Concat", 0, 2, 0, -1}, /* as many as there are */
};

enum { MOST_PARTS = MN_ONNX_MOST_INPUTS / 3 };

/* The pieces of such an operator, as tensors of their own. */
typedef struct pieces {
  mn_onnx_op inner;
  mn_onnx_tensor in[MOST_PARTS], bias, out;
} pieces;

/* Input `position` as DequantizeLinear would give it. */
static mn_status dequantize(const mn_onnx_op *op, int32_t position, mn_onnx_tensor *real) {
  mn_onnx_op part = {.loader = op->loader,
                     .index = op->index,
                     .bytes = op->bytes,
                     .name = op->name,
                     .type = op->type,
                     .in_count = 3,
                     .given_out = real};
  mn_onnx_tensor *x;
  mn_status status = mn_onnx_input(op, position, &x);
  if (status) return status;
  for (int i = 0; i < 3; i++) {
    if (position + i < op->in_count) part.in[i] = op->in[position + i];
  }
  *real = (mn_onnx_tensor){.name = x->name, .id = MN_NONE};
  status = mn_onnx_load_dequantize(&part);
  real->named = x->named; /* whichever is written first has the name */
  x->named = true;
  return status;
}

static mn_status refuse_scales(const mn_onnx_op *op) {
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its scales are not those of its inputs");
}

/* The bias of a layer whose two inputs are known: int32 in steps of the product of their scales. */
static mn_status dequantize_bias(const mn_onnx_op *op, int32_t position, pieces *p) {
  mn_onnx_tensor *bias;
  mn_onnx_loader *loader = op->loader;
  mn_status status = mn_onnx_input(op, position, &bias);
  if (status) return status;
  const mn_onnx_tensor *x = &p->in[0], *weights = &p->in[1];
  bool known = x->coded && weights->meaning && bias->kind == MN_ONNX_CONST && !bias->meaning &&
               bias->data_type == ONNX_INT32;
  if (!known) return refuse_scales(op);
  mn_onnx_codes codes = {.type = MN_I32, .quant = weights->meaning->quant};
  size_t count = (size_t)codes.quant.count;
  status = mn_onnx_check(loader, sizeof codes + count * (sizeof(float) + sizeof(int32_t)));
  if (status) return status;
  float *scale = mn_arena_array(&loader->scratch, count, sizeof *scale);
  int32_t *zero = mn_arena_array(&loader->scratch, count, sizeof *zero);
  if (!scale || !zero) return mn_fail_memory(loader->err, sizeof codes);
  for (size_t i = 0; i < count; i++) {
    scale[i] = loader->graph->values[x->codes].quant.scale[0] * codes.quant.scale[i];
    zero[i] = 0;
  }
  codes.quant.scale = scale;
  codes.quant.zero = zero;
  codes.quant.axis = 0;
  p->bias = *bias;
  bias->named = true;
  p->bias.meaning = mn_arena_copy(&loader->scratch, &codes, sizeof codes);
  p->bias.stored_type = ONNX_INT32;
  p->bias.data_type = ONNX_FLOAT;
  return p->bias.meaning ? MN_OK : mn_fail_memory(loader->err, sizeof codes);
}

static mn_status find_pieces(const mn_onnx_op *op, const form *f, pieces *p) {
  int32_t count = f->inputs ? f->inputs : (op->in_count - f->first) / 3;
  mn_status status = MN_OK;
  if (count < 1 || count > MOST_PARTS) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it has more than %d inputs", (int)MOST_PARTS);
  }
  for (int32_t i = 0; i < count && !status; i++) {
    status = dequantize(op, f->first + 3 * i, &p->in[i]);
    p->inner.given[i] = &p->in[i];
  }
  p->inner.in_count = count;
  if (status || f->bias < 0 || !mn_onnx_has_input(op, f->bias)) return status;
  status = dequantize_bias(op, f->bias, p);
  p->inner.given[count] = &p->bias;
  p->inner.in_count = count + 1;
  return status;
}

/* The inner operator's output becomes the outer's, through codes of its own when it was computed in
 * float. */
static mn_status finish(const mn_onnx_op *op, const form *f, pieces *p) {
  mn_onnx_op last = {.loader = op->loader,
                     .index = op->index,
                     .bytes = op->bytes,
                     .name = op->name,
                     .type = op->type,
                     .in_count = 3,
                     .out_count = op->out_count};
  last.out[0] = op->out[0];
  last.given[0] = &p->out;
  for (int i = 0; i < 2; i++) {
    if (f->out_scale + i < op->in_count) last.in[1 + i] = op->in[f->out_scale + i];
  }
  return mn_onnx_load_quantize(&last);
}

static mn_status load(const mn_onnx_op *op, const form *f, pieces *p) {
  mn_onnx_codes codes;
  mn_onnx_tensor *out;
  mn_status status = mn_onnx_output(op, &out);
  if (!status) status = mn_onnx_read_codes(op, f->out_scale, ONNX_UINT8, &codes);
  if (status) return status;
  p->inner =
      (mn_onnx_op){.loader = op->loader, .index = op->index, .bytes = op->bytes, .name = op->name};
  p->inner.given_out = &p->out;
  p->out = (mn_onnx_tensor){.name = out->name, .id = MN_NONE};
  status = find_pieces(op, f, p);
  if (!status) status = mn_onnx_load_as(&p->inner, f->plain, &codes);
  out->named = p->out.named;
  return status ? status : finish(op, f, p);
}

mn_status mn_onnx_load_qlinear(const mn_onnx_op *op) {
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    if (!mn_pb_equal(op->type, forms[i].type)) continue;
    if (mn_onnx_int(op, "channels_last", 0) != 0) {
      return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its channels_last is not 0");
    }
    mn_status status = mn_onnx_check(op->loader, sizeof(pieces));
    if (status) return status;
    pieces *p = mn_arena_array(&op->loader->scratch, 1, sizeof *p);
    return p ? load(op, &forms[i], p) : mn_fail_memory(op->loader->err, sizeof *p);
  }
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "this operator is not supported");
}
