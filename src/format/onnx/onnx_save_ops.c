/* SPDX-License-Identifier: Apache-2.0
 * Nodes of the graph as ONNX operators. What ONNX has no single operator for, or what would need
 * a transpose in the middle, is refused by name. */
#include "base/alloc.h"
#include "format/onnx/onnx_save.h"

static mn_status refuse(const mn_onnx_saver *saver, const mn_node *node, const char *why) {
  return mn_fail(saver->err, MN_ERR_UNSUPPORTED, node->name, "%s cannot be written to ONNX: %s",
                 mn_op_name(node->op), why);
}

static const mn_value *in_value(const mn_onnx_saver *saver, const mn_node *node, int32_t index) {
  bool present = index < node->in_count && node->in[index] != MN_NONE;
  return present ? &saver->graph->values[node->in[index]] : NULL;
}

static void put_operand(mn_onnx_out *out, mn_id value) {
  char name[MN_ONNX_SAVED_NAME];
  mn_onnx_real_name(out->saver, value, name);
  mn_onnx_put_in(out, name);
}

/* The name that the node's floats get before they are quantized. */
static void exact_name(const mn_onnx_saver *saver, const mn_node *node,
                       char text[MN_ONNX_SAVED_NAME]) {
  const mn_value *value = &saver->graph->values[node->out[0]];
  bool codes = value->type == MN_I8 || value->type == MN_U8;
  mn_onnx_value_name(saver, node->out[0], codes ? "/exact" : "", text);
}

/* Ends the operator; the activation follows, then the codes. */
static mn_status finish(mn_onnx_out *out, const mn_node *node, const char *type, mn_act act) {
  char result[MN_ONNX_SAVED_NAME], inner[MN_ONNX_SAVED_NAME], low[MN_ONNX_SAVED_NAME],
      high[MN_ONNX_SAVED_NAME];
  mn_onnx_saver *saver = out->saver;
  exact_name(saver, node, result);
  if (act == MN_ACT_NONE) {
    mn_onnx_end(out, type, result);
  } else {
    mn_onnx_new_name(saver, inner);
    mn_onnx_end(out, type, inner);
    mn_onnx_out clamp = mn_onnx_begin(saver);
    mn_onnx_put_in(&clamp, inner);
    if (act != MN_ACT_RELU) {
      mn_onnx_put_number(saver, act == MN_ACT_RELU6 ? 0.0f : -1.0f, low);
      mn_onnx_put_number(saver, act == MN_ACT_RELU6 ? 6.0f : 1.0f, high);
      mn_onnx_put_in(&clamp, low);
      mn_onnx_put_in(&clamp, high);
    }
    mn_onnx_end(&clamp, act == MN_ACT_RELU ? "Relu" : "Clip", result);
  }
  mn_onnx_put_codes(saver, node->out[0]);
  return MN_OK;
}

static mn_status save_plain(mn_onnx_saver *saver, const mn_node *node, const char *type) {
  mn_onnx_out out = mn_onnx_begin(saver);
  put_operand(&out, node->in[0]);
  return finish(&out, node, type, MN_ACT_NONE);
}

/* ---- Layers --------------------------------------------------------------------------------- */

/* The bias, in steps of the product of the scales where it is codes. */
static mn_status put_bias(mn_onnx_saver *saver, const mn_node *node) {
  const mn_value *x = in_value(saver, node, 0), *weights = in_value(saver, node, 1);
  const mn_value *bias = in_value(saver, node, 2);
  if (!bias) return MN_OK;
  mn_onnx_layout layout = {.order = {0, 1, 2, 3}, .shape = bias->shape};
  if (bias->type == MN_F32) return mn_onnx_put_constant(saver, node->in[2], &layout);
  size_t count = (size_t)weights->quant.count;
  float *scale = mn_alloc(count * sizeof *scale);
  if (!scale) return mn_fail_memory(saver->err, count * sizeof *scale);
  for (size_t i = 0; i < count; i++) scale[i] = x->quant.scale[0] * weights->quant.scale[i];
  layout.bias_scale = scale;
  layout.bias_count = weights->quant.count;
  mn_status status = mn_onnx_put_constant(saver, node->in[2], &layout);
  mn_free(scale);
  return status;
}

/* SAME depends on the map's size with strides only; without, its pads can be said, as they must be
 * with dilations, for which onnxruntime has no SAME. */
static void put_window(mn_onnx_out *out, const mn_window *window, const mn_shape *x, bool dilates) {
  mn_window w = *window;
  int32_t height, width;
  bool dilated = w.dilation_h > 1 || w.dilation_w > 1;
  if (dilated || (w.stride_h == 1 && w.stride_w == 1)) {
    mn_window_resolve(&w, x->dim[1], x->dim[2], &height, &width);
  }
  mn_onnx_put_ints(out, "kernel_shape", (int32_t[]){w.kernel_h, w.kernel_w}, 2);
  mn_onnx_put_ints(out, "strides", (int32_t[]){w.stride_h, w.stride_w}, 2);
  if (dilates) mn_onnx_put_ints(out, "dilations", (int32_t[]){w.dilation_h, w.dilation_w}, 2);
  if (w.pad_rule == MN_PAD_SAME) {
    mn_onnx_put_string(out, "auto_pad", "SAME_UPPER");
  } else {
    int32_t pads[4] = {w.pad_top, w.pad_left, w.pad_bottom, w.pad_right};
    mn_onnx_put_ints(out, "pads", pads, 4);
  }
}

static mn_status put_layer(mn_onnx_saver *saver, const mn_node *node, mn_onnx_out *out,
                           const mn_onnx_layout *weights) {
  mn_status status = mn_onnx_put_constant(saver, node->in[1], weights);
  if (!status) status = put_bias(saver, node);
  put_operand(out, node->in[0]);
  put_operand(out, node->in[1]);
  if (in_value(saver, node, 2)) put_operand(out, node->in[2]);
  return status;
}

static mn_status save_conv(mn_onnx_saver *saver, const mn_node *node) {
  bool depthwise = node->op == MN_OP_DWCONV2D;
  const int32_t *d = in_value(saver, node, 1)->shape.dim;
  mn_onnx_layout layout = {.order = {0, 3, 1, 2}, .shape = {4, {d[0], d[3], d[1], d[2]}}};
  if (depthwise) {
    layout = (mn_onnx_layout){.order = {3, 0, 1, 2}, .shape = {4, {d[2], 1, d[0], d[1]}}};
  }
  mn_onnx_out out = mn_onnx_begin(saver);
  mn_status status = put_layer(saver, node, &out, &layout);
  if (depthwise) mn_onnx_put_int(&out, "group", in_value(saver, node, 0)->shape.dim[3]);
  put_window(&out, &node->attr.conv.window, &in_value(saver, node, 0)->shape, true);
  mn_status ended = finish(&out, node, "Conv", node->attr.conv.act);
  return status ? status : ended;
}

/* Pads of ours that are negative add rows and columns, which ONNX can do at the ends only. */
static mn_status save_transpose_conv(mn_onnx_saver *saver, const mn_node *node) {
  const mn_window *w = &node->attr.conv.window;
  const int32_t *d = in_value(saver, node, 1)->shape.dim;
  if (w->pad_top < 0 || w->pad_left < 0) return refuse(saver, node, "its map begins with padding");
  mn_onnx_layout layout = {.order = {3, 0, 1, 2}, .shape = {4, {d[3], d[0], d[1], d[2]}}};
  layout.channel_axis = 1;
  mn_onnx_out out = mn_onnx_begin(saver);
  mn_status status = put_layer(saver, node, &out, &layout);
  int32_t more[2] = {w->pad_bottom < 0 ? -w->pad_bottom : 0, w->pad_right < 0 ? -w->pad_right : 0};
  mn_window cut = *w;
  cut.pad_bottom += more[0];
  cut.pad_right += more[1];
  put_window(&out, &cut, &in_value(saver, node, 0)->shape, false);
  mn_onnx_put_ints(&out, "output_padding", more, 2);
  mn_status ended = finish(&out, node, "ConvTranspose", node->attr.conv.act);
  return status ? status : ended;
}

static mn_status save_norm(mn_onnx_saver *saver, const mn_node *node) {
  int32_t rank = in_value(saver, node, 0)->shape.rank;
  if (rank != 2 && rank != 4) return refuse(saver, node, "its channels would not be second");
  for (int32_t i = 1; i < 5; i++) {
    mn_onnx_layout layout = {.order = {0, 1, 2, 3}, .shape = in_value(saver, node, i)->shape};
    mn_status status = mn_onnx_put_constant(saver, node->in[i], &layout);
    if (status) return status;
  }
  mn_onnx_out out = mn_onnx_begin(saver);
  for (int32_t i = 0; i < 5; i++) put_operand(&out, node->in[i]);
  mn_onnx_put_float(&out, "epsilon", node->attr.batch_norm.epsilon);
  return finish(&out, node, "BatchNormalization", node->attr.batch_norm.act);
}

/* Of a matrix; of maps it is a convolution of one pixel. */
static mn_status save_dense(mn_onnx_saver *saver, const mn_node *node) {
  const mn_value *x = in_value(saver, node, 0);
  const int32_t *d = in_value(saver, node, 1)->shape.dim;
  bool map = x->shape.rank == 4 && node->attr.dense.keep_dims;
  bool pixel = x->shape.rank == 4 && x->shape.dim[1] == 1 && x->shape.dim[2] == 1;
  if (x->shape.rank != 2 && !map && !pixel) return refuse(saver, node, "its input is no matrix");
  mn_onnx_layout layout = {.order = {0, 1, 2, 3}, .shape = {2, {d[0], d[1]}}};
  if (map) layout.shape = (mn_shape){4, {d[0], d[1], 1, 1}};
  char flat[MN_ONNX_SAVED_NAME];
  mn_onnx_out out = mn_onnx_begin(saver);
  mn_status status = mn_onnx_put_constant(saver, node->in[1], &layout);
  if (!status) status = put_bias(saver, node);
  if (!map && pixel) {
    mn_onnx_out flatten = mn_onnx_begin(saver);
    put_operand(&flatten, node->in[0]);
    mn_onnx_new_name(saver, flat);
    mn_onnx_end(&flatten, "Flatten", flat);
    mn_onnx_put_in(&out, flat);
  } else {
    put_operand(&out, node->in[0]);
  }
  put_operand(&out, node->in[1]);
  if (in_value(saver, node, 2)) put_operand(&out, node->in[2]);
  if (!map) mn_onnx_put_int(&out, "transB", 1);
  mn_status ended = finish(&out, node, map ? "Conv" : "Gemm", node->attr.dense.act);
  return status ? status : ended;
}

static mn_status save_pool(mn_onnx_saver *saver, const mn_node *node) {
  bool largest = node->op == MN_OP_MAX_POOL, global = node->attr.pool.global;
  mn_onnx_out out = mn_onnx_begin(saver);
  put_operand(&out, node->in[0]);
  if (!global) put_window(&out, &node->attr.pool.window, &in_value(saver, node, 0)->shape, false);
  return finish(&out, node,
                global    ? (largest ? "GlobalMaxPool" : "GlobalAveragePool")
                : largest ? "MaxPool"
                          : "AveragePool",
                node->attr.pool.act);
}

/* ---- Element by element --------------------------------------------------------------------- */

/* Beside a map a constant has four dims, channels second. */
static mn_status put_beside(mn_onnx_saver *saver, const mn_node *node, int32_t index) {
  const mn_value *value = in_value(saver, node, index), *other = in_value(saver, node, 1 - index);
  mn_onnx_layout layout = {.order = {0, 1, 2, 3}, .shape = value->shape};
  if (value->kind != MN_KIND_CONST) {
    bool same = value->shape.rank == other->shape.rank || other->kind == MN_KIND_CONST;
    return same ? MN_OK : refuse(saver, node, "its inputs have different ranks");
  }
  if (other->shape.rank == 4) {
    int32_t full[4], missing = 4 - value->shape.rank;
    for (int32_t i = 0; i < 4; i++) full[i] = i < missing ? 1 : value->shape.dim[i - missing];
    layout =
        (mn_onnx_layout){.order = {0, 3, 1, 2}, .shape = {4, {full[0], full[3], full[1], full[2]}}};
  }
  return mn_onnx_put_constant(saver, node->in[index], &layout);
}

static mn_status save_binary(mn_onnx_saver *saver, const mn_node *node) {
  mn_status status = put_beside(saver, node, 0);
  if (!status) status = put_beside(saver, node, 1);
  if (status) return status;
  mn_onnx_out out = mn_onnx_begin(saver);
  put_operand(&out, node->in[0]);
  put_operand(&out, node->in[1]);
  return finish(&out, node,
                node->op == MN_OP_ADD   ? "Add"
                : node->op == MN_OP_SUB ? "Sub"
                                        : "Mul",
                node->attr.eltwise.act);
}

static mn_status save_relu(mn_onnx_saver *saver, const mn_node *node) {
  mn_onnx_out out = mn_onnx_begin(saver);
  put_operand(&out, node->in[0]);
  return finish(&out, node, "Identity", node->attr.eltwise.act);
}

/* ONNX has no beta: what it multiplies is multiplied before. */
static mn_status save_softmax(mn_onnx_saver *saver, const mn_node *node) {
  char beta[MN_ONNX_SAVED_NAME], scaled[MN_ONNX_SAVED_NAME];
  mn_onnx_out out = mn_onnx_begin(saver);
  if (node->attr.softmax.beta == 1) {
    put_operand(&out, node->in[0]);
  } else {
    mn_onnx_out times = mn_onnx_begin(saver);
    put_operand(&times, node->in[0]);
    mn_onnx_put_number(saver, node->attr.softmax.beta, beta);
    mn_onnx_put_in(&times, beta);
    mn_onnx_new_name(saver, scaled);
    mn_onnx_end(&times, "Mul", scaled);
    mn_onnx_put_in(&out, scaled);
  }
  mn_onnx_put_int(&out, "axis", in_value(saver, node, 0)->shape.rank == 4 ? 1 : -1);
  return finish(&out, node, "Softmax", MN_ACT_NONE);
}

static mn_status save_hard_sigmoid(mn_onnx_saver *saver, const mn_node *node) {
  mn_onnx_out out = mn_onnx_begin(saver);
  put_operand(&out, node->in[0]);
  mn_onnx_put_float(&out, "alpha", 1.0f / 6);
  mn_onnx_put_float(&out, "beta", 0.5f);
  return finish(&out, node, "HardSigmoid", MN_ACT_NONE);
}

/* ---- Shapes --------------------------------------------------------------------------------- */

static int32_t file_axis(const mn_shape *shape, int32_t axis) {
  static const int32_t first[] = {0, 2, 3, 1};
  return shape->rank == 4 ? first[axis] : axis;
}

static mn_status save_concat(mn_onnx_saver *saver, const mn_node *node) {
  mn_onnx_out out = mn_onnx_begin(saver);
  for (int32_t i = 0; i < node->in_count; i++) {
    if (in_value(saver, node, i)->kind == MN_KIND_CONST) {
      mn_pb_builder_free(&out.node);
      return refuse(saver, node, "it joins a constant");
    }
    put_operand(&out, node->in[i]);
  }
  const mn_shape *x = &in_value(saver, node, 0)->shape;
  mn_onnx_put_int(&out, "axis", file_axis(x, node->attr.concat.axis));
  return finish(&out, node, "Concat", node->attr.concat.act);
}

/* The order of floats is that of the codes that they stand for. */
static mn_status save_arg_max(mn_onnx_saver *saver, const mn_node *node) {
  const mn_shape *x = &in_value(saver, node, 0)->shape;
  int32_t axis = node->attr.arg_max.axis;
  char index[MN_ONNX_SAVED_NAME];
  if (x->rank == 4 && axis != 3) return refuse(saver, node, "it is not over the channels");
  mn_onnx_out out = mn_onnx_begin(saver);
  put_operand(&out, node->in[0]);
  mn_onnx_put_int(&out, "axis", file_axis(x, axis));
  mn_onnx_put_int(&out, "keepdims", 0);
  if (node->attr.arg_max.output_type == MN_I64) return finish(&out, node, "ArgMax", MN_ACT_NONE);
  mn_onnx_new_name(saver, index);
  mn_onnx_end(&out, "ArgMax", index);
  mn_onnx_out narrow = mn_onnx_begin(saver);
  mn_onnx_put_in(&narrow, index);
  mn_onnx_put_int(&narrow, "to", ONNX_INT32);
  return finish(&narrow, node, "Cast", MN_ACT_NONE);
}

static mn_status save_mean(mn_onnx_saver *saver, const mn_node *node) {
  const mn_shape *x = &in_value(saver, node, 0)->shape;
  int32_t axes[MN_MAX_RANK], count = 0;
  bool keep = node->attr.reduce.keep_dims;
  for (int32_t i = 0; i < x->rank; i++) {
    if (node->attr.reduce.axes >> i & 1) axes[count++] = file_axis(x, i);
  }
  if (x->rank == 4 && !keep && node->attr.reduce.axes != 6) {
    return refuse(saver, node, "it drops other axes than height and width");
  }
  mn_onnx_out out = mn_onnx_begin(saver);
  put_operand(&out, node->in[0]);
  mn_onnx_put_ints(&out, "axes", axes, count);
  mn_onnx_put_int(&out, "keepdims", keep);
  return finish(&out, node, "ReduceMean", MN_ACT_NONE);
}

/* `pads` are in the file's order of axes, first those before, then those behind. */
static mn_onnx_out begin_pad(mn_onnx_saver *saver, const char *x, const int32_t *pads,
                             int32_t count) {
  char name[MN_ONNX_SAVED_NAME];
  mn_onnx_put_list(saver, pads, count, name);
  mn_onnx_out out = mn_onnx_begin(saver);
  mn_onnx_put_in(&out, x);
  mn_onnx_put_in(&out, name);
  return out;
}

static mn_status save_pad(mn_onnx_saver *saver, const mn_node *node) {
  const mn_shape *x = &in_value(saver, node, 0)->shape;
  int32_t pads[2 * MN_MAX_RANK];
  char name[MN_ONNX_SAVED_NAME];
  for (int32_t i = 0; i < x->rank; i++) {
    pads[file_axis(x, i)] = node->attr.pad.before[i];
    pads[x->rank + file_axis(x, i)] = node->attr.pad.after[i];
  }
  mn_onnx_real_name(saver, node->in[0], name);
  mn_onnx_out out = begin_pad(saver, name, pads, 2 * x->rank);
  return finish(&out, node, "Pad", MN_ACT_NONE);
}

/* ---- Space to batch and back: a transpose between two views of six axes ---------------------- */

static void put_view(mn_onnx_saver *saver, char name[MN_ONNX_SAVED_NAME], const int32_t shape[6]) {
  char list[MN_ONNX_SAVED_NAME];
  mn_onnx_put_list(saver, shape, 6, list);
  mn_onnx_out view = mn_onnx_begin(saver);
  mn_onnx_put_in(&view, name);
  mn_onnx_put_in(&view, list);
  mn_onnx_new_name(saver, name);
  mn_onnx_end(&view, "Reshape", name);
}

static void put_turn(mn_onnx_saver *saver, char name[MN_ONNX_SAVED_NAME], const int32_t perm[6]) {
  mn_onnx_out turn = mn_onnx_begin(saver);
  mn_onnx_put_in(&turn, name);
  mn_onnx_put_ints(&turn, "perm", perm, 6);
  mn_onnx_new_name(saver, name);
  mn_onnx_end(&turn, "Transpose", name);
}

static mn_onnx_out begin_reshape(mn_onnx_saver *saver, const char *x, const int32_t shape[4]) {
  char list[MN_ONNX_SAVED_NAME];
  mn_onnx_put_list(saver, shape, 4, list);
  mn_onnx_out out = mn_onnx_begin(saver);
  mn_onnx_put_in(&out, x);
  mn_onnx_put_in(&out, list);
  return out;
}

static mn_status save_space_to_batch(mn_onnx_saver *saver, const mn_node *node) {
  const mn_attr *a = &node->attr;
  const int32_t *x = in_value(saver, node, 0)->shape.dim;
  const int32_t *to = saver->graph->values[node->out[0]].shape.dim;
  const int32_t h = a->space_batch.block_h, w = a->space_batch.block_w;
  char name[MN_ONNX_SAVED_NAME];
  mn_onnx_real_name(saver, node->in[0], name);
  mn_onnx_out pad = begin_pad(saver, name,
                              (int32_t[]){0, 0, a->space_batch.top, a->space_batch.left, 0, 0,
                                          a->space_batch.bottom, a->space_batch.right},
                              8);
  mn_onnx_new_name(saver, name);
  mn_onnx_end(&pad, "Pad", name);
  put_view(saver, name, (int32_t[]){x[0], x[3], to[1], h, to[2], w});
  put_turn(saver, name, (int32_t[]){3, 5, 0, 1, 2, 4});
  mn_onnx_out out = begin_reshape(saver, name, (int32_t[]){to[0], to[3], to[1], to[2]});
  return finish(&out, node, "Reshape", MN_ACT_NONE);
}

static mn_status save_batch_to_space(mn_onnx_saver *saver, const mn_node *node) {
  const mn_attr *a = &node->attr;
  const int32_t *x = in_value(saver, node, 0)->shape.dim;
  const int32_t h = a->space_batch.block_h, w = a->space_batch.block_w, n = x[0] / (h * w);
  const int32_t height = x[1] * h, width = x[2] * w;
  char name[MN_ONNX_SAVED_NAME], list[3][MN_ONNX_SAVED_NAME];
  mn_onnx_real_name(saver, node->in[0], name);
  put_view(saver, name, (int32_t[]){h, w, n, x[3], x[1], x[2]});
  put_turn(saver, name, (int32_t[]){2, 3, 4, 0, 5, 1});
  mn_onnx_out whole = begin_reshape(saver, name, (int32_t[]){n, x[3], height, width});
  mn_onnx_new_name(saver, name);
  mn_onnx_end(&whole, "Reshape", name);
  mn_onnx_put_list(saver, (int32_t[]){a->space_batch.top, a->space_batch.left}, 2, list[0]);
  mn_onnx_put_list(saver, (int32_t[]){height - a->space_batch.bottom, width - a->space_batch.right},
                   2, list[1]);
  mn_onnx_put_list(saver, (int32_t[]){2, 3}, 2, list[2]);
  mn_onnx_out out = mn_onnx_begin(saver);
  mn_onnx_put_in(&out, name);
  for (int i = 0; i < 3; i++) mn_onnx_put_in(&out, list[i]);
  return finish(&out, node, "Slice", MN_ACT_NONE);
}

static bool has_one_order(const mn_shape *shape) {
  const int32_t *d = shape->dim;
  return shape->rank != 4 || d[3] == 1 || (d[1] == 1 && d[2] == 1);
}

/* Elements keep the order n, h, w, c: a map is brought to it and from it. */
static mn_status save_reshape(mn_onnx_saver *saver, const mn_node *node) {
  const mn_shape *x = &in_value(saver, node, 0)->shape;
  mn_shape to = saver->graph->values[node->out[0]].shape;
  char last[MN_ONNX_SAVED_NAME], list[MN_ONNX_SAVED_NAME], shaped[MN_ONNX_SAVED_NAME];
  bool before = !has_one_order(x), after = !has_one_order(&to);
  if (node->attr.reshape.shape.rank > 0 && node->attr.reshape.shape.dim[0] == 0) to.dim[0] = 0;
  if (to.rank == 4 && !after) to = (mn_shape){4, {to.dim[0], to.dim[3], to.dim[1], to.dim[2]}};
  mn_onnx_out out = mn_onnx_begin(saver);
  if (before) {
    mn_onnx_out turn = mn_onnx_begin(saver);
    put_operand(&turn, node->in[0]);
    mn_onnx_put_ints(&turn, "perm", (int32_t[]){0, 2, 3, 1}, 4);
    mn_onnx_new_name(saver, last);
    mn_onnx_end(&turn, "Transpose", last);
    mn_onnx_put_in(&out, last);
  } else {
    put_operand(&out, node->in[0]);
  }
  mn_onnx_put_list(saver, to.dim, to.rank, list);
  mn_onnx_put_in(&out, list);
  if (!after) return finish(&out, node, "Reshape", MN_ACT_NONE);
  mn_onnx_new_name(saver, shaped);
  mn_onnx_end(&out, "Reshape", shaped);
  mn_onnx_out back = mn_onnx_begin(saver);
  mn_onnx_put_in(&back, shaped);
  mn_onnx_put_ints(&back, "perm", (int32_t[]){0, 3, 1, 2}, 4);
  return finish(&back, node, "Transpose", MN_ACT_NONE);
}

static mn_status save_resize(mn_onnx_saver *saver, const mn_node *node) {
  bool nearest = node->op == MN_OP_RESIZE_NEAREST;
  bool corners = node->attr.resize.align_corners, half = node->attr.resize.half_pixel;
  if (corners && half) return refuse(saver, node, "it has both align_corners and half_pixel");
  const mn_shape *to = &saver->graph->values[node->out[0]].shape;
  char sizes[MN_ONNX_SAVED_NAME];
  mn_onnx_put_list(saver, (int32_t[]){to->dim[0], to->dim[3], to->dim[1], to->dim[2]}, 4, sizes);
  mn_onnx_out out = mn_onnx_begin(saver);
  put_operand(&out, node->in[0]);
  mn_onnx_put_in(&out, "");
  mn_onnx_put_in(&out, "");
  mn_onnx_put_in(&out, sizes);
  mn_onnx_put_string(&out, "mode", nearest ? "nearest" : "linear");
  mn_onnx_put_string(&out, "coordinate_transformation_mode",
                     corners ? "align_corners"
                     : half  ? "half_pixel"
                             : "asymmetric");
  if (nearest) {
    mn_onnx_put_string(&out, "nearest_mode", corners || half ? "round_prefer_ceil" : "floor");
  }
  return finish(&out, node, "Resize", MN_ACT_NONE);
}

mn_status mn_onnx_save_node(mn_onnx_saver *saver, const mn_node *node) {
  switch (node->op) {
    case MN_OP_CONV2D:
    case MN_OP_DWCONV2D: return save_conv(saver, node);
    case MN_OP_TRANSPOSE_CONV: return save_transpose_conv(saver, node);
    case MN_OP_DENSE: return save_dense(saver, node);
    case MN_OP_BATCH_NORM: return save_norm(saver, node);
    case MN_OP_ADD:
    case MN_OP_SUB:
    case MN_OP_MUL: return save_binary(saver, node);
    case MN_OP_AVG_POOL:
    case MN_OP_MAX_POOL: return save_pool(saver, node);
    case MN_OP_MEAN: return save_mean(saver, node);
    case MN_OP_PAD: return save_pad(saver, node);
    case MN_OP_SPACE_TO_BATCH: return save_space_to_batch(saver, node);
    case MN_OP_BATCH_TO_SPACE: return save_batch_to_space(saver, node);
    case MN_OP_ARG_MAX: return save_arg_max(saver, node);
    case MN_OP_CONCAT: return save_concat(saver, node);
    case MN_OP_RESHAPE: return save_reshape(saver, node);
    case MN_OP_SOFTMAX: return save_softmax(saver, node);
    case MN_OP_LOGISTIC: return save_plain(saver, node, "Sigmoid");
    case MN_OP_HARD_SWISH: return save_plain(saver, node, "HardSwish");
    case MN_OP_HARD_SIGMOID: return save_hard_sigmoid(saver, node);
    case MN_OP_RELU: return save_relu(saver, node);
    case MN_OP_QUANTIZE:
    case MN_OP_DEQUANTIZE: return save_plain(saver, node, "Identity");
    case MN_OP_RESIZE_BILINEAR:
    case MN_OP_RESIZE_NEAREST: return save_resize(saver, node);
    case MN_OP_SSD_DETECT: return mn_onnx_save_detect(saver, node);
    case MN_OP_GATED_CONV2D: /* of plans only */
    case MN_OP_COUNT: break;
  }
  return refuse(saver, node, "there is no such operator here");
}
