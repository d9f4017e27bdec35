/* SPDX-License-Identifier: Apache-2.0
 * TFLite operators with a window or with weights: convolutions, fully connected, pools. */
#include "format/tflite/tflite_load.h"

static mn_status read_pad_rule(const mn_tflite_op *op, mn_pad_rule *rule) {
  int8_t padding = mn_fb_i8(&op->loader->fb, &op->options, TFL_CONV_PADDING, TFL_PADDING_SAME);
  if (padding != TFL_PADDING_SAME && padding != TFL_PADDING_VALID) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "its padding is %d, expected SAME or VALID", padding);
  }
  *rule = padding == TFL_PADDING_SAME ? MN_PAD_SAME : MN_PAD_EXPLICIT;
  return MN_OK;
}

/* Padding and strides have the same fields in all options with a window. */
static mn_status read_window(const mn_tflite_op *op, mn_window *window) {
  mn_flatbuffer *fb = &op->loader->fb;
  window->stride_w = mn_fb_i32(fb, &op->options, TFL_CONV_STRIDE_W, 0);
  window->stride_h = mn_fb_i32(fb, &op->options, TFL_CONV_STRIDE_H, 0);
  window->dilation_h = window->dilation_w = 1;
  if (window->stride_w < 1 || window->stride_h < 1) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "its stride is %d x %d, expected at least 1",
                          window->stride_h, window->stride_w);
  }
  return read_pad_rule(op, &window->pad_rule);
}

/* Dynamic-range quantization: float layers with 8-bit weights. They are computed in float, weights
 * widened once; LiteRT rounds the activations of every run to 8 bits as well. */
static mn_status widen_weights(const mn_tflite_op *op, mn_id in[3]) {
  mn_tflite_tensor codes;
  mn_status status = mn_tflite_input_tensor(op, 1, &codes);
  if (status) return status;
  mn_tflite_tensor wide = codes;
  wide.type = MN_F32;
  status = mn_tflite_make_dequantized(op->loader, &codes, &wide);
  in[1] = op->loader->values[codes.index]; /* from here on the tensor is its floats */
  return status;
}

/* Input, weights and the optional bias. */
static mn_status read_layer_inputs(const mn_tflite_op *op, mn_id in[3], int32_t *count) {
  mn_status status = mn_tflite_operand(op, 0, &in[0]);
  if (!status) status = mn_tflite_operand(op, 1, &in[1]);
  if (!status) status = mn_tflite_optional(op, 2, &in[2]);
  *count = !status && in[2] != MN_NONE ? 3 : 2;
  if (status) return status;
  const mn_value *values = op->loader->graph->values;
  mn_type type = values[in[1]].type;
  if (values[in[0]].type == MN_F32 && (type == MN_I8 || type == MN_U8))
    return widen_weights(op, in);
  return MN_OK;
}

mn_status mn_tflite_load_conv(const mn_tflite_op *op) {
  mn_attr attr = {.conv = {.multiplier = 0}};
  mn_window *window = &attr.conv.window;
  mn_id in[3];
  int32_t count;
  mn_status status = read_layer_inputs(op, in, &count);
  if (!status) status = read_window(op, window);
  if (!status) status = mn_tflite_activation(op, TFL_CONV_ACT, &attr.conv.act);
  if (status) return status;
  const mn_shape *x = &op->loader->graph->values[in[0]].shape;
  const mn_shape *w = &op->loader->graph->values[in[1]].shape;
  if (w->rank != 4) return mn_tflite_fail(op, MN_ERR_FORMAT, "its weights are not of rank 4");
  if (x->rank == 4 && w->dim[3] > 0 && x->dim[3] > w->dim[3] && x->dim[3] % w->dim[3] == 0) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED,
                          "it has %d groups of channels; only whole and depthwise convolutions "
                          "are supported",
                          x->dim[3] / w->dim[3]);
  }
  window->kernel_h = w->dim[1];
  window->kernel_w = w->dim[2];
  window->dilation_w = mn_fb_i32(&op->loader->fb, &op->options, TFL_CONV_DILATION_W, 1);
  window->dilation_h = mn_fb_i32(&op->loader->fb, &op->options, TFL_CONV_DILATION_H, 1);
  return mn_tflite_emit(op, MN_OP_CONV2D, in, count, &attr);
}

/* Drops the leading 1 of [1][kh][kw][channels]. */
static bool drop_leading_dim(mn_value *weights) {
  mn_shape *shape = &weights->shape;
  if (shape->rank == 3 && weights->kind == MN_KIND_CONST) return true; /* seen before */
  if (shape->rank != 4 || shape->dim[0] != 1 || weights->kind != MN_KIND_CONST) return false;
  *shape = (mn_shape){3, {shape->dim[1], shape->dim[2], shape->dim[3]}};
  if (weights->quant.count > 1) weights->quant.axis--;
  return true;
}

mn_status mn_tflite_load_depthwise(const mn_tflite_op *op) {
  mn_attr attr = {.conv = {.multiplier = 0}};
  mn_window *window = &attr.conv.window;
  mn_id in[3];
  int32_t count;
  mn_status status = read_layer_inputs(op, in, &count);
  if (!status) status = read_window(op, window);
  if (!status) status = mn_tflite_activation(op, TFL_DEPTHWISE_ACT, &attr.conv.act);
  if (status) return status;
  mn_value *weights = &op->loader->graph->values[in[1]];
  const mn_shape *x = &op->loader->graph->values[in[0]].shape;
  if (!drop_leading_dim(weights)) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "its weights are not a constant of shape [1,h,w,c]");
  }
  const mn_shape *w = &weights->shape;
  if (x->rank != 4 || x->dim[3] < 1 || w->dim[2] % x->dim[3] != 0) {
    return mn_tflite_fail(op, MN_ERR_FORMAT,
                          "its %d output channels are not a multiple of its input channels",
                          w->dim[2]);
  }
  window->kernel_h = w->dim[0];
  window->kernel_w = w->dim[1];
  window->dilation_w = mn_fb_i32(&op->loader->fb, &op->options, TFL_DEPTHWISE_DILATION_W, 1);
  window->dilation_h = mn_fb_i32(&op->loader->fb, &op->options, TFL_DEPTHWISE_DILATION_H, 1);
  attr.conv.multiplier = w->dim[2] / x->dim[3];
  return mn_tflite_emit(op, MN_OP_DWCONV2D, in, count, &attr);
}

/* ---- Fully connected ------------------------------------------------------------------------ */

/* TFLite cuts the input into rows of the weights' length whatever its shape is; ours flattens all
 * but the last dim. Where that differs a reshape comes first: rows of *x. */
static mn_status flatten_rows(const mn_tflite_op *op, int32_t length, mn_id *x) {
  mn_graph *graph = op->loader->graph;
  const mn_value *value = &graph->values[*x];
  char name[MN_TFLITE_NAME_BYTES];
  mn_tflite_tensor unnamed = {.index = op->loader->tensors.count + op->index};
  int32_t elements;
  if (length < 1 || !mn_shape_elements(&value->shape, &elements) || elements % length) {
    return mn_tflite_fail(op, MN_ERR_SHAPE, "its input cannot be cut into rows of %d", length);
  }
  mn_status status = mn_tflite_unique_name(op->loader, &unnamed, name);
  if (!status) status = mn_tflite_check(op->loader, sizeof(mn_value) + sizeof(mn_node));
  if (status) return status;
  mn_shape rows = {2, {elements / length, length}};
  mn_quant quant = value->quant;
  bool batch_is_rows = value->shape.rank > 0 && rows.dim[0] == value->shape.dim[0];
  mn_id id = mn_graph_add_value(graph, name, value->type, &rows);
  if (id == MN_NONE) return mn_fail_memory(op->loader->err, sizeof(mn_value));
  graph->values[id].quant = quant;
  mn_id node = mn_graph_add_node(graph, MN_OP_RESHAPE, name, x, 1, &id, 1);
  if (node == MN_NONE) return mn_fail_memory(op->loader->err, sizeof(mn_node));
  graph->nodes[node].attr.reshape.shape =
      (mn_shape){2, {batch_is_rows ? 0 : -1, batch_is_rows ? -1 : length}};
  *x = id;
  return mn_tflite_register_value(op->loader, id, MN_TFLITE_STATED);
}

mn_status mn_tflite_load_dense(const mn_tflite_op *op) {
  mn_attr attr = {.dense = {.act = MN_ACT_NONE}};
  mn_flatbuffer *fb = &op->loader->fb;
  mn_id in[3];
  int32_t count;
  mn_status status = read_layer_inputs(op, in, &count);
  if (!status) status = mn_tflite_activation(op, TFL_DENSE_ACT, &attr.dense.act);
  if (status) return status;
  if (mn_fb_i8(fb, &op->options, TFL_DENSE_WEIGHTS_FORMAT, 0) != 0) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "its weights are shuffled");
  }
  attr.dense.keep_dims = mn_fb_u8(fb, &op->options, TFL_DENSE_KEEP_DIMS, 0) != 0;
  const mn_shape *x = &op->loader->graph->values[in[0]].shape;
  const mn_shape *w = &op->loader->graph->values[in[1]].shape;
  if (w->rank != 2) return mn_tflite_fail(op, MN_ERR_FORMAT, "its weights are not of rank 2");
  if (!attr.dense.keep_dims && (x->rank < 2 || x->dim[x->rank - 1] != w->dim[1])) {
    status = flatten_rows(op, w->dim[1], &in[0]);
    if (status) return status;
  }
  return mn_tflite_emit(op, MN_OP_DENSE, in, count, &attr);
}

/* ---- Pools ---------------------------------------------------------------------------------- */

static bool covers(int32_t size, int32_t kernel, int32_t stride, mn_pad_rule rule) {
  int32_t before = 0, after = 0, out;
  return kernel == size && mn_window_extent(size, kernel, stride, 1, rule, &before, &after, &out) &&
         out == 1 && before == 0 && after == 0;
}

/* The window is the whole map, so the pool is one at every size. */
static bool is_global(const mn_window *window, const mn_shape *x) {
  return x->rank == 4 && covers(x->dim[1], window->kernel_h, window->stride_h, window->pad_rule) &&
         covers(x->dim[2], window->kernel_w, window->stride_w, window->pad_rule);
}

mn_status mn_tflite_load_pool(const mn_tflite_op *op) {
  mn_attr attr = {.pool = {.global = false}};
  mn_window *window = &attr.pool.window;
  mn_id in;
  mn_status status = mn_tflite_operand(op, 0, &in);
  if (!status) status = read_window(op, window);
  if (!status) status = mn_tflite_activation(op, TFL_POOL_ACT, &attr.pool.act);
  if (status) return status;
  window->kernel_w = mn_fb_i32(&op->loader->fb, &op->options, TFL_POOL_FILTER_W, 0);
  window->kernel_h = mn_fb_i32(&op->loader->fb, &op->options, TFL_POOL_FILTER_H, 0);
  attr.pool.global = is_global(window, &op->loader->graph->values[in].shape);
  mn_op kind = op->code == TFL_MAX_POOL_2D ? MN_OP_MAX_POOL : MN_OP_AVG_POOL;
  return mn_tflite_emit(op, kind, &in, 1, &attr);
}
