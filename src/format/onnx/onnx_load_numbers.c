/* SPDX-License-Identifier: Apache-2.0
 * Shape arithmetic of ONNX files, computed while loading: exporters write "as many as there are" as
 * a little program of Shape, Gather, Slice, Concat and so on, and the factors of a resize as one in
 * floats. What depends on the input's height or width is marked, for it fixes the size. */
#include <math.h>
#include <string.h>

#include "base/checked.h"
#include "format/onnx/onnx_load.h"

enum { MOST = 16 };

/* A short list of integers or of floats, or a single one (rank 0). */
typedef struct numbers {
  bool real;
  int64_t list[MOST];
  float reals[MOST];
  int32_t count;
  mn_shape shape;
  mn_onnx_origin origins[MOST];
} numbers;

static const mn_onnx_tensor *find_input(const mn_onnx_op *op, int32_t position) {
  return mn_onnx_has_input(op, position) ? mn_onnx_find(op->loader, op->in[position]) : NULL;
}

bool mn_onnx_is_integers(const mn_onnx_op *op, int32_t position) {
  const mn_onnx_tensor *tensor = find_input(op, position);
  if (!tensor) return false;
  bool constant = tensor->kind == MN_ONNX_CONST &&
                  (tensor->data_type == ONNX_INT32 || tensor->data_type == ONNX_INT64);
  return tensor->kind == MN_ONNX_INTEGERS || constant;
}

bool mn_onnx_is_numbers(const mn_onnx_op *op, int32_t position) {
  const mn_onnx_tensor *tensor = find_input(op, position);
  if (mn_onnx_is_integers(op, position)) return true;
  return tensor && mn_onnx_is_floats(tensor) && tensor->shape.rank < 2 &&
         tensor->bytes <= MOST * sizeof(float);
}

static mn_status read_list(const mn_onnx_op *op, int32_t position, numbers *out) {
  mn_onnx_tensor *tensor;
  memset(out, 0, sizeof *out);
  mn_status status = mn_onnx_input(op, position, &tensor);
  if (status) return status;
  out->real = !mn_onnx_is_integers(op, position);
  out->shape = tensor->shape;
  if (!out->real) return mn_onnx_integers(op, position, out->list, MOST, &out->count);
  if (!mn_onnx_is_numbers(op, position)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input %d is not a list of numbers", position);
  }
  if (tensor->bytes) memcpy(out->reals, tensor->data, tensor->bytes);
  out->count = (int32_t)(tensor->bytes / sizeof(float));
  return MN_OK;
}

static mn_status read_numbers(const mn_onnx_op *op, int32_t position, numbers *out) {
  mn_status status = read_list(op, position, out);
  if (status) return status;
  const mn_onnx_origin *origins = find_input(op, position)->origins;
  for (int32_t i = 0; i < out->count; i++) {
    out->origins[i] = origins ? origins[i] : (mn_onnx_origin){.what = MN_ONNX_ANY_SIZE};
  }
  if (out->shape.rank < 2) return MN_OK;
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input %d is not a list of numbers", position);
}

static void append(numbers *to, const numbers *from, int32_t index) {
  to->list[to->count] = from->list[index];
  to->reals[to->count] = from->reals[index];
  to->origins[to->count] = from->origins[index];
  to->count++;
}

static mn_status emit_list(const mn_onnx_op *op, numbers *out) {
  if (out->shape.rank == 1) out->shape.dim[0] = out->count;
  const void *list = out->real ? (const void *)out->reals : out->list;
  return mn_onnx_emit_numbers(op, list, out->real, out->origins, &out->shape);
}

mn_status mn_onnx_load_shape(const mn_onnx_op *op) {
  mn_onnx_tensor *x;
  numbers out = {.count = 0, .shape = {1, {0}}};
  mn_status status = mn_onnx_input(op, 0, &x);
  const bool listed = !status && mn_onnx_is_numbers(op, 0); /* its length, whatever the size */
  if (!status && !listed) status = mn_onnx_operand(op, 0, &x);
  if (status) return status;
  if (mn_onnx_int(op, "start", 0) != 0 || mn_onnx_int(op, "end", INT64_MAX) != INT64_MAX) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its start and end are not supported");
  }
  for (int32_t i = 0; i < x->shape.rank; i++) {
    bool open = i > (x->channels_last ? 1 : 0) && !x->point && !listed;
    if (open) out.origins[i] = (mn_onnx_origin){.what = MN_ONNX_COMPUTED, .map = x->id};
    if (open && x->channels_last) out.origins[i].what = i == 2 ? MN_ONNX_HEIGHT : MN_ONNX_WIDTH;
    out.list[out.count++] = x->shape.dim[i];
  }
  return emit_list(op, &out);
}

mn_status mn_onnx_load_gather(const mn_onnx_op *op) {
  numbers x, at;
  mn_status status = read_numbers(op, 0, &x);
  if (!status) status = read_numbers(op, 1, &at);
  if (status) return status;
  numbers out = {.real = x.real, .shape = at.shape};
  if (at.real) return mn_onnx_fail(op, MN_ERR_FORMAT, "its indices are not integers");
  for (int32_t i = 0; i < at.count; i++) {
    int32_t index;
    status = mn_onnx_axis(op, at.list[i], x.count, &index);
    if (status) return status;
    append(&out, &x, index);
  }
  return emit_list(op, &out);
}

/* Starts and ends: attributes before opset 10, inputs from it on. One axis, there is no other. */
static mn_status read_range(const mn_onnx_op *op, int64_t *start, int64_t *end) {
  int32_t starts, ends, steps = 0;
  int64_t step = 1;
  mn_status status = MN_OK;
  if (op->loader->opset < 10) {
    starts = mn_onnx_ints(op, "starts", start, 1);
    ends = mn_onnx_ints(op, "ends", end, 1);
  } else {
    status = mn_onnx_integers(op, 1, start, 1, &starts);
    if (!status) status = mn_onnx_integers(op, 2, end, 1, &ends);
    if (!status && mn_onnx_has_input(op, 4)) status = mn_onnx_integers(op, 4, &step, 1, &steps);
  }
  if (status || (starts == 1 && ends == 1 && step == 1)) return status;
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it is not one range of step 1");
}

static int32_t clamp_index(int64_t index, int32_t count) {
  if (index < 0) index += count;
  return index < 0 ? 0 : index > count ? count : (int32_t)index;
}

mn_status mn_onnx_slice_numbers(const mn_onnx_op *op) {
  numbers x, out = {.shape = {1, {0}}};
  int64_t start, end;
  mn_status status = read_numbers(op, 0, &x);
  if (!status) status = read_range(op, &start, &end);
  if (status) return status;
  out.real = x.real;
  int32_t last = clamp_index(end, x.count);
  for (int32_t i = clamp_index(start, x.count); i < last; i++) append(&out, &x, i);
  return emit_list(op, &out);
}

/* Indices that nothing else reads become int32 where they are made. */
static mn_status narrow_indices(const mn_onnx_op *op, mn_onnx_tensor *x) {
  mn_graph *graph = op->loader->graph;
  for (mn_id i = graph->node_count - 1; i >= 0; i--) {
    if (graph->nodes[i].out[0] == x->id) graph->nodes[i].attr.arg_max.output_type = MN_I32;
  }
  graph->values[x->id].type = MN_I32;
  x->data_type = ONNX_INT32;
  return mn_onnx_alias(op, x);
}

/* To integers, floats are cut towards 0. */
static mn_status cast_numbers(const mn_onnx_op *op, bool to_real) {
  numbers x;
  mn_status status = read_numbers(op, 0, &x);
  if (status) return status;
  for (int32_t i = 0; i < x.count && !status && x.real != to_real; i++) {
    if (to_real) x.reals[i] = (float)x.list[i];
    if (!to_real && !(fabsf(x.reals[i]) < 1e15f)) {
      status = mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "%g is no size", (double)x.reals[i]);
    } else if (!to_real) {
      x.list[i] = (int64_t)x.reals[i];
    }
  }
  x.real = to_real;
  return status ? status : emit_list(op, &x);
}

/* Codes that are the numbers themselves, as an input of bytes is. */
static bool is_plain(const mn_onnx_op *op, const mn_onnx_tensor *tensor) {
  if (tensor->kind != MN_ONNX_VALUE || !tensor->coded || tensor->data_type == ONNX_FLOAT) {
    return false;
  }
  const mn_quant *quant = &op->loader->graph->values[tensor->codes].quant;
  return quant->count == 1 && quant->scale[0] == 1 && quant->zero[0] == 0;
}

/* Integers stay integers, floats stay floats: all of them are computed as f32. */
mn_status mn_onnx_load_cast(const mn_onnx_op *op) {
  mn_onnx_tensor *tensor;
  int64_t to = mn_onnx_int(op, "to", 0);
  mn_status status = mn_onnx_input(op, 0, &tensor);
  if (status) return status;
  bool integers = to == ONNX_INT32 || to == ONNX_INT64;
  if (mn_onnx_is_numbers(op, 0) && (integers || to == ONNX_FLOAT)) {
    return cast_numbers(op, to == ONNX_FLOAT);
  }
  bool floats = to == ONNX_FLOAT || to == ONNX_FLOAT16;
  if (tensor->data_type == ONNX_FLOAT && floats) return mn_onnx_alias(op, tensor);
  if (floats && is_plain(op, tensor)) {
    mn_onnx_tensor real = *tensor;
    real.data_type = ONNX_FLOAT;
    return mn_onnx_alias(op, &real);
  }
  bool indices = tensor->kind == MN_ONNX_VALUE && tensor->data_type == ONNX_INT64;
  bool alone = tensor->reads == 1 && !tensor->is_output;
  if (indices && alone && to == ONNX_INT32) return narrow_indices(op, tensor);
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it turns type %lld into type %lld",
                      (long long)tensor->data_type, (long long)to);
}

mn_status mn_onnx_concat_numbers(const mn_onnx_op *op) {
  numbers x, out = {.shape = {1, {0}}};
  for (int32_t i = 0; i < op->in_count; i++) {
    mn_status status = read_numbers(op, i, &x);
    if (status) return status;
    if (i == 0) out.real = x.real;
    if (x.shape.rank != 1 || out.count + x.count > MOST || x.real != out.real) {
      return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it joins more than %d numbers", (int)MOST);
    }
    for (int32_t k = 0; k < x.count; k++) append(&out, &x, k);
  }
  return emit_list(op, &out);
}

/* Squeeze and Unsqueeze of one number: between a list and the number alone. */
mn_status mn_onnx_squeeze_numbers(const mn_onnx_op *op) {
  numbers x;
  mn_status status = read_numbers(op, 0, &x);
  if (status) return status;
  bool adds = mn_pb_equal(op->type, "Unsqueeze");
  if (x.count != 1 || x.shape.rank == (adds ? 1 : 0)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it is supported for single shape numbers only");
  }
  x.shape.rank = adds ? 1 : 0;
  return emit_list(op, &x);
}

static bool combine(const mn_onnx_op *op, int64_t a, int64_t b, int64_t *out) {
  if (mn_pb_equal(op->type, "Add")) return !__builtin_add_overflow(a, b, out);
  if (mn_pb_equal(op->type, "Sub")) return !__builtin_sub_overflow(a, b, out);
  if (mn_pb_equal(op->type, "Mul")) return !__builtin_mul_overflow(a, b, out);
  if (a < 0 || b < 1) return false; /* rounding of negative quotients is left alone */
  *out = a / b;
  return true;
}

static float combine_reals(const mn_onnx_op *op, float a, float b) {
  if (mn_pb_equal(op->type, "Add")) return a + b;
  if (mn_pb_equal(op->type, "Sub")) return a - b;
  return mn_pb_equal(op->type, "Mul") ? a * b : a / b;
}

/* A map's extent over another's is the factor that resizes the second to the first. */
static mn_onnx_origin combine_origins(const mn_onnx_op *op, const mn_onnx_origin *a,
                                      const mn_onnx_origin *b) {
  bool extents = a->what == b->what && (a->what == MN_ONNX_HEIGHT || a->what == MN_ONNX_WIDTH);
  if (a->what == MN_ONNX_ANY_SIZE && b->what == MN_ONNX_ANY_SIZE) return *a;
  if (!extents || !mn_pb_equal(op->type, "Div")) return (mn_onnx_origin){.what = MN_ONNX_COMPUTED};
  bool height = a->what == MN_ONNX_HEIGHT;
  return (mn_onnx_origin){height ? MN_ONNX_HEIGHT_FACTOR : MN_ONNX_WIDTH_FACTOR, a->map, b->map};
}

mn_status mn_onnx_binary_numbers(const mn_onnx_op *op) {
  numbers a, b;
  mn_status status = read_numbers(op, 0, &a);
  if (!status) status = read_numbers(op, 1, &b);
  if (status) return status;
  bool fits = a.count > 0 && b.count > 0 && a.real == b.real &&
              (a.count == b.count || a.count == 1 || b.count == 1);
  numbers out = {.real = a.real,
                 .shape = a.shape.rank > b.shape.rank ? a.shape : b.shape,
                 .count = a.count > b.count ? a.count : b.count};
  for (int32_t i = 0; i < out.count && fits; i++) {
    int32_t ia = a.count > 1 ? i : 0, ib = b.count > 1 ? i : 0;
    if (out.real) {
      out.reals[i] = combine_reals(op, a.reals[ia], b.reals[ib]);
    } else {
      fits = combine(op, a.list[ia], b.list[ib], &out.list[i]);
    }
    out.origins[i] = combine_origins(op, &a.origins[ia], &b.origins[ib]);
  }
  if (fits) return emit_list(op, &out);
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its shape numbers cannot be combined");
}

/* The larger of each number and a limit. */
mn_status mn_onnx_clip_numbers(const mn_onnx_op *op) {
  numbers x, low;
  mn_status status = read_numbers(op, 0, &x);
  bool fits = op->loader->opset >= 11 && mn_onnx_has_input(op, 1) && !mn_onnx_has_input(op, 2);
  if (!status && fits) status = read_numbers(op, 1, &low);
  if (status) return status;
  if (!fits || low.count != 1 || low.real != x.real) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "of shape numbers it needs a min and no max");
  }
  for (int32_t i = 0; i < x.count; i++) {
    if (x.real && x.reals[i] < low.reals[0]) x.reals[i] = low.reals[0];
    if (!x.real && x.list[i] < low.list[0]) x.list[i] = low.list[0];
    if (x.origins[i].what != MN_ONNX_ANY_SIZE) x.origins[i].what = MN_ONNX_COMPUTED;
  }
  return emit_list(op, &x);
}

/* Floor and Ceil. Extents are whole already. */
mn_status mn_onnx_load_whole(const mn_onnx_op *op) {
  numbers x;
  bool down = mn_pb_equal(op->type, "Floor");
  if (!mn_onnx_is_numbers(op, 0) || mn_onnx_is_integers(op, 0)) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it is supported for shape numbers only");
  }
  mn_status status = read_numbers(op, 0, &x);
  if (status) return status;
  for (int32_t i = 0; i < x.count && !status; i++) {
    float whole = down ? floorf(x.reals[i]) : ceilf(x.reals[i]);
    bool extent = x.origins[i].what == MN_ONNX_HEIGHT || x.origins[i].what == MN_ONNX_WIDTH;
    if (x.origins[i].what != MN_ONNX_ANY_SIZE && !extent) x.origins[i].what = MN_ONNX_COMPUTED;
    x.reals[i] = whole;
  }
  return status ? status : emit_list(op, &x);
}
