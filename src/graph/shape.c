/* SPDX-License-Identifier: Apache-2.0
 * Shape arithmetic and inference: one rule per name in ops.def's shape column. Rules see resolved
 * input shapes and trust nothing else; every extent is checked. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "graph/graph.h"

bool mn_shape_elements(const mn_shape *shape, int32_t *elements) {
  int32_t product = 1;
  if (shape->rank < 0 || shape->rank > MN_MAX_RANK) return false;
  for (int32_t i = 0; i < shape->rank; i++) {
    if (shape->dim[i] < 1 || !mn_mul_i32(product, shape->dim[i], &product)) return false;
  }
  *elements = product;
  return true;
}

bool mn_shape_equal(const mn_shape *a, const mn_shape *b) {
  if (a->rank != b->rank) return false;
  for (int32_t i = 0; i < a->rank; i++) {
    if (a->dim[i] != b->dim[i]) return false;
  }
  return true;
}

char *mn_shape_text(const mn_shape *shape, char *text, size_t size) {
  size_t used = 0;
  used += (size_t)snprintf(text, size, "[");
  for (int32_t i = 0; i < shape->rank && i < MN_MAX_RANK && used < size; i++) {
    used += (size_t)snprintf(text + used, size - used, i ? ",%d" : "%d", shape->dim[i]);
  }
  if (used < size) snprintf(text + used, size - used, "]");
  return text;
}

bool mn_window_extent(int32_t size, int32_t kernel, int32_t stride, int32_t dilation,
                      mn_pad_rule rule, int32_t *pad_before, int32_t *pad_after, int32_t *out) {
  if (size < 1 || kernel < 1 || stride < 1 || dilation < 1) return false;
  int64_t extent = (int64_t)(kernel - 1) * dilation + 1;
  if (rule == MN_PAD_SAME) {
    int64_t wanted = ((int64_t)size + stride - 1) / stride;
    int64_t total = (wanted - 1) * stride + extent - size;
    if (total < 0) total = 0;
    if (total > INT32_MAX) return false;
    *pad_before = (int32_t)(total / 2);
    *pad_after = (int32_t)(total - total / 2);
  }
  if (*pad_before < 0 || *pad_after < 0) return false;
  int64_t padded = (int64_t)size + *pad_before + *pad_after;
  if (padded < extent) return false;
  /* One step past the last window is still an int32: ops count in those. */
  if (padded + kernel + stride + dilation > INT32_MAX) return false;
  *out = (int32_t)((padded - extent) / stride + 1);
  return true;
}

bool mn_window_resolve(mn_window *w, int32_t height, int32_t width, int32_t *out_height,
                       int32_t *out_width) {
  bool fits = mn_window_extent(height, w->kernel_h, w->stride_h, w->dilation_h, w->pad_rule,
                               &w->pad_top, &w->pad_bottom, out_height) &&
              mn_window_extent(width, w->kernel_w, w->stride_w, w->dilation_w, w->pad_rule,
                               &w->pad_left, &w->pad_right, out_width);
  w->pad_rule = MN_PAD_EXPLICIT;
  return fits;
}

bool mn_window_is_pointwise(const mn_window *w) {
  const bool pads = w->pad_top || w->pad_bottom || w->pad_left || w->pad_right;
  return w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 &&
         (w->pad_rule == MN_PAD_SAME || !pads);
}

/* What a rule sees. Absent optional inputs have rank -1. */
typedef struct infer {
  const mn_graph *graph;
  const mn_node *node;
  mn_shape *shapes; /* [value_count] */
  mn_error *err;
} infer;

static const mn_shape *in_shape(const infer *at, int32_t index) {
  return &at->shapes[at->node->in[index]];
}

static mn_shape *out_shape(const infer *at) { return &at->shapes[at->node->out[0]]; }

static mn_status refuse(const infer *at, const char *expected) {
  char text[64];
  return mn_fail(at->err, MN_ERR_SHAPE, at->node->name, "%s cannot take input %s, expected %s",
                 mn_op_name(at->node->op), mn_shape_text(in_shape(at, 0), text, sizeof text),
                 expected);
}

/* Resolves a window over an NHWC input into h and w of the output. */
static mn_status window_out(const infer *at, const mn_window *window, mn_shape *out) {
  const mn_shape *in = in_shape(at, 0);
  mn_window w = *window;
  if (in->rank != 4) return refuse(at, "rank 4 (NHWC)");
  out->rank = 4;
  out->dim[0] = in->dim[0];
  if (!mn_window_resolve(&w, in->dim[1], in->dim[2], &out->dim[1], &out->dim[2])) {
    return refuse(at, "a map that its window fits into");
  }
  return MN_OK;
}

static mn_status shape_conv2d(const infer *at) {
  const mn_shape *weights = in_shape(at, 1);
  const mn_window *window = &at->node->attr.conv.window;
  if (weights->rank != 4) return refuse(at, "weights of rank 4");
  if (in_shape(at, 0)->rank != 4 || in_shape(at, 0)->dim[3] != weights->dim[3]) {
    return refuse(at, "NHWC with as many channels as its weights have");
  }
  if (weights->dim[1] != window->kernel_h || weights->dim[2] != window->kernel_w) {
    return refuse(at, "weights of its window's size");
  }
  out_shape(at)->dim[3] = weights->dim[0];
  return window_out(at, window, out_shape(at));
}

static mn_status shape_gated_conv2d(const infer *at) {
  const mn_shape *in = in_shape(at, 0), *gate = in_shape(at, 3);
  mn_status status = shape_conv2d(at);
  if (status) return status;
  const bool fits = gate->rank == 4 && gate->dim[0] == in->dim[0] && gate->dim[1] == 1 &&
                    gate->dim[2] == 1 && gate->dim[3] == in->dim[3];
  return fits ? MN_OK : refuse(at, "a gate of one vector an image");
}

static mn_status shape_dwconv2d(const infer *at) {
  const mn_shape *in = in_shape(at, 0), *weights = in_shape(at, 1);
  const mn_window *window = &at->node->attr.conv.window;
  int32_t channels;
  if (weights->rank != 3) return refuse(at, "weights of rank 3");
  if (in->rank != 4 || !mn_mul_i32(in->dim[3], at->node->attr.conv.multiplier, &channels) ||
      channels < 1 || channels != weights->dim[2]) {
    return refuse(at, "NHWC with as many channels as its weights have");
  }
  if (weights->dim[0] != window->kernel_h || weights->dim[1] != window->kernel_w) {
    return refuse(at, "weights of its window's size");
  }
  out_shape(at)->dim[3] = channels;
  return window_out(at, window, out_shape(at));
}

static mn_status shape_dense(const infer *at) {
  const mn_shape *in = in_shape(at, 0), *weights = in_shape(at, 1);
  mn_shape *out = out_shape(at);
  int32_t elements;
  if (weights->rank != 2) return refuse(at, "weights of rank 2");
  if (!mn_shape_elements(in, &elements) || elements % weights->dim[1] != 0) {
    return refuse(at, "as many elements a row as its weights have");
  }
  if (at->node->attr.dense.keep_dims) {
    if (in->rank < 1 || in->dim[in->rank - 1] != weights->dim[1]) {
      return refuse(at, "a last dim as its weights have");
    }
    *out = *in;
    out->dim[in->rank - 1] = weights->dim[0];
  } else {
    *out = (mn_shape){2, {elements / weights->dim[1], weights->dim[0]}};
  }
  return MN_OK;
}

/* NumPy broadcasting of two shapes. */
static mn_status shape_eltwise(const infer *at) {
  const mn_shape *a = in_shape(at, 0), *b = in_shape(at, 1);
  mn_shape *out = out_shape(at);
  int32_t rank = a->rank > b->rank ? a->rank : b->rank;
  mn_shape result = {rank, {0}};
  for (int32_t i = 0; i < rank; i++) {
    int32_t da = i < rank - a->rank ? 1 : a->dim[i - (rank - a->rank)];
    int32_t db = i < rank - b->rank ? 1 : b->dim[i - (rank - b->rank)];
    if (da != db && da != 1 && db != 1) return refuse(at, "shapes that broadcast");
    result.dim[i] = da > db ? da : db;
  }
  *out = result;
  return MN_OK;
}

/* One axis of a transposed convolution; 0 when it has none. */
static int32_t transposed_extent(int32_t size, int32_t kernel, int32_t stride, int64_t cut) {
  int64_t out = ((int64_t)size - 1) * stride + kernel - cut;
  return out < 1 || out + cut + kernel + stride > INT32_MAX ? 0 : (int32_t)out;
}

static mn_status shape_transpose_conv(const infer *at) {
  const mn_shape *in = in_shape(at, 0), *weights = in_shape(at, 1);
  const mn_window *w = &at->node->attr.conv.window;
  if (weights->rank != 4) return refuse(at, "weights of rank 4");
  if (in->rank != 4 || in->dim[3] != weights->dim[3]) {
    return refuse(at, "NHWC with as many channels as its weights have");
  }
  if (weights->dim[1] != w->kernel_h || weights->dim[2] != w->kernel_w) {
    return refuse(at, "weights of its window's size");
  }
  int64_t rows_cut = (int64_t)w->pad_top + w->pad_bottom;
  int64_t columns_cut = (int64_t)w->pad_left + w->pad_right;
  mn_shape out = {4, {in->dim[0], 0, 0, weights->dim[0]}};
  out.dim[1] = transposed_extent(in->dim[1], w->kernel_h, w->stride_h, rows_cut);
  out.dim[2] = transposed_extent(in->dim[2], w->kernel_w, w->stride_w, columns_cut);
  if (!out.dim[1] || !out.dim[2]) return refuse(at, "a map that its pads leave something of");
  *out_shape(at) = out;
  return MN_OK;
}

static mn_status shape_space_to_batch(const infer *at) {
  const mn_shape *in = in_shape(at, 0);
  const mn_attr *a = &at->node->attr;
  mn_shape out = *in;
  if (in->rank != 4) return refuse(at, "rank 4 (NHWC)");
  bool fits = mn_add_i32(out.dim[1], a->space_batch.top, &out.dim[1]) &&
              mn_add_i32(out.dim[1], a->space_batch.bottom, &out.dim[1]) &&
              mn_add_i32(out.dim[2], a->space_batch.left, &out.dim[2]) &&
              mn_add_i32(out.dim[2], a->space_batch.right, &out.dim[2]) &&
              mn_mul_i32(out.dim[0], a->space_batch.block_h, &out.dim[0]) &&
              mn_mul_i32(out.dim[0], a->space_batch.block_w, &out.dim[0]);
  if (!fits || a->space_batch.block_h < 1 || a->space_batch.block_w < 1 ||
      out.dim[1] % a->space_batch.block_h || out.dim[2] % a->space_batch.block_w) {
    return refuse(at, "a padded map of whole blocks");
  }
  out.dim[1] /= a->space_batch.block_h;
  out.dim[2] /= a->space_batch.block_w;
  *out_shape(at) = out;
  return MN_OK;
}

static mn_status shape_batch_to_space(const infer *at) {
  const mn_shape *in = in_shape(at, 0);
  const mn_attr *a = &at->node->attr;
  mn_shape out = *in;
  int32_t block;
  if (in->rank != 4) return refuse(at, "rank 4 (NHWC)");
  if (!mn_mul_i32(a->space_batch.block_h, a->space_batch.block_w, &block) || block < 1 ||
      out.dim[0] % block || !mn_mul_i32(out.dim[1], a->space_batch.block_h, &out.dim[1]) ||
      !mn_mul_i32(out.dim[2], a->space_batch.block_w, &out.dim[2])) {
    return refuse(at, "a batch of whole blocks");
  }
  out.dim[0] /= block;
  int64_t height = (int64_t)out.dim[1] - a->space_batch.top - a->space_batch.bottom;
  int64_t width = (int64_t)out.dim[2] - a->space_batch.left - a->space_batch.right;
  if (height < 1 || width < 1) return refuse(at, "a map that its crops leave something of");
  out.dim[1] = (int32_t)height;
  out.dim[2] = (int32_t)width;
  *out_shape(at) = out;
  return MN_OK;
}

static mn_status shape_pool(const infer *at) {
  const mn_shape *in = in_shape(at, 0);
  if (in->rank != 4) return refuse(at, "rank 4 (NHWC)");
  if (at->node->attr.pool.global) {
    *out_shape(at) = (mn_shape){4, {in->dim[0], 1, 1, in->dim[3]}};
    return MN_OK;
  }
  out_shape(at)->dim[3] = in->dim[3];
  return window_out(at, &at->node->attr.pool.window, out_shape(at));
}

static mn_status shape_reduce(const infer *at) {
  const mn_shape *in = in_shape(at, 0);
  mn_shape out = {0, {0}};
  unsigned axes = at->node->attr.reduce.axes;
  if (axes >> in->rank) return refuse(at, "a rank that has the reduced axes");
  for (int32_t i = 0; i < in->rank; i++) {
    bool reduced = axes >> i & 1;
    if (!reduced) out.dim[out.rank++] = in->dim[i];
    if (reduced && at->node->attr.reduce.keep_dims) out.dim[out.rank++] = 1;
  }
  *out_shape(at) = out;
  return MN_OK;
}

static mn_status shape_pad(const infer *at) {
  mn_shape out = *in_shape(at, 0);
  for (int32_t i = 0; i < out.rank; i++) {
    int32_t before = at->node->attr.pad.before[i], after = at->node->attr.pad.after[i];
    int32_t extent = out.dim[i];
    /* Something of the input stays, whatever is cut off and padded. */
    if (extent < 1 || before <= -extent || after <= -extent ||
        !mn_add_i32(extent, before, &out.dim[i]) || !mn_add_i32(out.dim[i], after, &out.dim[i]) ||
        out.dim[i] < 1 || out.dim[i] <= before || out.dim[i] <= after) {
      return refuse(at, "pads that leave something of it");
    }
  }
  *out_shape(at) = out;
  return MN_OK;
}

static mn_status shape_concat(const infer *at) {
  mn_shape out = *in_shape(at, 0);
  int32_t axis = at->node->attr.concat.axis;
  if (axis < 0 || axis >= out.rank) return refuse(at, "a rank that has its axis");
  for (int32_t i = 1; i < at->node->in_count; i++) {
    mn_shape other = *in_shape(at, i);
    int32_t extent = other.rank == out.rank ? other.dim[axis] : -1;
    if (extent >= 0) other.dim[axis] = out.dim[axis];
    if (extent < 0 || !mn_shape_equal(&other, &out) ||
        !mn_add_i32(out.dim[axis], extent, &out.dim[axis])) {
      return refuse(at, "inputs that differ along its axis only");
    }
  }
  *out_shape(at) = out;
  return MN_OK;
}

static mn_status shape_reshape(const infer *at) {
  const mn_shape *in = in_shape(at, 0);
  mn_shape out = at->node->attr.reshape.shape;
  int32_t elements, known = 1, open = -1;
  if (!mn_shape_elements(in, &elements)) return refuse(at, "fewer than 2^31 elements");
  if (out.rank < 0 || out.rank > MN_MAX_RANK) return refuse(at, "a new shape of rank 0 to 4");
  for (int32_t i = 0; i < out.rank; i++) {
    if (out.dim[i] == 0 && i < in->rank) out.dim[i] = in->dim[i];
    if (out.dim[i] == -1 && open < 0) {
      open = i;
    } else if (out.dim[i] < 1 || !mn_mul_i32(known, out.dim[i], &known)) {
      return refuse(at, "a shape of positive dims with at most one -1");
    }
  }
  if (open >= 0) out.dim[open] = elements % known ? 0 : elements / known;
  if (open >= 0 ? out.dim[open] < 1 : known != elements) {
    return refuse(at, "as many elements as its new shape has");
  }
  *out_shape(at) = out;
  return MN_OK;
}

static mn_status shape_same(const infer *at) {
  *out_shape(at) = *in_shape(at, 0);
  return MN_OK;
}

static mn_status shape_resize(const infer *at) {
  const mn_shape *in = in_shape(at, 0);
  mn_shape out = *in;
  if (in->rank != 4) return refuse(at, "rank 4 (NHWC)");
  out.dim[1] = at->node->attr.resize.height;
  out.dim[2] = at->node->attr.resize.width;
  if (at->node->attr.resize.like) {
    if (at->node->in_count < 2 || in_shape(at, 1)->rank != 4) return refuse(at, "two maps");
    out.dim[1] = in_shape(at, 1)->dim[1];
    out.dim[2] = in_shape(at, 1)->dim[2];
  }
  enum { MOST = 1 << 24 }; /* positions are floats, exact to here */
  if (out.dim[1] > MOST || out.dim[2] > MOST || in->dim[1] > MOST || in->dim[2] > MOST) {
    return refuse(at, "maps of at most 2^24 rows and columns");
  }
  *out_shape(at) = out;
  return MN_OK;
}

static mn_status shape_arg_max(const infer *at) {
  const mn_shape *in = in_shape(at, 0);
  int32_t axis = at->node->attr.arg_max.axis;
  mn_shape out = {0, {0}};
  if (axis < 0 || axis >= in->rank) return refuse(at, "a rank that has its axis");
  for (int32_t i = 0; i < in->rank; i++) {
    if (i != axis) out.dim[out.rank++] = in->dim[i];
  }
  *out_shape(at) = out;
  return MN_OK;
}

/* Boxes, classes, scores, counts: room for the most detections of every picture. */
static mn_status shape_ssd_detect(const infer *at) {
  const mn_shape *boxes = in_shape(at, 0), *scores = in_shape(at, 1), *anchors = in_shape(at, 2);
  const mn_attr *attr = &at->node->attr;
  if (boxes->rank != 3 || boxes->dim[2] < 4) return refuse(at, "[n, anchors, 4 or more]");
  int32_t classes = scores->rank == 3 ? scores->dim[2] : -1;
  if (classes < 0 || scores->dim[0] != boxes->dim[0] || scores->dim[1] != boxes->dim[1] ||
      classes < attr->ssd_detect.classes || classes > (int64_t)attr->ssd_detect.classes + 1) {
    return refuse(at, "scores of its classes, with a background or without, for every box");
  }
  if (anchors->rank != 2 || anchors->dim[0] != boxes->dim[1] || anchors->dim[1] != 4) {
    return refuse(at, "an anchor of 4 numbers for every box");
  }
  int32_t n = boxes->dim[0], rows;
  int32_t per_anchor = attr->ssd_detect.regular ? 1 : attr->ssd_detect.per_anchor;
  if (!mn_mul_i32(attr->ssd_detect.detections, per_anchor, &rows)) {
    return refuse(at, "fewer detections");
  }
  const mn_id *out = at->node->out;
  at->shapes[out[0]] = (mn_shape){3, {n, rows, 4}};
  at->shapes[out[1]] = (mn_shape){2, {n, rows}};
  at->shapes[out[2]] = (mn_shape){2, {n, rows}};
  at->shapes[out[3]] = (mn_shape){1, {n}};
  return MN_OK;
}

/* A shape that memory can hold. */
static bool fits(const mn_value *value, const mn_shape *shape) {
  int32_t elements;
  size_t bytes;
  return mn_shape_elements(shape, &elements) &&
         mn_mul_size((size_t)elements, mn_type_bytes(value->type), &bytes);
}

typedef mn_status shape_rule(const infer *at);
static shape_rule *const rules[] = {
#define MN_OP(id, name, min_in, max_in, attr, shape_fn, cost_fn) shape_##shape_fn,
#include "graph/ops.def"
#undef MN_OP
};

static mn_status infer_node(const infer *at) {
  char text[64];
  for (int32_t i = 0; i < at->node->in_count; i++) {
    if (at->node->in[i] == MN_NONE && i < 2) return refuse(at, "its first inputs to be present");
  }
  if (at->node->op >= MN_OP_COUNT) return MN_OK;
  mn_status status = rules[at->node->op](at);
  if (status) return status;
  for (int32_t i = 0; i < at->node->out_count; i++) {
    const mn_shape *out = &at->shapes[at->node->out[i]];
    if (fits(&at->graph->values[at->node->out[i]], out)) continue;
    return mn_fail(at->err, MN_ERR_SHAPE, at->node->name,
                   "%s gives %s, expected positive dims and fewer than 2^31 elements",
                   mn_op_name(at->node->op), mn_shape_text(out, text, sizeof text));
  }
  return MN_OK;
}

mn_status mn_graph_infer_node(const mn_graph *graph, mn_id node, mn_shape *shapes, mn_error *err) {
  infer at = {graph, &graph->nodes[node], shapes, err};
  return infer_node(&at);
}

static mn_status check_inputs(const mn_graph *graph, const mn_shape *inputs, mn_error *err) {
  for (int32_t i = 0; i < graph->input_count; i++) {
    const mn_value *value = &graph->values[graph->inputs[i]];
    char text[64];
    if (!fits(value, &inputs[i])) {
      return mn_fail(err, MN_ERR_SHAPE, value->name, "%s has no valid size",
                     mn_shape_text(&inputs[i], text, sizeof text));
    }
    if (graph->fixed_by != MN_NONE && !mn_shape_equal(&inputs[i], &value->shape)) {
      return mn_fail(err, MN_ERR_SHAPE, value->name,
                     "another input size than the model's own is not possible: node %s fixes it",
                     graph->nodes[graph->fixed_by].name);
    }
  }
  return MN_OK;
}

mn_status mn_graph_infer(const mn_graph *graph, const mn_shape *inputs, mn_shape *shapes,
                         mn_error *err) {
  mn_status status = check_inputs(graph, inputs, err);
  if (status) return status;
  for (int32_t i = 0; i < graph->value_count; i++) shapes[i] = graph->values[i].shape;
  for (int32_t i = 0; i < graph->input_count; i++) shapes[graph->inputs[i]] = inputs[i];
  for (int32_t i = 0; i < graph->node_count && !status; i++) {
    status = mn_graph_infer_node(graph, i, shapes, err);
  }
  return status;
}
