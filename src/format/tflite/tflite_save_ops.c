/* SPDX-License-Identifier: Apache-2.0
 * Nodes of the graph -> operators of a TFLite file, for the model's own size. Versions are the
 * lowest that have what is used (TFLite's op_version rules). */
#include <string.h>

#include "format/tflite/tflite_save.h"

/* ---- Collecting one operator ---------------------------------------------------------------- */

static bool is_i8(const mn_tflite_saver *saver, mn_id value) {
  return saver->graph->values[value].type == MN_I8;
}

static mn_status refuse(const mn_tflite_saver *saver, const mn_node *node, const char *why) {
  return mn_fail(saver->err, MN_ERR_UNSUPPORTED, node->name,
                 "%s cannot be written to a TFLite file: %s", mn_op_name(node->op), why);
}

static mn_tflite_out_op start(int32_t code, int32_t version, uint8_t options_type) {
  return (mn_tflite_out_op){.code = code, .version = version, .options_type = options_type};
}

static void set_byte(mn_tflite_out_op *op, uint32_t field, int32_t number) {
  op->options[op->option_count++] =
      (mn_tflite_option){.field = field, .kind = MN_TFLITE_BYTE, .number = number};
}

static void set_int(mn_tflite_out_op *op, uint32_t field, int32_t number) {
  op->options[op->option_count++] =
      (mn_tflite_option){.field = field, .kind = MN_TFLITE_INT, .number = number};
}

static void set_float(mn_tflite_out_op *op, uint32_t field, float real) {
  op->options[op->option_count++] =
      (mn_tflite_option){.field = field, .kind = MN_TFLITE_FLOAT, .real = real};
}

static void set_act(mn_tflite_out_op *op, uint32_t field, mn_act act) {
  set_byte(op, field,
           act == MN_ACT_RELU    ? TFL_ACT_RELU
           : act == MN_ACT_RELU6 ? TFL_ACT_RELU6
           : act == MN_ACT_NONE  ? TFL_ACT_NONE
                                 : TFL_ACT_RELU_N1_TO_1);
}

mn_status mn_tflite_save_op(mn_tflite_saver *saver, mn_tflite_out_op op, const int32_t *in,
                            int32_t in_count) {
  if (saver->op_count == saver->op_capacity) {
    int32_t capacity = saver->op_capacity ? saver->op_capacity * 2 : 64;
    mn_tflite_out_op *grown = mn_arena_array(&saver->scratch, (size_t)capacity, sizeof *grown);
    if (!grown) return mn_fail_memory(saver->err, (size_t)capacity * sizeof *grown);
    if (saver->op_count) memcpy(grown, saver->ops, (size_t)saver->op_count * sizeof *grown);
    saver->ops = grown;
    saver->op_capacity = capacity;
  }
  op.in = mn_arena_copy(&saver->scratch, in, (size_t)in_count * sizeof *in);
  if (!op.in) return mn_fail_memory(saver->err, (size_t)in_count * sizeof *in);
  op.in_count = in_count;
  saver->ops[saver->op_count++] = op;
  return MN_OK;
}

static mn_status add_tensor(mn_tflite_saver *saver, const mn_tflite_out_tensor *tensor,
                            int32_t *index) {
  if (saver->tensor_count == saver->tensor_capacity) {
    int32_t capacity = saver->tensor_capacity ? saver->tensor_capacity * 2 : 64;
    mn_tflite_out_tensor *grown = mn_arena_array(&saver->scratch, (size_t)capacity, sizeof *grown);
    if (!grown) return mn_fail_memory(saver->err, (size_t)capacity * sizeof *grown);
    if (saver->tensor_count) {
      memcpy(grown, saver->tensors, (size_t)saver->tensor_count * sizeof *grown);
    }
    saver->tensors = grown;
    saver->tensor_capacity = capacity;
  }
  saver->tensors[saver->tensor_count] = *tensor;
  *index = saver->tensor_count++;
  return MN_OK;
}

mn_status mn_tflite_save_value(mn_tflite_saver *saver, mn_id value, int32_t *tensor) {
  *tensor = value == MN_NONE ? -1 : saver->tensor_of[value];
  if (value == MN_NONE || *tensor >= 0) return MN_OK;
  const mn_value *v = &saver->graph->values[value];
  mn_tflite_out_tensor made = {.name = v->name,
                               .type = v->type,
                               .shape = v->shape,
                               .quant = v->quant,
                               .data = v->kind == MN_KIND_CONST ? v->data : NULL,
                               .bytes = v->kind == MN_KIND_CONST ? v->bytes : 0};
  mn_status status = add_tensor(saver, &made, tensor);
  if (!status) saver->tensor_of[value] = *tensor;
  return status;
}

/* A tensor that the graph does not have, named after the node. `like` gives type and scale. */
static mn_status add_extra(mn_tflite_saver *saver, const mn_node *node, const char *suffix,
                           mn_tflite_out_tensor *tensor, int32_t *index) {
  size_t a = strlen(node->name), b = strlen(suffix);
  char *name = mn_arena_take(&saver->scratch, a + b + 1);
  if (!name) return mn_fail_memory(saver->err, a + b + 1);
  memcpy(name, node->name, a);
  memcpy(name + a, suffix, b + 1);
  tensor->name = name;
  return add_tensor(saver, tensor, index);
}

/* A constant list of integers, of `rank` dims: [count], or [count/2][2] for pads. */
static mn_status add_integers(mn_tflite_saver *saver, const mn_node *node, const char *suffix,
                              const int32_t *list, mn_shape shape, int32_t *index) {
  int32_t count = shape.rank == 0   ? 1
                  : shape.rank == 1 ? shape.dim[0]
                                    : shape.dim[0] * shape.dim[1];
  size_t bytes = (size_t)count * sizeof *list;
  mn_tflite_out_tensor tensor = {.type = MN_I32, .shape = shape, .bytes = bytes};
  tensor.data = mn_arena_copy(&saver->scratch, list, bytes);
  if (!tensor.data) return mn_fail_memory(saver->err, bytes);
  return add_extra(saver, node, suffix, &tensor, index);
}

/* Adds the operator with the node's own inputs (at most `count`) and output. */
static mn_status add_plain(mn_tflite_saver *saver, const mn_node *node, mn_tflite_out_op op,
                           int32_t count) {
  int32_t *in = mn_arena_array(&saver->scratch, (size_t)node->in_count, sizeof *in);
  if (!in) return mn_fail_memory(saver->err, (size_t)node->in_count * sizeof *in);
  mn_status status = MN_OK;
  for (int32_t i = 0; i < count && !status; i++) {
    status = mn_tflite_save_value(saver, node->in[i], &in[i]);
  }
  if (!status) status = mn_tflite_save_value(saver, node->out[0], &op.out);
  return status ? status : mn_tflite_save_op(saver, op, in, count);
}

/* With one more input behind the node's first: a constant list. */
static mn_status add_with_integers(mn_tflite_saver *saver, const mn_node *node, mn_tflite_out_op op,
                                   const int32_t *list, mn_shape shape) {
  int32_t in[2];
  mn_status status = mn_tflite_save_value(saver, node->in[0], &in[0]);
  if (!status) status = add_integers(saver, node, "/parameters", list, shape, &in[1]);
  if (!status) status = mn_tflite_save_value(saver, node->out[0], &op.out);
  return status ? status : mn_tflite_save_op(saver, op, in, 2);
}

/* ---- Windows -------------------------------------------------------------------------------- */

/* How the file says a window's pads: by a rule, or not at all. */
typedef enum padding { PADDING_SAME, PADDING_VALID, PADDING_OTHER } padding;

static bool is_same_pad(int32_t size, int32_t kernel, int32_t dilation, int32_t before,
                        int32_t after) {
  int32_t same_before = 0, same_after = 0, out;
  return mn_window_extent(size, kernel, 1, dilation, MN_PAD_SAME, &same_before, &same_after,
                          &out) &&
         same_before == before && same_after == after;
}

/* Explicit pads are SAME only where they are so at every size: with stride 1. */
static padding padding_of(const mn_window *w, const mn_shape *x) {
  if (w->pad_rule == MN_PAD_SAME) return PADDING_SAME;
  if (!w->pad_top && !w->pad_bottom && !w->pad_left && !w->pad_right) return PADDING_VALID;
  bool same = w->stride_h == 1 && w->stride_w == 1 &&
              is_same_pad(x->dim[1], w->kernel_h, w->dilation_h, w->pad_top, w->pad_bottom) &&
              is_same_pad(x->dim[2], w->kernel_w, w->dilation_w, w->pad_left, w->pad_right);
  return same ? PADDING_SAME : PADDING_OTHER;
}

/* A PAD in front of a layer; *x becomes the padded tensor. */
static mn_status add_pad(mn_tflite_saver *saver, const mn_node *node, const mn_window *w,
                         int32_t *x) {
  int32_t pads[8] = {0, 0, w->pad_top, w->pad_bottom, w->pad_left, w->pad_right, 0, 0}, in[2];
  mn_tflite_out_op op = start(TFL_PAD, is_i8(saver, node->in[0]) ? 2 : 1, TFL_OPTIONS_PAD);
  mn_tflite_out_tensor padded = saver->tensors[*x];
  padded.shape.dim[1] += w->pad_top + w->pad_bottom;
  padded.shape.dim[2] += w->pad_left + w->pad_right;
  in[0] = *x;
  mn_status status = add_integers(saver, node, "/pads", pads, (mn_shape){2, {4, 2}}, &in[1]);
  if (!status) status = add_extra(saver, node, "/padded", &padded, x);
  op.out = *x;
  return status ? status : mn_tflite_save_op(saver, op, in, 2);
}

static mn_status add_weights(mn_tflite_saver *saver, const mn_node *node, int32_t *index) {
  if (node->op == MN_OP_CONV2D) return mn_tflite_save_value(saver, node->in[1], index);
  const mn_value *v = &saver->graph->values[node->in[1]];
  mn_tflite_out_tensor weights = {
      .name = v->name, .type = v->type, .quant = v->quant, .data = v->data, .bytes = v->bytes};
  weights.shape = (mn_shape){4, {1, v->shape.dim[0], v->shape.dim[1], v->shape.dim[2]}};
  if (v->quant.count > 1) weights.quant.axis++;
  return add_tensor(saver, &weights, index);
}

/* Scales of an 8-bit layer's accumulator. */
static bool accumulator_quant(mn_tflite_saver *saver, const mn_node *node, mn_quant *quant) {
  const mn_quant *in = &saver->graph->values[node->in[0]].quant;
  const mn_quant *weights = &saver->graph->values[node->in[1]].quant;
  size_t count = (size_t)weights->count;
  float *scales = mn_arena_array(&saver->scratch, count, sizeof *scales);
  int32_t *zeros = mn_arena_array(&saver->scratch, count, sizeof *zeros);
  if (!scales || !zeros) return false;
  for (size_t i = 0; i < count; i++) scales[i] = in->scale[0] * weights->scale[i];
  *quant = (mn_quant){weights->count, 0, scales, zeros};
  return true;
}

/* LiteRT's convolutions demand a bias: zeros where ours has none. */
static mn_status add_bias(mn_tflite_saver *saver, const mn_node *node, int32_t *index) {
  if (node->in_count > 2 && node->in[2] != MN_NONE) {
    return mn_tflite_save_value(saver, node->in[2], index);
  }
  bool quantized = saver->graph->values[node->in[0]].quant.count > 0;
  int32_t channels = saver->graph->values[node->out[0]].shape.dim[3];
  mn_tflite_out_tensor bias = {.type = quantized ? MN_I32 : MN_F32,
                               .shape = {1, {channels}},
                               .bytes = (size_t)channels * sizeof(int32_t)};
  bias.data = mn_arena_take(&saver->scratch, bias.bytes);
  if (!bias.data || (quantized && !accumulator_quant(saver, node, &bias.quant))) {
    return mn_fail_memory(saver->err, bias.bytes);
  }
  return add_extra(saver, node, "/bias", &bias, index);
}

static mn_status save_conv(mn_tflite_saver *saver, const mn_node *node) {
  const mn_window *w = &node->attr.conv.window;
  bool depthwise = node->op == MN_OP_DWCONV2D, i8 = is_i8(saver, node->in[0]);
  bool dilated = w->dilation_h > 1 || w->dilation_w > 1;
  mn_tflite_out_op op = depthwise ? start(TFL_DEPTHWISE_CONV_2D,
                                          i8        ? 3
                                          : dilated ? 2
                                                    : 1,
                                          TFL_OPTIONS_DEPTHWISE)
                                  : start(TFL_CONV_2D, i8 ? 3 : 1, TFL_OPTIONS_CONV_2D);
  padding pads = padding_of(w, &saver->graph->values[node->in[0]].shape);
  int32_t in[3];
  mn_status status = mn_tflite_save_value(saver, node->in[0], &in[0]);
  if (!status && pads == PADDING_OTHER) status = add_pad(saver, node, w, &in[0]);
  if (!status) status = add_weights(saver, node, &in[1]);
  if (!status) status = add_bias(saver, node, &in[2]);
  if (!status) status = mn_tflite_save_value(saver, node->out[0], &op.out);
  if (status) return status;
  set_byte(&op, TFL_CONV_PADDING, pads == PADDING_SAME ? TFL_PADDING_SAME : TFL_PADDING_VALID);
  set_int(&op, TFL_CONV_STRIDE_W, w->stride_w);
  set_int(&op, TFL_CONV_STRIDE_H, w->stride_h);
  set_act(&op, depthwise ? TFL_DEPTHWISE_ACT : TFL_CONV_ACT, node->attr.conv.act);
  set_int(&op, depthwise ? TFL_DEPTHWISE_DILATION_W : TFL_CONV_DILATION_W, w->dilation_w);
  set_int(&op, depthwise ? TFL_DEPTHWISE_DILATION_H : TFL_CONV_DILATION_H, w->dilation_h);
  if (depthwise) set_int(&op, TFL_DEPTHWISE_MULTIPLIER, node->attr.conv.multiplier);
  return mn_tflite_save_op(saver, op, in, 3);
}

/* Whether a transposed convolution's first pad is what LiteRT takes it for by SAME's rule. */
static bool is_transposed_same(int32_t out, int32_t kernel, int32_t stride, int32_t before) {
  int64_t total = (((int64_t)out + stride - 1) / stride - 1) * stride + kernel - out;
  return before == (total > 0 ? total / 2 : 0);
}

static mn_status save_transpose_conv(mn_tflite_saver *saver, const mn_node *node) {
  const mn_window *w = &node->attr.conv.window;
  const mn_shape *out = &saver->graph->values[node->out[0]].shape;
  bool bias = node->in_count > 2 && node->in[2] != MN_NONE;
  bool same = is_transposed_same(out->dim[1], w->kernel_h, w->stride_h, w->pad_top) &&
              is_transposed_same(out->dim[2], w->kernel_w, w->stride_w, w->pad_left);
  if (!same && (w->pad_top || w->pad_left)) {
    return refuse(saver, node, "its pads are neither SAME nor VALID");
  }
  int32_t version = node->attr.conv.act != MN_ACT_NONE ? 4
                    : bias                             ? 3
                    : is_i8(saver, node->in[0])        ? 2
                                                       : 1;
  mn_tflite_out_op op = start(TFL_TRANSPOSE_CONV, version, TFL_OPTIONS_TRANSPOSE_CONV);
  int32_t in[4];
  mn_status status = add_integers(saver, node, "/shape", out->dim, (mn_shape){1, {4}}, &in[0]);
  if (!status) status = mn_tflite_save_value(saver, node->in[1], &in[1]);
  if (!status) status = mn_tflite_save_value(saver, node->in[0], &in[2]);
  if (!status && bias) status = mn_tflite_save_value(saver, node->in[2], &in[3]);
  if (!status) status = mn_tflite_save_value(saver, node->out[0], &op.out);
  if (status) return status;
  set_byte(&op, TFL_CONV_PADDING, same ? TFL_PADDING_SAME : TFL_PADDING_VALID);
  set_int(&op, TFL_CONV_STRIDE_W, w->stride_w);
  set_int(&op, TFL_CONV_STRIDE_H, w->stride_h);
  if (version == 4) set_act(&op, TFL_CONV_ACT, node->attr.conv.act);
  return mn_tflite_save_op(saver, op, in, bias ? 4 : 3);
}

static mn_status save_space_batch(mn_tflite_saver *saver, const mn_node *node) {
  const mn_attr *a = &node->attr;
  const int32_t block[2] = {a->space_batch.block_h, a->space_batch.block_w};
  const int32_t pads[4] = {a->space_batch.top, a->space_batch.bottom, a->space_batch.left,
                           a->space_batch.right};
  int32_t code = node->op == MN_OP_SPACE_TO_BATCH ? TFL_SPACE_TO_BATCH_ND : TFL_BATCH_TO_SPACE_ND;
  mn_tflite_out_op op = start(code, is_i8(saver, node->in[0]) ? 2 : 1, TFL_OPTIONS_NONE);
  int32_t in[3];
  mn_status status = mn_tflite_save_value(saver, node->in[0], &in[0]);
  if (!status) status = add_integers(saver, node, "/block", block, (mn_shape){1, {2}}, &in[1]);
  if (!status) status = add_integers(saver, node, "/pads", pads, (mn_shape){2, {2, 2}}, &in[2]);
  if (!status) status = mn_tflite_save_value(saver, node->out[0], &op.out);
  return status ? status : mn_tflite_save_op(saver, op, in, 3);
}

static mn_status save_pool(mn_tflite_saver *saver, const mn_node *node) {
  const mn_shape *x = &saver->graph->values[node->in[0]].shape;
  mn_window w = node->attr.pool.window;
  if (node->attr.pool.global) {
    w = (mn_window){.kernel_h = x->dim[1],
                    .kernel_w = x->dim[2],
                    .stride_h = 1,
                    .stride_w = 1,
                    .dilation_h = 1,
                    .dilation_w = 1};
  }
  padding pads = padding_of(&w, x);
  if (pads == PADDING_OTHER) return refuse(saver, node, "its pads are neither SAME nor VALID");
  if (w.dilation_h > 1 || w.dilation_w > 1) return refuse(saver, node, "it is dilated");
  int32_t code = node->op == MN_OP_MAX_POOL ? TFL_MAX_POOL_2D : TFL_AVERAGE_POOL_2D;
  mn_tflite_out_op op = start(code, is_i8(saver, node->in[0]) ? 2 : 1, TFL_OPTIONS_POOL);
  set_byte(&op, TFL_CONV_PADDING, pads == PADDING_SAME ? TFL_PADDING_SAME : TFL_PADDING_VALID);
  set_int(&op, TFL_CONV_STRIDE_W, w.stride_w);
  set_int(&op, TFL_CONV_STRIDE_H, w.stride_h);
  set_int(&op, TFL_POOL_FILTER_W, w.kernel_w);
  set_int(&op, TFL_POOL_FILTER_H, w.kernel_h);
  set_act(&op, TFL_POOL_ACT, node->attr.pool.act);
  return add_plain(saver, node, op, 1);
}

/* ---- The others ----------------------------------------------------------------------------- */

static mn_status save_dense(mn_tflite_saver *saver, const mn_node *node) {
  bool i8 = is_i8(saver, node->in[0]), keep = node->attr.dense.keep_dims;
  bool bias = node->in_count > 2 && node->in[2] != MN_NONE;
  bool channels = saver->graph->values[node->in[1]].quant.count > 1;
  int32_t version = channels ? 12 : !bias ? 6 : keep ? 5 : i8 ? 4 : 1;
  mn_tflite_out_op op = start(TFL_FULLY_CONNECTED, version, TFL_OPTIONS_FULLY_CONNECTED);
  set_act(&op, TFL_DENSE_ACT, node->attr.dense.act);
  set_byte(&op, TFL_DENSE_KEEP_DIMS, keep);
  return add_plain(saver, node, op, bias ? 3 : 2);
}

static mn_status save_binary(mn_tflite_saver *saver, const mn_node *node) {
  bool i8 = is_i8(saver, node->in[0]);
  mn_tflite_out_op op = node->op == MN_OP_ADD   ? start(TFL_ADD, i8 ? 2 : 1, TFL_OPTIONS_ADD)
                        : node->op == MN_OP_SUB ? start(TFL_SUB, i8 ? 2 : 1, TFL_OPTIONS_SUB)
                                                : start(TFL_MUL, i8 ? 2 : 1, TFL_OPTIONS_MUL);
  set_act(&op, TFL_ELTWISE_ACT, node->attr.eltwise.act);
  return add_plain(saver, node, op, 2);
}

static mn_status save_mean(mn_tflite_saver *saver, const mn_node *node) {
  int32_t axes[MN_MAX_RANK], count = 0;
  for (int32_t i = 0; i < MN_MAX_RANK; i++) {
    if (node->attr.reduce.axes >> i & 1) axes[count++] = i;
  }
  if (count == 0) return refuse(saver, node, "it reduces no axis");
  mn_tflite_out_op op = start(TFL_MEAN, is_i8(saver, node->in[0]) ? 2 : 1, TFL_OPTIONS_REDUCER);
  set_byte(&op, TFL_REDUCER_KEEP_DIMS, node->attr.reduce.keep_dims);
  return add_with_integers(saver, node, op, axes, (mn_shape){1, {count}});
}

static mn_status save_pad(mn_tflite_saver *saver, const mn_node *node) {
  int32_t pads[2 * MN_MAX_RANK], rank = saver->graph->values[node->in[0]].shape.rank;
  if (rank == 0) return refuse(saver, node, "its input is a scalar");
  for (int32_t i = 0; i < rank; i++) {
    if (node->attr.pad.before[i] < 0 || node->attr.pad.after[i] < 0) {
      return refuse(saver, node, "it cuts something off, which pads there cannot");
    }
    pads[2 * i] = node->attr.pad.before[i];
    pads[2 * i + 1] = node->attr.pad.after[i];
  }
  mn_tflite_out_op op = start(TFL_PAD, is_i8(saver, node->in[0]) ? 2 : 1, TFL_OPTIONS_PAD);
  return add_with_integers(saver, node, op, pads, (mn_shape){2, {rank, 2}});
}

static mn_status save_concat(mn_tflite_saver *saver, const mn_node *node) {
  mn_tflite_out_op op =
      start(TFL_CONCATENATION, is_i8(saver, node->in[0]) ? 2 : 1, TFL_OPTIONS_CONCATENATION);
  set_int(&op, TFL_CONCAT_AXIS, node->attr.concat.axis);
  set_act(&op, TFL_CONCAT_ACT, node->attr.concat.act);
  return add_plain(saver, node, op, node->in_count);
}

/* A batch that is copied stays open; the rest is the model's own size. */
static mn_status save_reshape(mn_tflite_saver *saver, const mn_node *node) {
  mn_shape shape = saver->graph->values[node->out[0]].shape;
  if (shape.rank == 0) return refuse(saver, node, "its output is a scalar");
  int32_t count = shape.rank;
  if (node->attr.reshape.shape.dim[0] == 0) shape.dim[0] = -1;
  return add_with_integers(saver, node, start(TFL_RESHAPE, 1, TFL_OPTIONS_RESHAPE), shape.dim,
                           (mn_shape){1, {count}});
}

static mn_status save_resize(mn_tflite_saver *saver, const mn_node *node) {
  const mn_shape *out = &saver->graph->values[node->out[0]].shape;
  int32_t size[2] = {out->dim[1], out->dim[2]};
  bool nearest = node->op == MN_OP_RESIZE_NEAREST;
  bool align = node->attr.resize.align_corners, half = node->attr.resize.half_pixel;
  int32_t version = half || (nearest && align) ? 3 : is_i8(saver, node->in[0]) ? 2 : 1;
  mn_tflite_out_op op =
      nearest ? start(TFL_RESIZE_NEAREST_NEIGHBOR, version, TFL_OPTIONS_RESIZE_NEAREST)
              : start(TFL_RESIZE_BILINEAR, version, TFL_OPTIONS_RESIZE_BILINEAR);
  set_byte(&op, nearest ? TFL_NEAREST_ALIGN_CORNERS : TFL_BILINEAR_ALIGN_CORNERS, align);
  set_byte(&op, nearest ? TFL_NEAREST_HALF_PIXEL : TFL_BILINEAR_HALF_PIXEL, half);
  return add_with_integers(saver, node, op, size, (mn_shape){1, {2}});
}

static mn_status save_arg_max(mn_tflite_saver *saver, const mn_node *node) {
  mn_tflite_out_op op = start(TFL_ARG_MAX, is_i8(saver, node->in[0]) ? 2 : 1, TFL_OPTIONS_ARG_MAX);
  set_byte(&op, TFL_ARG_MAX_TYPE,
           node->attr.arg_max.output_type == MN_I64 ? TFL_TYPE_INT64 : TFL_TYPE_INT32);
  return add_with_integers(saver, node, op, &node->attr.arg_max.axis, (mn_shape){0, {0}});
}

static mn_status save_relu(mn_tflite_saver *saver, const mn_node *node) {
  mn_act act = node->attr.eltwise.act;
  bool i8 = is_i8(saver, node->in[0]);
  if (act == MN_ACT_NONE) return refuse(saver, node, "its kind is none");
  mn_tflite_out_op op = act == MN_ACT_RELU    ? start(TFL_RELU, i8 ? 2 : 1, TFL_OPTIONS_NONE)
                        : act == MN_ACT_RELU6 ? start(TFL_RELU6, i8 ? 2 : 1, TFL_OPTIONS_NONE)
                                              : start(TFL_RELU_N1_TO_1, 1, TFL_OPTIONS_NONE);
  return add_plain(saver, node, op, 1);
}

static mn_status save_softmax(mn_tflite_saver *saver, const mn_node *node) {
  mn_tflite_out_op op = start(TFL_SOFTMAX, is_i8(saver, node->in[0]) ? 2 : 1, TFL_OPTIONS_SOFTMAX);
  set_float(&op, TFL_SOFTMAX_BETA, node->attr.softmax.beta);
  return add_plain(saver, node, op, 1);
}

/* A constant number, stored beside the node. */
static mn_status add_number(mn_tflite_saver *saver, const mn_node *node, const char *suffix,
                            float number, int32_t *index) {
  mn_tflite_out_tensor tensor = {.type = MN_F32, .shape = {1, {1}}, .bytes = sizeof number};
  tensor.data = mn_arena_copy(&saver->scratch, &number, sizeof number);
  if (!tensor.data) return mn_fail_memory(saver->err, sizeof number);
  return add_extra(saver, node, suffix, &tensor, index);
}

/* As TensorFlow spells it: relu6(x + 3) / 6. */
static mn_status save_hard_sigmoid(mn_tflite_saver *saver, const mn_node *node) {
  const mn_value *x = &saver->graph->values[node->in[0]];
  mn_tflite_out_op add = start(TFL_ADD, 1, TFL_OPTIONS_ADD),
                   mul = start(TFL_MUL, 1, TFL_OPTIONS_MUL);
  mn_tflite_out_tensor middle = {.type = MN_F32, .shape = x->shape};
  int32_t added[2], scaled[2];
  if (x->type != MN_F32) return refuse(saver, node, "its input is not f32");
  mn_status status = mn_tflite_save_value(saver, node->in[0], &added[0]);
  if (!status) status = add_number(saver, node, "/three", 3.0f, &added[1]);
  if (!status) status = add_extra(saver, node, "/clamped", &middle, &add.out);
  if (!status) status = add_number(saver, node, "/sixth", 1.0f / 6.0f, &scaled[1]);
  if (!status) status = mn_tflite_save_value(saver, node->out[0], &mul.out);
  if (status) return status;
  set_act(&add, TFL_ELTWISE_ACT, MN_ACT_RELU6);
  set_act(&mul, TFL_ELTWISE_ACT, MN_ACT_NONE);
  scaled[0] = add.out;
  status = mn_tflite_save_op(saver, add, added, 2);
  return status ? status : mn_tflite_save_op(saver, mul, scaled, 2);
}

static mn_status save_dequantize(mn_tflite_saver *saver, const mn_node *node) {
  mn_type type = saver->graph->values[node->in[0]].type;
  if (type == MN_BF16) return refuse(saver, node, "its input is bf16");
  int32_t version = type == MN_F16 ? 3 : type == MN_I8 ? 2 : 1;
  return add_plain(saver, node, start(TFL_DEQUANTIZE, version, TFL_OPTIONS_DEQUANTIZE), 1);
}

mn_status mn_tflite_save_node(mn_tflite_saver *saver, const mn_node *node) {
  bool i8 = is_i8(saver, node->in[0]);
  switch (node->op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D: return save_conv(saver, node);
    case MN_OP_TRANSPOSE_CONV: return save_transpose_conv(saver, node);
    case MN_OP_SPACE_TO_BATCH:
    case MN_OP_BATCH_TO_SPACE: return save_space_batch(saver, node);
    case MN_OP_DENSE: return save_dense(saver, node);
    case MN_OP_ADD:
    case MN_OP_SUB:
    case MN_OP_MUL: return save_binary(saver, node);
    case MN_OP_AVG_POOL:
    case MN_OP_MAX_POOL: return save_pool(saver, node);
    case MN_OP_MEAN: return save_mean(saver, node);
    case MN_OP_PAD: return save_pad(saver, node);
    case MN_OP_CONCAT: return save_concat(saver, node);
    case MN_OP_RESHAPE: return save_reshape(saver, node);
    case MN_OP_SOFTMAX: return save_softmax(saver, node);
    case MN_OP_LOGISTIC:
      return add_plain(saver, node, start(TFL_LOGISTIC, i8 ? 2 : 1, TFL_OPTIONS_NONE), 1);
    case MN_OP_HARD_SWISH:
      return add_plain(saver, node, start(TFL_HARD_SWISH, 1, TFL_OPTIONS_HARD_SWISH), 1);
    case MN_OP_RELU: return save_relu(saver, node);
    case MN_OP_QUANTIZE:
      return add_plain(saver, node, start(TFL_QUANTIZE, 1, TFL_OPTIONS_QUANTIZE), 1);
    case MN_OP_DEQUANTIZE: return save_dequantize(saver, node);
    case MN_OP_RESIZE_BILINEAR:
    case MN_OP_RESIZE_NEAREST: return save_resize(saver, node);
    case MN_OP_ARG_MAX: return save_arg_max(saver, node);
    case MN_OP_HARD_SIGMOID: return save_hard_sigmoid(saver, node);
    case MN_OP_SSD_DETECT: return mn_tflite_save_detect(saver, node);
    case MN_OP_BATCH_NORM:
    default: return refuse(saver, node, "the format has no such operator");
  }
}
