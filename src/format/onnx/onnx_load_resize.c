/* SPDX-License-Identifier: Apache-2.0
 * ONNX Resize and Upsample -> resize_bilinear, resize_nearest. ONNX has many ways to lay one grid
 * over another; those are read that the graph's three ways equal at every pixel. The new size is a
 * constant, which fixes the input's, or computed as that of another map, which keeps it open. */
#include <string.h>

#include "format/onnx/onnx_load.h"

/* How ONNX says it, and how the graph does. */
typedef struct way {
  const char *transform, *rounding; /* rounding NULL: linear */
  bool align_corners, half_pixel;
  bool whole_factor; /* equal when the new size is a multiple of the old */
  bool not_to_one;   /* equal unless many pixels become one */
} way;

static const way ways[] = {
    {"half_pixel", NULL, false, true, false, false},
    {"pytorch_half_pixel", NULL, false, true, false, true},
    {"align_corners", NULL, true, false, false, false},
    {"asymmetric", NULL, false, false, false, false},
    {"asymmetric", "floor", false, false, false, false},
    {"half_pixel", "round_prefer_ceil", false, true, false, false},
    {"half_pixel", "round_prefer_floor", false, true, true, false},
    {"pytorch_half_pixel", "round_prefer_floor", false, true, true, true},
    {"tf_half_pixel_for_nn", "floor", false, true, false, false},
    {"align_corners", "round_prefer_ceil", true, false, false, false},
};

static mn_pb_span text_or(mn_pb_span text, const char *fallback) {
  if (text.size > 0) return text;
  return (mn_pb_span){(const uint8_t *)fallback, strlen(fallback)};
}

/* Before opset 11 there was one way. */
static const way *find_way(const mn_onnx_op *op, bool linear) {
  bool old = op->loader->opset < 11 || mn_pb_equal(op->type, "Upsample");
  mn_pb_span transform = text_or(mn_onnx_string(op, "coordinate_transformation_mode"),
                                 old ? "asymmetric" : "half_pixel");
  mn_pb_span rounding =
      text_or(mn_onnx_string(op, "nearest_mode"), old ? "floor" : "round_prefer_floor");
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    const way *w = &ways[i];
    bool same = linear ? w->rounding == NULL : w->rounding && mn_pb_equal(rounding, w->rounding);
    if (same && mn_pb_equal(transform, w->transform)) return w;
  }
  return NULL;
}

/* What a resize makes of a map. */
typedef struct target {
  int64_t size[MN_MAX_RANK]; /* n, c, h, w */
  mn_id like;                /* the map whose height and width they are, or MN_NONE */
} target;

/* Sizes that are another map's, or the factors from the map `of` to it. */
static void set_like(const mn_onnx_origin *from, mn_id of, target *to) {
  if (!from || from[2].map != from[3].map) return;
  bool sizes = from[2].what == MN_ONNX_HEIGHT && from[3].what == MN_ONNX_WIDTH;
  bool factors = from[2].what == MN_ONNX_HEIGHT_FACTOR && from[3].what == MN_ONNX_WIDTH_FACTOR &&
                 from[2].of == of && from[3].of == of;
  if (of == MN_NONE ? sizes : factors) to->like = from[2].map;
}

static mn_status read_sizes(const mn_onnx_op *op, target *to) {
  mn_onnx_tensor *sizes;
  int32_t count;
  mn_status status = mn_onnx_integers(op, 3, to->size, MN_MAX_RANK, &count);
  if (!status) status = mn_onnx_input(op, 3, &sizes);
  if (status) return status;
  if (count != MN_MAX_RANK) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it has %d sizes, expected 4", count);
  }
  set_like(sizes->origins, MN_NONE, to);
  return MN_OK;
}

/* The factors: an attribute of the first Upsample, else an input. */
static mn_status find_factors(const mn_onnx_op *op, float factors[MN_MAX_RANK],
                              const mn_onnx_origin **origins) {
  mn_onnx_tensor *tensor;
  int32_t position = mn_pb_equal(op->type, "Resize") && op->loader->opset >= 11 ? 2 : 1;
  if (op->loader->opset < 9 && mn_onnx_floats(op, "scales", factors, MN_MAX_RANK) == MN_MAX_RANK) {
    return MN_OK;
  }
  mn_status status = mn_onnx_input(op, position, &tensor);
  if (status) return status;
  if (!mn_onnx_is_floats(tensor) || tensor->bytes != MN_MAX_RANK * sizeof *factors) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its scales are not 4 constants of type float");
  }
  memcpy(factors, tensor->data, tensor->bytes);
  *origins = tensor->origins;
  return MN_OK;
}

/* ONNX finds pixels by the factor, the graph by the sizes: the same where no pixel is cut off. */
static mn_status read_factors(const mn_onnx_op *op, const mn_onnx_tensor *x, target *to) {
  float factors[MN_MAX_RANK];
  const mn_onnx_origin *origins = NULL;
  mn_status status = find_factors(op, factors, &origins);
  for (int32_t i = 0; i < MN_MAX_RANK && !status; i++) {
    int32_t from = x->shape.dim[i];
    float size = (float)from * factors[i];
    bool whole = size >= 1 && size < 2147483648.0f && size == (float)(int64_t)size;
    to->size[i] = whole ? (int64_t)size : 0;
    if (whole) continue;
    status = mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it makes %g pixels of %d", (double)size, from);
  }
  set_like(origins, x->id, to);
  return status;
}

static mn_status read_target(const mn_onnx_op *op, const mn_onnx_tensor *x, target *to) {
  const mn_shape *from = &x->shape;
  to->like = MN_NONE;
  bool sizes = mn_onnx_has_input(op, 3);
  mn_status status = sizes ? read_sizes(op, to) : read_factors(op, x, to);
  if (status) return status;
  bool fits = to->size[0] == from->dim[0] && to->size[1] == from->dim[1];
  for (int32_t i = 2; i < MN_MAX_RANK; i++) {
    fits = fits && to->size[i] >= 1 && to->size[i] <= INT32_MAX;
  }
  return fits ? MN_OK
              : mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it resizes more than height and width");
}

static bool is_equal(const way *w, const mn_shape *from, const target *to) {
  bool equal = true;
  for (int32_t i = 2; i < MN_MAX_RANK; i++) {
    if (w->whole_factor) equal = equal && to->size[i] % from->dim[i] == 0;
    if (w->not_to_one) equal = equal && (to->size[i] > 1 || from->dim[i] == 1);
  }
  return equal;
}

static mn_status refuse_way(const mn_onnx_op *op) {
  char transform[MN_ONNX_NAME_BYTES], rounding[MN_ONNX_NAME_BYTES];
  mn_onnx_text(mn_onnx_string(op, "coordinate_transformation_mode"), transform);
  mn_onnx_text(mn_onnx_string(op, "nearest_mode"), rounding);
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED,
                      "its way to find pixels (%.30s, %.30s) is not "
                      "supported",
                      transform[0] ? transform : "the default", rounding[0] ? rounding : "default");
}

/* Codes are blended as the file has them, and cut towards 0: of u8 that became i8 it must be the
 * u8 again. */
static mn_status resize_unsigned(const mn_onnx_op *op, mn_onnx_node *node,
                                 const mn_onnx_tensor *x) {
  const mn_quant *quant = &op->target->quant;
  int32_t zero = quant->zero[0] + 128;
  mn_onnx_codes codes = {.type = MN_U8, .quant = {1, 0, quant->scale, NULL}};
  mn_id in[2] = {node->in[0], node->in[1]}, resized;
  codes.quant.zero = mn_arena_copy(&op->loader->graph->arena, &zero, sizeof zero);
  if (!codes.quant.zero) return mn_fail_memory(op->loader->err, sizeof zero);
  mn_status status = mn_onnx_convert(op->loader, x, &codes, &in[0]);
  node->in = in;
  if (!status) status = mn_onnx_step(op, node, &resized);
  mn_onnx_node back = {.op = MN_OP_QUANTIZE, .in = &resized, .in_count = 1};
  return status ? status : mn_onnx_emit(op, &back, x);
}

mn_status mn_onnx_load_resize(const mn_onnx_op *op) {
  mn_onnx_tensor x;
  target to;
  mn_pb_span mode = mn_onnx_string(op, "mode");
  bool linear = mn_pb_equal(mode, "linear") || mn_pb_equal(mode, "bilinear");
  mn_status status = mn_onnx_map(op, 0, &x);
  if (!status) status = read_target(op, &x, &to);
  if (status) return status;
  int64_t axes[MN_MAX_RANK];
  const way *w = find_way(op, linear);
  bool plain = (linear || mode.size == 0 || mn_pb_equal(mode, "nearest")) &&
               mn_onnx_int(op, "antialias", 0) == 0 &&
               mn_onnx_ints(op, "axes", axes, MN_MAX_RANK) == -1;
  if (!w || !plain || !is_equal(w, &x.shape, &to)) return refuse_way(op);
  mn_id in[2] = {x.id, to.like};
  mn_onnx_node node = {.op = linear ? MN_OP_RESIZE_BILINEAR : MN_OP_RESIZE_NEAREST,
                       .in = in,
                       .in_count = to.like == MN_NONE ? 1 : 2};
  node.attr.resize.align_corners = w->align_corners;
  node.attr.resize.half_pixel = w->half_pixel;
  node.attr.resize.like = to.like != MN_NONE;
  node.attr.resize.height = (int32_t)to.size[2];
  node.attr.resize.width = (int32_t)to.size[3];
  x.point = false;
  bool unsigned_codes = linear && op->target && op->target->recoded;
  status = unsigned_codes ? resize_unsigned(op, &node, &x) : mn_onnx_emit(op, &node, &x);
  bool any_size = to.like != MN_NONE && !w->whole_factor && !w->not_to_one;
  if (!status && !any_size) mn_onnx_fix_size(op);
  return status;
}
