/* SPDX-License-Identifier: Apache-2.0
 * What the heads of torchvision's detectors do with a map of k numbers for each of a anchors:
 * reshape [n,a*k,h,w] to [n,a,k,h,w], transpose to [n,h,w,a,k], reshape to [n,h*w*a,k]. With
 * channels last the elements are in that order already, so that it is one reshape. */
#include "format/onnx/onnx_load.h"

enum { SPLIT_RANK = 5 };

/* Reshape to 5 dims: only remembered. */
static mn_status split(const mn_onnx_op *op, const mn_onnx_tensor *x) {
  mn_onnx_tensor *shape, out = *x;
  int64_t list[SPLIT_RANK];
  int32_t count;
  mn_status status = mn_onnx_integers(op, 1, list, SPLIT_RANK, &count);
  if (!status) status = mn_onnx_input(op, 1, &shape);
  if (status) return status;
  const int32_t *dim = x->shape.dim;
  int64_t groups = list[1], each = list[2];
  if (groups == -1 && each > 0) groups = dim[1] / each;
  if (each == -1 && groups > 0) each = dim[1] / groups;
  bool batch = list[0] == dim[0] || list[0] == 0 || list[0] == -1;
  bool fits = x->channels_last && x->shape.rank == 4 && batch && list[3] == dim[2] &&
              list[4] == dim[3] && groups > 0 && groups <= dim[1] && each > 0 && each <= dim[1] &&
              groups * each == dim[1];
  if (!fits) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                        "a new shape of 5 dims is supported where it only splits a map's channels");
  }
  const mn_onnx_origin *from = shape->origins;
  bool any_size = from && from[3].what == MN_ONNX_HEIGHT && from[4].what == MN_ONNX_WIDTH &&
                  from[3].map == x->id && from[4].map == x->id;
  if (!any_size && !x->point) mn_onnx_fix_size(op);
  out.split = (int32_t)each;
  return mn_onnx_alias(op, &out);
}

static mn_status move_last(const mn_onnx_op *op, const mn_onnx_tensor *x) {
  static const int64_t order[SPLIT_RANK] = {0, 3, 4, 1, 2};
  mn_onnx_tensor out = *x;
  int64_t list[SPLIT_RANK];
  bool fits = !x->split_last && mn_onnx_ints(op, "perm", list, SPLIT_RANK) == SPLIT_RANK;
  for (int i = 0; i < SPLIT_RANK && fits; i++) fits = list[i] == order[i];
  if (!fits) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                        "of 5 dims only the transpose with perm 0, 3, 4, 1, 2 is supported");
  }
  out.split_last = true;
  return mn_onnx_alias(op, &out);
}

/* [n,h,w,a,k] to [n,h*w*a,k]. */
static mn_status join(const mn_onnx_op *op, mn_onnx_tensor *x) {
  int64_t list[MN_MAX_RANK];
  int32_t count;
  mn_status status = mn_onnx_integers(op, 1, list, MN_MAX_RANK, &count);
  if (!status) status = mn_onnx_settle(op, &x);
  if (status) return status;
  const int32_t *dim = x->shape.dim;
  int64_t rows = (int64_t)dim[2] * dim[3] * (dim[1] / x->split);
  bool fits = x->split_last && count == 3 && (list[0] == dim[0] || list[0] == 0) &&
              (list[1] == -1 || list[1] == rows) && (list[2] == x->split || list[2] == -1) &&
              list[1] + list[2] != -2;
  if (!fits) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                        "it does not join a map's pixels and anchors into rows");
  }
  mn_onnx_node node = {.op = MN_OP_RESHAPE, .in = &x->id, .in_count = 1};
  node.attr.reshape.shape = (mn_shape){3, {0, -1, x->split}};
  bool any_size = list[1] == -1 || x->point;
  status = mn_onnx_emit(op, &node, &(mn_onnx_tensor){.point = false});
  if (!status && !any_size) mn_onnx_fix_size(op);
  return status;
}

bool mn_onnx_splits(const mn_onnx_op *op, mn_status *status) {
  mn_onnx_tensor *x, *shape;
  *status = mn_onnx_input(op, 0, &x);
  if (*status || x->kind != MN_ONNX_VALUE) return *status != MN_OK;
  bool moves = mn_pb_equal(op->type, "Transpose");
  if (!x->split) {
    if (moves) return false;
    *status = mn_onnx_input(op, 1, &shape);
    if (*status) return true;
    bool five = shape->shape.rank == 1 && shape->shape.dim[0] == SPLIT_RANK && x->flat.rank == 0;
    if (five) *status = split(op, x);
    return five;
  }
  *status = moves ? move_last(op, x) : join(op, x);
  return true;
}
