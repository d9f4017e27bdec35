/* SPDX-License-Identifier: Apache-2.0
 * ONNX operators with a window or with weights: convolutions, fully connected layers, batch
 * normalization, pools. */
#include "format/onnx/onnx_load.h"

/* ---- Windows -------------------------------------------------------------------------------- */

/* Two numbers of a list that may be missing. */
static mn_status read_pair(const mn_onnx_op *op, const char *name, int32_t fallback, int32_t *h,
                           int32_t *w) {
  int64_t list[2] = {fallback, fallback};
  int32_t count = mn_onnx_ints(op, name, list, 2);
  bool fine = (count == 2 || count == -1) && list[0] >= 0 && list[0] <= INT16_MAX && list[1] >= 0 &&
              list[1] <= INT16_MAX;
  *h = (int32_t)list[0];
  *w = (int32_t)list[1];
  return fine ? MN_OK
              : mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its %s are not two numbers for a map", name);
}

static mn_status read_pads(const mn_onnx_op *op, mn_window *window) {
  int64_t list[4] = {0, 0, 0, 0};
  int32_t count = mn_onnx_ints(op, "pads", list, 4);
  bool fine = count == 4 || count == -1;
  for (int i = 0; i < 4; i++) fine = fine && list[i] >= 0 && list[i] <= INT16_MAX;
  if (!fine) return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its pads are not four for a map");
  window->pad_top = (int32_t)list[0];
  window->pad_left = (int32_t)list[1];
  window->pad_bottom = (int32_t)list[2];
  window->pad_right = (int32_t)list[3];
  return MN_OK;
}

static mn_status read_window(const mn_onnx_op *op, mn_window *window) {
  char text[MN_ONNX_NAME_BYTES];
  mn_pb_span rule = mn_onnx_string(op, "auto_pad");
  mn_status status = read_pair(op, "strides", 1, &window->stride_h, &window->stride_w);
  if (!status) status = read_pair(op, "dilations", 1, &window->dilation_h, &window->dilation_w);
  if (status) return status;
  if (rule.size == 0 || mn_pb_equal(rule, "NOTSET")) return read_pads(op, window);
  if (mn_pb_equal(rule, "VALID")) return MN_OK;
  window->pad_rule = MN_PAD_SAME;
  if (mn_pb_equal(rule, "SAME_UPPER")) return MN_OK;
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its auto_pad %.40s is not supported",
                      mn_onnx_text(rule, text));
}

/* ---- Convolutions --------------------------------------------------------------------------- */

/* Constant weights of the given rank. */
static mn_status find_weights(const mn_onnx_op *op, int32_t rank, mn_onnx_tensor **weights) {
  mn_status status = mn_onnx_input(op, 1, weights);
  if (status) return status;
  bool fine = (*weights)->kind == MN_ONNX_CONST && (*weights)->data_type == ONNX_FLOAT;
  if (fine && (*weights)->shape.rank == rank) return MN_OK;
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its weights are not a float constant of %d dims",
                      rank);
}

/* A vector of `count` numbers as input `position`, when there is one. */
static mn_status read_vector(const mn_onnx_op *op, int32_t position, int32_t count, float factor,
                             mn_id *id) {
  mn_onnx_form form = mn_onnx_as_is(&(mn_shape){1, {count}});
  form.factor = factor;
  return mn_onnx_constant(op, position, &form, id);
}

/* [oc][1][kh][kw] -> [kh][kw][oc]; else [oc][ic][kh][kw] -> [oc][kh][kw][ic]. */
static mn_onnx_form weights_form(const mn_shape *weights, bool depthwise) {
  const int32_t *d = weights->dim;
  mn_onnx_form form = {.view = {d[0], d[1], d[2], d[3]},
                       .order = {0, 2, 3, 1},
                       .shape = {4, {d[0], d[2], d[3], d[1]}}};
  if (!depthwise) return form;
  form.shape = (mn_shape){3, {d[2], d[3], d[0]}};
  const int32_t order[4] = {1, 2, 3, 0};
  for (int i = 0; i < 4; i++) form.order[i] = order[i];
  return form;
}

static bool is_one_pixel(const mn_window *window) {
  return window->kernel_h == 1 && window->kernel_w == 1 && window->pad_top == 0 &&
         window->pad_bottom == 0 && window->pad_left == 0 && window->pad_right == 0;
}

mn_status mn_onnx_load_conv(const mn_onnx_op *op) {
  mn_attr attr = {.conv = {.act = op->target ? op->target->act : MN_ACT_NONE}};
  mn_window *window = &attr.conv.window;
  mn_onnx_tensor *weights, x;
  mn_id in[3];
  int64_t group = mn_onnx_int(op, "group", 1);
  mn_status status = mn_onnx_map(op, 0, &x);
  if (!status) status = find_weights(op, 4, &weights);
  if (!status) status = read_window(op, window);
  if (status) return status;
  int32_t channels = x.shape.dim[1], outputs = weights->shape.dim[0];
  bool depthwise = group > 1 && group == channels && weights->shape.dim[1] == 1;
  if (group != 1 && (!depthwise || outputs % channels != 0)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                        "it has %lld groups of channels; only whole and depthwise convolutions are "
                        "supported",
                        (long long)group);
  }
  window->kernel_h = weights->shape.dim[2];
  window->kernel_w = weights->shape.dim[3];
  attr.conv.multiplier = depthwise ? outputs / channels : 0;
  mn_onnx_form form = weights_form(&weights->shape, depthwise);
  bool biased = mn_onnx_has_input(op, 2);
  in[0] = x.id;
  status = mn_onnx_constant(op, 1, &form, &in[1]);
  if (!status && biased) status = read_vector(op, 2, outputs, 1, &in[2]);
  if (status) return status;
  x.point = x.point && is_one_pixel(window);
  mn_onnx_node node = {depthwise ? MN_OP_DWCONV2D : MN_OP_CONV2D, in, biased ? 3 : 2, attr};
  return mn_onnx_emit(op, &node, &x);
}

/* Rows and columns that the output gets besides are pads that cut off less than nothing. */
static mn_status read_transposed_window(const mn_onnx_op *op, mn_window *window) {
  int32_t more_h, more_w;
  int64_t shape[2];
  mn_status status = read_window(op, window);
  if (!status) status = read_pair(op, "output_padding", 0, &more_h, &more_w);
  if (status) return status;
  if (window->pad_rule == MN_PAD_SAME || window->dilation_h != 1 || window->dilation_w != 1 ||
      mn_onnx_ints(op, "output_shape", shape, 2) >= 0 || mn_onnx_int(op, "group", 1) != 1) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                        "it has groups, dilations, an output_shape or SAME padding");
  }
  window->pad_bottom -= more_h;
  window->pad_right -= more_w;
  return MN_OK;
}

/* Weights are [ic][oc][kh][kw]. */
mn_status mn_onnx_load_transpose_conv(const mn_onnx_op *op) {
  mn_attr attr = {.conv = {.act = op->target ? op->target->act : MN_ACT_NONE}};
  mn_onnx_tensor *weights, x;
  mn_id in[3];
  mn_status status = mn_onnx_map(op, 0, &x);
  if (!status) status = find_weights(op, 4, &weights);
  if (!status) status = read_transposed_window(op, &attr.conv.window);
  if (status) return status;
  const int32_t *d = weights->shape.dim;
  attr.conv.window.kernel_h = d[2];
  attr.conv.window.kernel_w = d[3];
  mn_onnx_form form = {.view = {d[0], d[1], d[2], d[3]},
                       .order = {1, 2, 3, 0},
                       .shape = {4, {d[1], d[2], d[3], d[0]}}};
  bool biased = mn_onnx_has_input(op, 2);
  in[0] = x.id;
  status = mn_onnx_constant(op, 1, &form, &in[1]);
  if (!status && biased) status = read_vector(op, 2, d[1], 1, &in[2]);
  mn_onnx_node node = {MN_OP_TRANSPOSE_CONV, in, biased ? 3 : 2, attr};
  x.point = false;
  return status ? status : mn_onnx_emit(op, &node, &x);
}

mn_status mn_onnx_load_norm(const mn_onnx_op *op) {
  mn_attr attr = {.batch_norm = {.act = MN_ACT_NONE}};
  mn_onnx_tensor *x;
  mn_id in[5];
  mn_status status = mn_onnx_operand(op, 0, &x);
  if (status) return status;
  if (mn_onnx_int(op, "training_mode", 0) != 0 || mn_onnx_int(op, "spatial", 1) != 1) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it is not an inference over channels");
  }
  bool channels_are_last = x->channels_last || x->shape.rank == 2;
  if (!channels_are_last || x->flat.rank) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its channels are not where a map has them");
  }
  attr.batch_norm.epsilon = mn_onnx_float(op, "epsilon", 1e-5f);
  in[0] = x->id;
  for (int i = 1; i < 5 && !status; i++) status = read_vector(op, i, x->shape.dim[1], 1, &in[i]);
  mn_onnx_node node = {MN_OP_BATCH_NORM, in, 5, attr};
  return status ? status : mn_onnx_emit(op, &node, x);
}

/* ---- Fully connected ------------------------------------------------------------------------ */

/* Weights [out,in], or [in,out] when not `transposed`, to [out][in]. The rows of a flattened map
 * come as h, w, c and not as c, h, w. */
static mn_onnx_form dense_form(const mn_onnx_tensor *x, const mn_shape *weights, bool transposed) {
  int32_t first = weights->dim[0], second = weights->dim[1];
  int32_t outputs = transposed ? first : second, inputs = transposed ? second : first;
  mn_onnx_form form = {.shape = {2, {outputs, inputs}}};
  static const int32_t orders[2][4] = {{3, 1, 2, 0}, {0, 2, 3, 1}};
  int32_t map[3] = {inputs, 1, 1};
  for (int i = 0; i < 3 && x->flat.rank; i++) map[i] = x->flat.dim[i];
  for (int i = 0; i < 4; i++) form.order[i] = orders[transposed][i];
  for (int i = 0; i < 3; i++) form.view[transposed ? i + 1 : i] = map[i];
  form.view[transposed ? 0 : 3] = outputs;
  return form;
}

static mn_status emit_dense(const mn_onnx_op *op, bool transposed, float alpha, float beta) {
  mn_attr attr = {.dense = {.keep_dims = true, .act = op->target ? op->target->act : MN_ACT_NONE}};
  mn_onnx_tensor *x, *weights;
  mn_id in[3];
  mn_status status = mn_onnx_operand(op, 0, &x);
  if (!status) status = find_weights(op, 2, &weights);
  if (status) return status;
  if (x->channels_last || x->shape.rank < 2) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input is not a matrix");
  }
  mn_onnx_form form = dense_form(x, &weights->shape, transposed);
  if (x->flat.rank && x->shape.dim[1] != form.shape.dim[1]) {
    return mn_onnx_fail(op, MN_ERR_SHAPE, "its weights take %d numbers, its input has %d",
                        form.shape.dim[1], x->shape.dim[1]);
  }
  form.factor = alpha;
  bool biased = mn_onnx_has_input(op, 2);
  in[0] = x->id;
  status = mn_onnx_constant(op, 1, &form, &in[1]);
  if (!status && biased) status = read_vector(op, 2, form.shape.dim[0], beta, &in[2]);
  mn_onnx_tensor plain = {.point = x->point};
  mn_onnx_node node = {MN_OP_DENSE, in, biased ? 3 : 2, attr};
  return status ? status : mn_onnx_emit(op, &node, &plain);
}

mn_status mn_onnx_load_gemm(const mn_onnx_op *op) {
  float alpha = mn_onnx_float(op, "alpha", 1), beta = mn_onnx_float(op, "beta", 1);
  if (mn_onnx_int(op, "transA", 0) != 0 || alpha == 0 || beta == 0) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its transA is not 0, or its alpha or beta is");
  }
  return emit_dense(op, mn_onnx_int(op, "transB", 0) != 0, alpha, beta);
}

mn_status mn_onnx_load_matmul(const mn_onnx_op *op) {
  if (op->in_count != 2) return mn_onnx_fail(op, MN_ERR_FORMAT, "it has not two inputs");
  return emit_dense(op, false, 1, 1);
}

/* ---- Pools ---------------------------------------------------------------------------------- */

/* Of codes: a pool has one scale, a mean has two. */
static mn_status emit_mean(const mn_onnx_op *op, mn_onnx_tensor *x) {
  mn_onnx_node node = {.op = MN_OP_MEAN, .in = &x->id, .in_count = 1};
  node.attr.reduce.axes = 6;
  node.attr.reduce.keep_dims = true;
  x->point = true;
  return mn_onnx_emit(op, &node, x);
}

mn_status mn_onnx_load_global_pool(const mn_onnx_op *op) {
  mn_onnx_tensor x;
  mn_status status = mn_onnx_map(op, 0, &x);
  if (status) return status;
  bool largest = mn_pb_equal(op->type, "GlobalMaxPool");
  if (op->target && !largest) return emit_mean(op, &x);
  mn_onnx_node node = {.op = largest ? MN_OP_MAX_POOL : MN_OP_AVG_POOL, .in = &x.id, .in_count = 1};
  node.attr.pool.global = true;
  x.point = true;
  return mn_onnx_emit(op, &node, &x);
}

/* Over rows and columns: a pool, and without them a reshape. Axes: as ReduceMean's. */
mn_status mn_onnx_load_reduce_max(const mn_onnx_op *op) {
  mn_onnx_tensor x;
  int64_t list[MN_MAX_RANK];
  int32_t count, axis;
  unsigned axes = 0;
  mn_status status = mn_onnx_map(op, 0, &x);
  if (!status) status = mn_onnx_axes(op, 18, list, &count);
  if (status) return status;
  for (int32_t i = 0; i < count && !status; i++) {
    status = mn_onnx_axis(op, list[i], MN_MAX_RANK, &axis);
    if (!status) axes |= 1u << axis;
  }
  if (status) return status;
  if (axes != 12) return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its axes are not those of a map");
  mn_onnx_node node = {.op = MN_OP_MAX_POOL, .in = &x.id, .in_count = 1};
  node.attr.pool.global = true;
  x.point = true;
  if (mn_onnx_int(op, "keepdims", 1) != 0) return mn_onnx_emit(op, &node, &x);
  status = mn_onnx_step(op, &node, &x.id);
  mn_onnx_node flat = {.op = MN_OP_RESHAPE, .in = &x.id, .in_count = 1};
  flat.attr.reshape.shape = (mn_shape){2, {0, -1}};
  return status ? status : mn_onnx_emit(op, &flat, &(mn_onnx_tensor){.point = true});
}

static bool has_pads(const mn_window *w) {
  return w->pad_rule == MN_PAD_SAME || w->pad_top || w->pad_bottom || w->pad_left || w->pad_right;
}

/* With ceil_mode the last window may hang over the edge; without a rest it makes no difference. */
static bool leaves_rest(const mn_window *w, const mn_shape *x) {
  int64_t rows = (int64_t)x->dim[2] + w->pad_top + w->pad_bottom - w->kernel_h;
  int64_t columns = (int64_t)x->dim[3] + w->pad_left + w->pad_right - w->kernel_w;
  return rows % w->stride_h != 0 || columns % w->stride_w != 0;
}

static mn_status check_pool(const mn_onnx_op *op, const mn_window *window, const mn_shape *x) {
  if (window->dilation_h != 1 || window->dilation_w != 1) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its window is dilated");
  }
  if (window->stride_h < 1 || window->stride_w < 1 || window->kernel_h < 1 ||
      window->kernel_w < 1) {
    return mn_onnx_fail(op, MN_ERR_FORMAT, "its window or stride is 0");
  }
  if (mn_onnx_int(op, "count_include_pad", 0) != 0 && has_pads(window)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it averages over padding (count_include_pad)");
  }
  if (mn_onnx_int(op, "ceil_mode", 0) != 0 && leaves_rest(window, x)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its last window hangs over the edge (ceil_mode)");
  }
  return MN_OK;
}

/* The window is the whole map, so the pool is one at every size. */
static bool is_global(const mn_window *window, const mn_shape *x) {
  return window->kernel_h == x->dim[2] && window->kernel_w == x->dim[3] && !has_pads(window);
}

mn_status mn_onnx_load_pool(const mn_onnx_op *op) {
  mn_attr attr = {.pool = {.global = false}};
  mn_window *window = &attr.pool.window;
  mn_onnx_tensor x;
  mn_status status = mn_onnx_map(op, 0, &x);
  if (!status) status = read_window(op, window);
  if (!status) status = read_pair(op, "kernel_shape", 0, &window->kernel_h, &window->kernel_w);
  if (!status) status = check_pool(op, window, &x.shape);
  if (status) return status;
  bool average = mn_pb_equal(op->type, "AveragePool");
  attr.pool.global = is_global(window, &x.shape);
  x.point = attr.pool.global;
  mn_onnx_node node = {average ? MN_OP_AVG_POOL : MN_OP_MAX_POOL, &x.id, 1, attr};
  status = mn_onnx_emit(op, &node, &x);
  if (!status && mn_onnx_int(op, "ceil_mode", 0) != 0) mn_onnx_fix_size(op);
  return status;
}
