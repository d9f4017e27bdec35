/* SPDX-License-Identifier: Apache-2.0
 * ONNX operators that move or reduce elements. None of them may need a real transpose: what keeps
 * the order of the elements passes, a flattened map is remembered for the layer that reads it, and
 * anything else is refused. */
#include "base/checked.h"
#include "format/onnx/onnx_load.h"

/* ---- Reshape -------------------------------------------------------------------------------- */

/* Picture by picture where the batch stays: it is copied, and one dim is what remains. */
static bool raise_batch(const mn_shape *from, mn_shape *to) {
  if (from->rank < 1 || to->rank < 1 || to->dim[0] != from->dim[0]) return false;
  to->dim[0] = 0;
  if (to->rank > 1) to->dim[1] = -1;
  return true;
}

static mn_status refuse_reshape(const mn_onnx_op *op, const mn_shape *from, const mn_shape *to) {
  char a[64], b[64];
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                      "%s to %s would need a transpose, which is not supported",
                      mn_shape_text(from, a, sizeof a), mn_shape_text(to, b, sizeof b));
}

/* x in the file's new shape `to`, all of whose dims are known. */
static mn_status emit_reshape(const mn_onnx_op *op, const mn_onnx_tensor *x, const mn_shape *to,
                              bool from_size) {
  const int32_t *dim = x->shape.dim;
  if (mn_shape_equal(&x->shape, to)) return mn_onnx_alias(op, x);
  bool ordered = !x->channels_last || dim[1] == 1 || (dim[2] == 1 && dim[3] == 1);
  bool rows = x->channels_last && to->rank == 2 && to->dim[0] == dim[0];
  if (x->flat.rank || (!ordered && !rows)) return refuse_reshape(op, &x->shape, to);
  mn_onnx_tensor like = {.point = x->point};
  if (!ordered) like.flat = (mn_shape){3, {dim[1], dim[2], dim[3]}};
  mn_onnx_node node = {.op = MN_OP_RESHAPE, .in = &x->id, .in_count = 1};
  node.attr.reshape.shape = *to;
  bool raised = raise_batch(&x->shape, &node.attr.reshape.shape);
  mn_status status = mn_onnx_emit(op, &node, &like);
  bool any_size = raised && !from_size && (x->point || !x->channels_last);
  if (!status && !any_size) mn_onnx_fix_size(op);
  return status;
}

mn_status mn_onnx_load_flatten(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  int32_t axis, before = 1, after = 1;
  mn_status status = mn_onnx_operand(op, 0, &x);
  if (status) return status;
  int64_t stated = mn_onnx_int(op, "axis", 1);
  bool end = stated == x->shape.rank;
  axis = x->shape.rank;
  if (!end) status = mn_onnx_axis(op, stated, x->shape.rank, &axis);
  if (status) return status;
  for (int32_t i = 0; i < x->shape.rank; i++) {
    if (i < axis) before *= x->shape.dim[i];
    if (i >= axis) after *= x->shape.dim[i];
  }
  return emit_reshape(op, x, &(mn_shape){2, {before, after}}, false);
}

/* 0 copies a dim, -1 is what remains. */
static mn_status resolve_shape(const mn_onnx_op *op, const mn_shape *from, const int64_t *list,
                               mn_shape *to) {
  int32_t elements = 0, known = 1, open = -1;
  bool fine = mn_shape_elements(from, &elements);
  for (int32_t i = 0; i < to->rank && fine; i++) {
    int64_t dim = list[i] == 0 && i < from->rank ? from->dim[i] : list[i];
    if (dim == -1 && open < 0) {
      open = i;
      dim = 1;
    }
    fine = dim >= 1 && dim <= INT32_MAX && mn_mul_i32(known, (int32_t)dim, &known);
    to->dim[i] = (int32_t)dim;
  }
  fine = fine && (open < 0 ? known == elements : elements % known == 0);
  if (!fine) return mn_onnx_fail(op, MN_ERR_SHAPE, "its input does not fit its new shape");
  if (open >= 0) to->dim[open] = elements / known;
  return MN_OK;
}

static bool from_size(const mn_onnx_tensor *numbers, int32_t count) {
  bool found = false;
  for (int32_t i = 0; i < count && numbers->origins; i++) {
    found = found || numbers->origins[i].what != MN_ONNX_ANY_SIZE;
  }
  return found;
}

mn_status mn_onnx_load_reshape(const mn_onnx_op *op) {
  mn_onnx_tensor *x, *shape;
  int64_t list[MN_MAX_RANK];
  mn_shape to = {0, {0}};
  mn_status status;
  if (mn_onnx_is_integers(op, 0)) return mn_onnx_reshape_table(op);
  if (mn_onnx_splits(op, &status)) return status;
  status = mn_onnx_operand(op, 0, &x);
  if (!status) status = mn_onnx_integers(op, 1, list, MN_MAX_RANK, &to.rank);
  if (!status) status = mn_onnx_input(op, 1, &shape);
  if (status) return status;
  if (mn_onnx_int(op, "allowzero", 0) != 0) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its allowzero is not 0");
  }
  status = resolve_shape(op, &x->shape, list, &to);
  return status ? status : emit_reshape(op, x, &to, from_size(shape, to.rank));
}

static mn_status squeezed(const mn_onnx_op *op, const mn_shape *from, unsigned axes, bool stated,
                          mn_shape *to) {
  to->rank = 0;
  for (int32_t i = 0; i < from->rank; i++) {
    bool drop = stated ? axes >> i & 1 : from->dim[i] == 1;
    if (drop && from->dim[i] != 1) {
      return mn_onnx_fail(op, MN_ERR_SHAPE, "it drops axis %d of extent %d", i, from->dim[i]);
    }
    if (!drop) to->dim[to->rank++] = from->dim[i];
  }
  return MN_OK;
}

static void unsqueezed(const mn_shape *from, unsigned axes, mn_shape *to) {
  for (int32_t i = 0, used = 0; i < to->rank; i++) {
    to->dim[i] = axes >> i & 1 || used == from->rank ? 1 : from->dim[used++];
  }
}

/* Squeeze and Unsqueeze: the axes are an input from opset 13 on. */
mn_status mn_onnx_load_squeeze(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  int64_t list[MN_MAX_RANK];
  int32_t count, axis;
  unsigned axes = 0;
  if (mn_onnx_is_numbers(op, 0)) return mn_onnx_squeeze_numbers(op);
  mn_status status = mn_onnx_operand(op, 0, &x);
  if (!status) status = mn_onnx_axes(op, 13, list, &count);
  if (status) return status;
  bool adds = mn_pb_equal(op->type, "Unsqueeze");
  mn_shape to = {adds ? x->shape.rank + count : 0, {0}};
  if (adds && (count < 1 || to.rank > MN_MAX_RANK)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it makes more than %d dims", MN_MAX_RANK);
  }
  for (int32_t i = 0; i < count && !status; i++) {
    status = mn_onnx_axis(op, list[i], adds ? to.rank : x->shape.rank, &axis);
    if (!status) axes |= 1u << axis;
  }
  if (status) return status;
  if (adds) {
    unsqueezed(&x->shape, axes, &to);
  } else {
    status = squeezed(op, &x->shape, axes, count >= 0, &to);
  }
  return status ? status : emit_reshape(op, x, &to, false);
}

/* Between n, h, w, c and n, c, h, w nothing moves: only what the axes are called. */
mn_status mn_onnx_load_transpose(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  int64_t list[MN_MAX_RANK] = {3, 2, 1, 0};
  mn_status status;
  if (mn_onnx_is_integers(op, 0)) return mn_onnx_transpose_table(op);
  if (mn_onnx_splits(op, &status)) return status;
  int32_t count = mn_onnx_ints(op, "perm", list, MN_MAX_RANK);
  status = mn_onnx_operand(op, 0, &x);
  if (status) return status;
  bool whole = count == x->shape.rank, same = whole, to_first = whole, to_last = whole;
  for (int32_t i = 0; i < count; i++) {
    same = same && list[i] == i;
    to_first = to_first && list[i] == (int64_t[]){0, 3, 1, 2}[i];
    to_last = to_last && list[i] == (int64_t[]){0, 2, 3, 1}[i];
  }
  mn_onnx_tensor renamed = *x;
  bool four = x->shape.rank == 4;
  if (same) return mn_onnx_alias(op, x);
  if (four && to_first && !x->channels_last) {
    renamed.channels_last = true;
    renamed.shape = mn_onnx_from_last(&x->shape);
    return mn_onnx_alias(op, &renamed);
  }
  if (four && to_last && x->channels_last) {
    renamed.channels_last = false;
    renamed.shape = mn_onnx_to_last(&x->shape);
    return mn_onnx_alias(op, &renamed);
  }
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                      "only transposes between NCHW and NHWC that cancel are supported");
}

/* ---- Pad, concat, mean ---------------------------------------------------------------------- */

/* Pads and their value: attributes before opset 11, inputs from it on. */
static mn_status read_pads(const mn_onnx_op *op, int64_t *list, int32_t *count, float *value) {
  mn_onnx_tensor *tensor;
  if (op->loader->opset < 11) {
    *count = mn_onnx_ints(op, "pads", list, 2 * MN_MAX_RANK);
    *value = mn_onnx_float(op, "value", 0);
    return mn_onnx_check(op->loader, 0);
  }
  mn_status status = mn_onnx_integers(op, 1, list, 2 * MN_MAX_RANK, count);
  if (status || !mn_onnx_has_input(op, 2)) return status;
  status = mn_onnx_input(op, 2, &tensor);
  if (status) return status;
  bool zero = tensor->kind == MN_ONNX_CONST && tensor->bytes == sizeof *value;
  for (size_t i = 0; zero && i < tensor->bytes; i++) zero = tensor->data[i] == 0;
  *value = zero ? 0.0f : 1.0f;
  return MN_OK;
}

mn_status mn_onnx_load_pad(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  mn_onnx_node node = {.op = MN_OP_PAD, .in_count = 1};
  int64_t list[2 * MN_MAX_RANK];
  int32_t count = 0;
  float value = 0;
  mn_pb_span mode = mn_onnx_string(op, "mode");
  mn_status status = mn_onnx_operand(op, 0, &x);
  if (!status) status = read_pads(op, list, &count, &value);
  if (status) return status;
  int32_t rank = x->shape.rank;
  if ((mode.size && !mn_pb_equal(mode, "constant")) || value != 0 || mn_onnx_has_input(op, 3) ||
      x->flat.rank) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it pads otherwise than every axis with zeros");
  }
  if (count != 2 * rank) {
    return mn_onnx_fail(op, MN_ERR_FORMAT, "it has %d pads, expected two for each of %d dims",
                        count, rank);
  }
  for (int32_t i = 0; i < rank; i++) {
    int32_t axis = mn_onnx_value_axis(x, i);
    if (list[i] < 0 || list[i] > INT16_MAX || list[rank + i] < 0 || list[rank + i] > INT16_MAX) {
      return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its pads of axis %d are out of range", i);
    }
    node.attr.pad.before[axis] = (int32_t)list[i];
    node.attr.pad.after[axis] = (int32_t)list[rank + i];
  }
  mn_onnx_tensor like = *x, *pads;
  node.in = &x->id;
  like.point = false;
  status = mn_onnx_emit(op, &node, &like);
  if (status || op->loader->opset < 11) return status;
  status = mn_onnx_input(op, 1, &pads);
  if (!status && from_size(pads, count)) mn_onnx_fix_size(op);
  return status;
}

mn_status mn_onnx_load_concat(const mn_onnx_op *op) {
  mn_onnx_node node = {.op = MN_OP_CONCAT, .in_count = op->in_count};
  mn_id in[MN_ONNX_MOST_INPUTS];
  mn_onnx_tensor *first, *other;
  int32_t axis;
  if (mn_onnx_is_numbers(op, 0)) return mn_onnx_concat_numbers(op);
  mn_status status = mn_onnx_operand(op, 0, &first);
  if (!status) {
    status = mn_onnx_axis(op, mn_onnx_int(op, "axis", MN_MAX_RANK), first->shape.rank, &axis);
  }
  if (status) return status;
  mn_onnx_tensor like = *first;
  for (int32_t i = 0; i < op->in_count && !status; i++) {
    status = mn_onnx_operand(op, i, &other);
    if (status) return status;
    if (other->channels_last != first->channels_last || other->flat.rank) {
      return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                          "its inputs would need a transpose, which is not supported");
    }
    like.point = like.point && other->point && axis < 2;
    in[i] = other->id;
  }
  node.in = in;
  node.attr.concat.axis = mn_onnx_value_axis(first, axis);
  return mn_onnx_emit(op, &node, &like);
}

mn_status mn_onnx_load_reduce_mean(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  mn_onnx_node node = {.op = MN_OP_MEAN, .in_count = 1};
  int64_t list[MN_MAX_RANK];
  int32_t count, axis;
  unsigned axes = 0;
  mn_status status = mn_onnx_operand(op, 0, &x);
  if (!status) status = mn_onnx_axes(op, 18, list, &count);
  if (status) return status;
  bool keep = mn_onnx_int(op, "keepdims", 1) != 0;
  for (int32_t i = 0; i < count && !status; i++) {
    status = mn_onnx_axis(op, list[i], x->shape.rank, &axis);
    if (status) return status;
    axes |= 1u << axis;
    node.attr.reduce.axes |= 1u << mn_onnx_value_axis(x, axis);
  }
  /* Without the reduced axes those that stay must be in the order of the file's. */
  bool map = (axes & 12) == 12, ordered = !x->channels_last || keep || map || (axes & 2);
  if (count < 1 || !ordered || x->flat.rank) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its axes are not those of a map");
  }
  mn_onnx_tensor like = {.point = x->channels_last ? map : x->point,
                         .channels_last = x->channels_last && keep};
  node.in = &x->id;
  node.attr.reduce.keep_dims = keep;
  return mn_onnx_emit(op, &node, &like);
}

/* Of codes as of the floats that they stand for: the order is the same. */
mn_status mn_onnx_load_arg_max(const mn_onnx_op *op) {
  mn_onnx_tensor *x, *out;
  mn_onnx_node node = {.op = MN_OP_ARG_MAX, .in_count = 1};
  int32_t axis;
  mn_status status = mn_onnx_input(op, 0, &x);
  bool codes = !status && x->kind == MN_ONNX_VALUE && x->coded && !x->split;
  if (!status && !codes) status = mn_onnx_operand(op, 0, &x);
  if (!status) status = mn_onnx_axis(op, mn_onnx_int(op, "axis", 0), x->shape.rank, &axis);
  if (!status) status = mn_onnx_output(op, &out);
  if (status) return status;
  bool ordered = !x->channels_last || axis == 1;
  if (!ordered || x->flat.rank || mn_onnx_int(op, "keepdims", 1) != 0 ||
      mn_onnx_int(op, "select_last_index", 0) != 0) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                        "it is not over the channels, keeps its axis or takes the last of equals");
  }
  node.in = codes ? &x->codes : &x->id;
  node.attr.arg_max.axis = mn_onnx_value_axis(x, axis);
  node.attr.arg_max.output_type = MN_I64;
  status = mn_onnx_emit(op, &node, &(mn_onnx_tensor){.point = x->point});
  if (status) return status;
  mn_value *value = &op->loader->graph->values[out->id];
  value->type = MN_I64;
  value->quant = (mn_quant){0};
  out->data_type = ONNX_INT64;
  return MN_OK;
}
