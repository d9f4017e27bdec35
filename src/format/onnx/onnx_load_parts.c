/* SPDX-License-Identifier: Apache-2.0
 * Parts of what a network computes: Slice and Split. The graph has them as a pad that cuts off: so
 * much of an axis at its begin, so much at its end. */
#include "format/onnx/onnx_load.h"

/* The part [begin, end) of an axis. `any_size`: at another extent as much is cut off. */
typedef struct part {
  int32_t axis;
  int64_t begin, end;
  bool any_size;
} part;

/* Whether another batch or size of the model's input changes the extent of the file's axis. */
static bool is_open(const mn_onnx_tensor *x, int32_t axis) {
  return axis == 0 || (axis > (x->channels_last ? 1 : 0) && !x->point);
}

static mn_status emit_part(const mn_onnx_op *op, const mn_onnx_tensor *x, const part *parts,
                           int32_t count) {
  mn_onnx_node node = {.op = MN_OP_PAD, .in = &x->id, .in_count = 1};
  bool whole = true, fixed = false;
  for (int32_t i = 0; i < count; i++) {
    const part *p = &parts[i];
    int32_t extent = x->shape.dim[p->axis], axis = mn_onnx_value_axis(x, p->axis);
    bool all = p->begin == 0 && p->end == extent;
    if (p->axis == 0 && x->shape.rank > 1 && !(all && p->any_size)) {
      return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it takes pictures out of a batch");
    }
    if (p->begin >= p->end) {
      return mn_onnx_fail(op, MN_ERR_SHAPE, "it takes nothing of axis %d, whose extent is %d",
                          p->axis, extent);
    }
    node.attr.pad.before[axis] = (int32_t)-p->begin;
    node.attr.pad.after[axis] = (int32_t)(p->end - extent);
    whole = whole && all;
    fixed = fixed || (is_open(x, p->axis) && !p->any_size);
  }
  if (whole && !fixed) return mn_onnx_alias(op, x);
  mn_onnx_tensor like = *x;
  mn_status status = mn_onnx_emit(op, &node, &like);
  if (!status && fixed) mn_onnx_fix_size(op);
  return status;
}

static mn_status check_input(const mn_onnx_op *op, const mn_onnx_tensor *x) {
  if (!x->flat.rank) return MN_OK;
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                      "its input would need a transpose, which is not supported");
}

/* ---- Slice ---------------------------------------------------------------------------------- */

/* Starts, ends, axes: attributes before opset 10, inputs from it on. */
typedef struct ranges {
  int64_t start[MN_MAX_RANK], end[MN_MAX_RANK], axis[MN_MAX_RANK], step[MN_MAX_RANK];
  int32_t count;
  bool computed; /* of sizes, which another size of the input changes */
} ranges;

static mn_status read_numbers(const mn_onnx_op *op, int32_t position, int64_t *list, ranges *to) {
  int32_t count;
  mn_onnx_tensor *tensor;
  mn_status status = mn_onnx_integers(op, position, list, MN_MAX_RANK, &count);
  if (!status) status = mn_onnx_input(op, position, &tensor);
  if (status) return status;
  for (int32_t i = 0; i < count && tensor->origins; i++) {
    if (tensor->origins[i].what != MN_ONNX_ANY_SIZE) to->computed = true;
  }
  if (position == 1) to->count = count;
  return count == to->count
             ? MN_OK
             : mn_onnx_fail(op, MN_ERR_FORMAT, "it has %d and %d numbers", to->count, count);
}

static mn_status read_ranges(const mn_onnx_op *op, ranges *to) {
  for (int32_t i = 0; i < MN_MAX_RANK; i++) {
    to->axis[i] = i;
    to->step[i] = 1;
  }
  if (op->loader->opset < 10) {
    to->count = mn_onnx_ints(op, "starts", to->start, MN_MAX_RANK);
    int32_t ends = mn_onnx_ints(op, "ends", to->end, MN_MAX_RANK);
    int32_t axes = mn_onnx_ints(op, "axes", to->axis, MN_MAX_RANK);
    bool fine = to->count >= 0 && ends == to->count && (axes < 0 || axes == ends);
    return fine ? mn_onnx_check(op->loader, 0)
                : mn_onnx_fail(op, MN_ERR_FORMAT, "its starts, ends and axes are not as many");
  }
  mn_status status = read_numbers(op, 1, to->start, to);
  if (!status) status = read_numbers(op, 2, to->end, to);
  if (!status && mn_onnx_has_input(op, 3)) status = read_numbers(op, 3, to->axis, to);
  if (!status && mn_onnx_has_input(op, 4)) status = read_numbers(op, 4, to->step, to);
  return status;
}

/* From its begin to the end, or to so much before the end, is so at every extent. */
static part resolve(const ranges *from, int32_t i, int32_t axis, int32_t extent) {
  int64_t begin = from->start[i], end = from->end[i];
  part p = {.axis = axis, .any_size = !from->computed && begin >= 0 && (end < 0 || end > extent)};
  if (begin < 0) begin += extent;
  if (end < 0) end += extent;
  p.begin = begin < 0 ? 0 : begin > extent ? extent : begin;
  p.end = end < 0 ? 0 : end > extent ? extent : end;
  return p;
}

mn_status mn_onnx_load_slice(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  ranges range = {.count = 0};
  part parts[MN_MAX_RANK];
  mn_status status = mn_onnx_input(op, 0, &x);
  if (status) return status;
  if (mn_onnx_is_integers(op, 0) && x->shape.rank == 2) return mn_onnx_reverse_table(op);
  if (mn_onnx_is_numbers(op, 0)) return mn_onnx_slice_numbers(op);
  status = mn_onnx_operand(op, 0, &x);
  if (!status) status = check_input(op, x);
  if (!status) status = read_ranges(op, &range);
  for (int32_t i = 0; i < range.count && !status; i++) {
    int32_t axis;
    status = mn_onnx_axis(op, range.axis[i], x->shape.rank, &axis);
    if (status) return status;
    if (range.step[i] != 1) {
      return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its steps are not 1");
    }
    parts[i] = resolve(&range, i, axis, x->shape.dim[axis]);
  }
  return status ? status : emit_part(op, x, parts, range.count);
}

/* ---- Split ---------------------------------------------------------------------------------- */

/* Sizes of the parts: an attribute before opset 13, an input from it on, or equal ones. */
static mn_status read_sizes(const mn_onnx_op *op, int32_t extent, int64_t sizes[]) {
  int32_t count = -1, parts = op->out_count;
  mn_status status = MN_OK;
  if (op->loader->opset < 13) {
    count = mn_onnx_ints(op, "split", sizes, MN_ONNX_MOST_OUTPUTS);
  } else if (mn_onnx_has_input(op, 1)) {
    status = mn_onnx_integers(op, 1, sizes, MN_ONNX_MOST_OUTPUTS, &count);
  }
  if (status) return status;
  int64_t left = extent, each = ((int64_t)extent + parts - 1) / parts;
  for (int32_t i = 0; i < parts; i++) {
    if (count < 0) sizes[i] = left < each ? left : each;
    if (sizes[i] < 1 || sizes[i] > left) break;
    left -= sizes[i];
  }
  if (left == 0 && (count < 0 || count == parts)) return mn_onnx_check(op->loader, 0);
  return mn_onnx_fail(op, MN_ERR_FORMAT, "its parts are not those of an axis of %d", extent);
}

/* One output, of codes where the input is. */
static mn_status load_part(const mn_onnx_op *op, int32_t index, part p) {
  mn_onnx_op one = *op;
  mn_onnx_codes codes;
  mn_onnx_tensor *x;
  mn_status status = mn_onnx_input(op, 0, &x);
  if (status) return status;
  one.out[0] = op->out[index];
  one.out_count = 1;
  if (x->kind == MN_ONNX_VALUE && x->coded) {
    const mn_value *value = &op->loader->graph->values[x->codes];
    bool recoded = value->type == MN_I8 && x->data_type == ONNX_UINT8;
    codes = (mn_onnx_codes){.type = value->type, .quant = value->quant, .recoded = recoded};
    one.target = &codes;
    one.makes_codes = x->data_type != ONNX_FLOAT;
  }
  status = mn_onnx_operand(&one, 0, &x);
  return status ? status : emit_part(&one, x, &p, 1);
}

mn_status mn_onnx_load_split(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  int64_t sizes[MN_ONNX_MOST_OUTPUTS] = {0};
  part p = {.any_size = false};
  mn_status status = mn_onnx_input(op, 0, &x);
  if (status) return status;
  if (x->kind != MN_ONNX_VALUE || x->split || op->out_count < 1) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it splits what is not computed from the input");
  }
  status = check_input(op, x);
  if (!status) status = mn_onnx_axis(op, mn_onnx_int(op, "axis", 0), x->shape.rank, &p.axis);
  if (!status) status = read_sizes(op, x->shape.dim[p.axis], sizes);
  for (int32_t i = 0; i < op->out_count && !status; i++) {
    p.end = p.begin + sizes[i];
    if (op->out[i].size > 0) status = load_part(op, i, p);
    p.begin = p.end;
  }
  return status;
}
