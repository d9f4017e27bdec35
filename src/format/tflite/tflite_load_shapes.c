/* SPDX-License-Identifier: Apache-2.0
 * TFLite operators that move or reduce elements, whose parameters are partly constant tensors. What
 * a file froze is raised to a rule where that is certain; else the graph becomes fixed in size. */
#include "format/tflite/tflite_load.h"

/* Notes that the node added last fixes the input size. */
static void fix_size(const mn_tflite_op *op) {
  mn_graph *graph = op->loader->graph;
  if (graph->fixed_by == MN_NONE) graph->fixed_by = graph->node_count - 1;
}

static const mn_value *value_of(const mn_tflite_op *op, mn_id id) {
  return &op->loader->graph->values[id];
}

/* A negative axis counts from the end. */
static mn_status resolve_axis(const mn_tflite_op *op, int32_t rank, int32_t *axis) {
  int32_t stated = *axis;
  if (*axis < 0) *axis += rank;
  if (stated >= -MN_MAX_RANK && *axis >= 0 && *axis < rank) return MN_OK;
  return mn_tflite_fail(op, MN_ERR_FORMAT, "its axis %d is outside a shape of %d dims", stated,
                        rank);
}

/* ---- Reshape -------------------------------------------------------------------------------- */

/* The list of new dims agrees with the output's stated shape. */
static bool agrees(const int32_t *dims, int32_t count, const mn_shape *shape) {
  if (count != shape->rank) return false;
  for (int32_t i = 0; i < count; i++) {
    if (dims[i] != shape->dim[i] && dims[i] != -1) return false;
  }
  return true;
}

/* The new shape: the output's own, or the operand's where the output states none. */
static mn_status read_new_shape(const mn_tflite_op *op, mn_shape *shape, bool *stated) {
  mn_tflite_tensor out;
  int32_t dims[MN_MAX_RANK], count = 0;
  mn_status status = mn_tflite_output_tensor(op, &out);
  if (status) return status;
  *shape = out.shape;
  *stated = out.shape_stated;
  bool operand = op->code == TFL_RESHAPE && op->in.count > 1;
  if (!operand && *stated) return MN_OK;
  if (!operand) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "the shape of its output is not stated");
  }
  status = mn_tflite_integers(op, 1, dims, MN_MAX_RANK, &count);
  if (status) return status;
  if (*stated && !agrees(dims, count, shape)) {
    return mn_tflite_fail(op, MN_ERR_SHAPE, "its new shape is not that of its output");
  }
  if (!*stated) {
    shape->rank = count;
    for (int32_t i = 0; i < count; i++) shape->dim[i] = dims[i];
  }
  return MN_OK;
}

mn_status mn_tflite_load_reshape(const mn_tflite_op *op) {
  mn_attr attr = {.reshape = {.shape = {0, {0}}}};
  mn_shape *shape = &attr.reshape.shape;
  bool stated, raised = false;
  mn_id in;
  mn_status status = mn_tflite_operand(op, 0, &in);
  if (!status) status = read_new_shape(op, shape, &stated);
  if (status) return status;
  const mn_shape *x = &value_of(op, in)->shape;
  for (int32_t i = 0; i < shape->rank; i++) {
    if (shape->dim[i] < (stated ? 1 : -1)) {
      return mn_tflite_fail(op, MN_ERR_SHAPE, "its new dim %d is %d", i, shape->dim[i]);
    }
  }
  /* Picture by picture: the batch is copied, and what remains is one row, or what the first dim
   * after the batch makes of it. */
  if (stated && x->rank > 0 && shape->rank > 0 && shape->dim[0] == x->dim[0]) {
    shape->dim[0] = 0;
    if (shape->rank > 1) shape->dim[1] = -1;
    raised = true;
  }
  status = mn_tflite_emit(op, MN_OP_RESHAPE, &in, 1, &attr);
  if (!status && !raised) fix_size(op);
  return status;
}

/* ---- Pad, concat, mean, arg max ------------------------------------------------------------- */

/* PADV2 pads with a value of its own; ours is always the code of 0. */
static mn_status check_pad_value(const mn_tflite_op *op, mn_id in) {
  mn_id id;
  mn_status status = mn_tflite_operand(op, 2, &id);
  if (status) return status;
  const mn_value *x = value_of(op, in), *pad = value_of(op, id);
  int32_t zero = x->quant.count ? x->quant.zero[0] : 0;
  bool is_zero = pad->kind == MN_KIND_CONST && pad->type == x->type && pad->bytes > 0;
  if (is_zero && pad->type == MN_F32) is_zero = *(const float *)pad->data == 0.0f;
  if (is_zero && pad->type == MN_U8) is_zero = *(const uint8_t *)pad->data == zero;
  if (is_zero && pad->type == MN_I8) is_zero = *(const int8_t *)pad->data == zero;
  if (is_zero) return MN_OK;
  return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "it pads with a value that is not zero");
}

mn_status mn_tflite_load_pad(const mn_tflite_op *op) {
  mn_attr attr = {.pad = {.before = {0}}};
  int32_t pads[2 * MN_MAX_RANK], count;
  mn_id in;
  mn_status status = mn_tflite_operand(op, 0, &in);
  if (!status) status = mn_tflite_integers(op, 1, pads, 2 * MN_MAX_RANK, &count);
  if (!status && op->code == TFL_PADV2) status = check_pad_value(op, in);
  if (status) return status;
  int32_t rank = value_of(op, in)->shape.rank;
  if (count != 2 * rank) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "it has %d pads, expected two for each of %d dims",
                          count, rank);
  }
  for (int32_t i = 0; i < rank; i++) {
    attr.pad.before[i] = pads[2 * i];
    attr.pad.after[i] = pads[2 * i + 1];
  }
  return mn_tflite_emit(op, MN_OP_PAD, &in, 1, &attr);
}

mn_status mn_tflite_load_concat(const mn_tflite_op *op) {
  enum { MOST = 64 };
  mn_attr attr = {.concat = {.axis = 0}};
  mn_id in[MOST];
  if (op->in.count < 1 || op->in.count > MOST) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED, "it has %u inputs, expected 1 to %d",
                          op->in.count, (int)MOST);
  }
  mn_status status = mn_tflite_activation(op, TFL_CONCAT_ACT, &attr.concat.act);
  for (uint32_t i = 0; i < op->in.count && !status; i++) {
    status = mn_tflite_operand(op, i, &in[i]);
  }
  if (status) return status;
  attr.concat.axis = mn_fb_i32(&op->loader->fb, &op->options, TFL_CONCAT_AXIS, 0);
  status = resolve_axis(op, value_of(op, in[0])->shape.rank, &attr.concat.axis);
  if (status) return status;
  return mn_tflite_emit(op, MN_OP_CONCAT, in, (int32_t)op->in.count, &attr);
}

mn_status mn_tflite_load_mean(const mn_tflite_op *op) {
  mn_attr attr = {.reduce = {.axes = 0}};
  int32_t axes[MN_MAX_RANK], count;
  mn_id in;
  mn_status status = mn_tflite_operand(op, 0, &in);
  if (!status) status = mn_tflite_integers(op, 1, axes, MN_MAX_RANK, &count);
  for (int32_t i = 0; !status && i < count; i++) {
    status = resolve_axis(op, value_of(op, in)->shape.rank, &axes[i]);
    if (!status) attr.reduce.axes |= 1u << axes[i];
  }
  if (status) return status;
  attr.reduce.keep_dims = mn_fb_u8(&op->loader->fb, &op->options, TFL_REDUCER_KEEP_DIMS, 0) != 0;
  return mn_tflite_emit(op, MN_OP_MEAN, &in, 1, &attr);
}

mn_status mn_tflite_load_arg_max(const mn_tflite_op *op) {
  mn_attr attr = {.arg_max = {.axis = 0}};
  mn_tflite_tensor out;
  int32_t count;
  mn_id in;
  mn_status status = mn_tflite_operand(op, 0, &in);
  if (!status) status = mn_tflite_integers(op, 1, &attr.arg_max.axis, 1, &count);
  if (!status) status = mn_tflite_output_tensor(op, &out);
  if (status) return status;
  if (count != 1) return mn_tflite_fail(op, MN_ERR_FORMAT, "it has no axis");
  status = resolve_axis(op, value_of(op, in)->shape.rank, &attr.arg_max.axis);
  if (status) return status;
  attr.arg_max.output_type = out.type;
  return mn_tflite_emit(op, MN_OP_ARG_MAX, &in, 1, &attr);
}

/* ---- Resize --------------------------------------------------------------------------------- */

static bool same_map(const mn_shape *a, int32_t height, int32_t width) {
  return a->rank == 4 && a->dim[1] == height && a->dim[2] == width;
}

/* A value whose size this size can only mean: the resize's own input, or the model's. */
static mn_id find_like(const mn_tflite_op *op, mn_id in, int32_t height, int32_t width) {
  const mn_graph *graph = op->loader->graph;
  if (same_map(&graph->values[in].shape, height, width)) return in;
  for (int32_t i = 0; i < graph->input_count; i++) {
    if (same_map(&graph->values[graph->inputs[i]].shape, height, width)) return graph->inputs[i];
  }
  return MN_NONE;
}

mn_status mn_tflite_load_resize(const mn_tflite_op *op) {
  bool nearest = op->code == TFL_RESIZE_NEAREST_NEIGHBOR;
  mn_flatbuffer *fb = &op->loader->fb;
  mn_attr attr = {.resize = {.like = false}};
  int32_t size[2], count;
  mn_id in[2];
  mn_status status = mn_tflite_operand(op, 0, &in[0]);
  if (!status) status = mn_tflite_integers(op, 1, size, 2, &count);
  if (status) return status;
  if (count != 2) return mn_tflite_fail(op, MN_ERR_FORMAT, "its size has %d numbers", count);
  attr.resize.align_corners =
      mn_fb_u8(fb, &op->options, nearest ? TFL_NEAREST_ALIGN_CORNERS : TFL_BILINEAR_ALIGN_CORNERS,
               0) != 0;
  attr.resize.half_pixel =
      mn_fb_u8(fb, &op->options, nearest ? TFL_NEAREST_HALF_PIXEL : TFL_BILINEAR_HALF_PIXEL, 0) !=
      0;
  attr.resize.height = size[0];
  attr.resize.width = size[1];
  in[1] = find_like(op, in[0], size[0], size[1]);
  attr.resize.like = in[1] != MN_NONE;
  return mn_tflite_emit(op, nearest ? MN_OP_RESIZE_NEAREST : MN_OP_RESIZE_BILINEAR, in,
                        attr.resize.like ? 2 : 1, &attr);
}
