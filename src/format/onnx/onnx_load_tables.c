/* SPDX-License-Identifier: Apache-2.0
 * Short tables of shape numbers, computed while loading: PyTorch writes the pads of F.pad as a list
 * that is filled up with zeros, seen as a table of pairs, reversed, transposed and flattened. */
#include <string.h>

#include "format/onnx/onnx_load.h"

enum { MOST = 16 };

typedef struct table {
  int64_t list[MOST];
  mn_onnx_origin origins[MOST];
  int32_t count, rows, cols;
} table;

static mn_status read_table(const mn_onnx_op *op, table *out) {
  mn_onnx_tensor *tensor;
  memset(out, 0, sizeof *out);
  mn_status status = mn_onnx_input(op, 0, &tensor);
  if (!status) status = mn_onnx_integers(op, 0, out->list, MOST, &out->count);
  if (status) return status;
  for (int32_t i = 0; i < out->count; i++) {
    out->origins[i] =
        tensor->origins ? tensor->origins[i] : (mn_onnx_origin){.what = MN_ONNX_ANY_SIZE};
  }
  out->rows = tensor->shape.rank == 2 ? tensor->shape.dim[0] : 1;
  out->cols = tensor->shape.rank == 2 ? tensor->shape.dim[1] : out->count;
  if (tensor->shape.rank <= 2) return MN_OK;
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input 0 is not a list or a table of numbers");
}

static mn_status emit_table(const mn_onnx_op *op, const table *x, const mn_shape *shape) {
  return mn_onnx_emit_numbers(op, x->list, false, x->origins, shape);
}

/* What `count` numbers are as list[rank], in which one extent may be -1. False: they do not fit. */
static bool reshaped(const int64_t *list, int32_t rank, int32_t count, mn_shape *to) {
  int32_t known = 1;
  to->rank = rank;
  for (int32_t i = 0; i < rank; i++) {
    if (list[i] == -1) continue;
    if (list[i] < 1 || list[i] > MOST) return false;
    known *= (int32_t)list[i];
  }
  for (int32_t i = 0; i < rank; i++) to->dim[i] = list[i] == -1 ? count / known : (int32_t)list[i];
  const int32_t elements = to->dim[0] * (rank == 2 ? to->dim[1] : 1);
  return rank > 0 && count > 0 && elements == count;
}

mn_status mn_onnx_reshape_table(const mn_onnx_op *op) {
  table x;
  int64_t list[2];
  int32_t rank;
  mn_shape to = {0, {0}};
  mn_status status = read_table(op, &x);
  if (!status) status = mn_onnx_integers(op, 1, list, 2, &rank);
  if (status) return status;
  if (reshaped(list, rank, x.count, &to)) return emit_table(op, &x, &to);
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its numbers do not fit its new shape");
}

mn_status mn_onnx_transpose_table(const mn_onnx_op *op) {
  table x, out;
  int64_t axes[2] = {1, 0};
  mn_status status = read_table(op, &x);
  if (status) return status;
  if (mn_onnx_ints(op, "perm", axes, 2) == 2 && axes[0] == 0) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it does not exchange the axes of a table");
  }
  for (int32_t i = 0; i < x.count; i++) {
    const int32_t from = i % x.rows * x.cols + i / x.rows;
    out.list[i] = x.list[from];
    out.origins[i] = x.origins[from];
  }
  return emit_table(op, &out, &(mn_shape){2, {x.cols, x.rows}});
}

/* A slice of step -1 over all rows. */
mn_status mn_onnx_reverse_table(const mn_onnx_op *op) {
  table x, out;
  int64_t start, end, axis, step = 1;
  int32_t counts[4] = {0, 0, 0, 0};
  mn_status status = read_table(op, &x);
  if (!status) status = mn_onnx_integers(op, 1, &start, 1, &counts[0]);
  if (!status) status = mn_onnx_integers(op, 2, &end, 1, &counts[1]);
  if (!status) status = mn_onnx_integers(op, 3, &axis, 1, &counts[2]);
  if (!status) status = mn_onnx_integers(op, 4, &step, 1, &counts[3]);
  if (status) return status;
  for (int32_t i = 0; i < 4; i++) step = counts[i] == 1 ? step : 0;
  if (step != -1 || axis != 0 || start != -1 || end >= -x.rows) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it is not a table of numbers from last to first");
  }
  for (int32_t i = 0; i < x.count; i++) {
    const int32_t from = (x.rows - 1 - i / x.cols) * x.cols + i % x.cols;
    out.list[i] = x.list[from];
    out.origins[i] = x.origins[from];
  }
  return emit_table(op, &out, &(mn_shape){2, {x.rows, x.cols}});
}

/* As many times the same integer as its input says. */
mn_status mn_onnx_load_constant_of_shape(const mn_onnx_op *op) {
  table out = {.count = 0};
  int64_t count = 0, number = 0;
  int32_t dims;
  mn_onnx_tensor value = {.kind = MN_ONNX_CONST};
  mn_pb_span bytes = mn_onnx_attr_tensor(op, "value");
  mn_status status = mn_onnx_integers(op, 0, &count, 1, &dims);
  if (!status && bytes.data) status = mn_onnx_read_tensor(op->loader, bytes, &value);
  if (status) return status;
  if (dims != 1 || count < 0 || count > MOST || value.data_type != ONNX_INT64 ||
      value.bytes != sizeof number) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it is not a short list of one int64");
  }
  memcpy(&number, value.data, sizeof number);
  for (int32_t i = 0; i < count; i++) {
    out.list[i] = number;
    out.origins[i] = (mn_onnx_origin){.what = MN_ONNX_ANY_SIZE};
  }
  return emit_table(op, &out, &(mn_shape){1, {(int32_t)count}});
}
