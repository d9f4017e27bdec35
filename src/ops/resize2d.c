/* SPDX-License-Identifier: Apache-2.0
 * RESIZE_BILINEAR and RESIZE_NEAREST, with TensorFlow's three ways to lay grids over each other:
 * corners of the map (align_corners), centres of pixels (half_pixel), neither (the legacy one).
 * Positions of rows and columns are found when planning. A slice is an output row. */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "kernels/ref/ref.h"
#include "ops/operand.h"

typedef struct resize {
  mn_resize_tap *rows, *columns; /* [out_h], [out_w]; nearest uses lower only */
  mn_resize_f32_fn *blend;       /* bilinear */
} resize;

typedef struct grid {
  int32_t in, out; /* extents */
  bool align_corners, half_pixel;
} grid;

static int32_t smaller(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

/* In float, as LiteRT's ComputeInterpolationValues. */
MN_PLANNING void place_float(mn_resize_tap *tap, const grid *g, int32_t index) {
  float scale = (float)g->in / (float)g->out, position;
  if (g->align_corners && g->out > 1) scale = (float)(g->in - 1) / (float)(g->out - 1);
  if (g->half_pixel) {
    position = ((float)index + 0.5f) * scale - 0.5f;
  } else {
    position = (float)index * scale;
  }
  tap->lower = smaller(larger((int32_t)floorf(position), 0), g->in - 1);
  tap->upper = smaller((int32_t)ceilf(position), g->in - 1);
  tap->weight = position - (float)tap->lower;
}

/* As onnxruntime's upsample.cc has it for linear. */
MN_PLANNING void place_onnx(mn_resize_tap *tap, const grid *g, int32_t index) {
  float scale = (float)g->out / (float)g->in, position = (float)index / scale, last;
  last = (float)(g->in - 1);
  if (g->half_pixel) position = ((float)index + 0.5f) / scale - 0.5f;
  if (g->align_corners) position = g->out > 1 ? (float)index * last / (float)(g->out - 1) : 0.0f;
  position = position > 0.0f ? position < last ? position : last : 0.0f;
  tap->lower = (int32_t)position;
  tap->upper = smaller(tap->lower + 1, g->in - 1);
  tap->weight = tap->lower == tap->upper ? 0.5f : position - (float)tap->lower;
}

/* With 10 fractional bits, as LiteRT's ComputeInterpolationValuesInteger. */
MN_PLANNING void place_fixed(mn_resize_tap *tap, const grid *g, int32_t index) {
  int64_t in = g->in, out = g->out, one = 1 << 10;
  int64_t scale = (one * in + out / 2) / out;
  if (g->align_corners && out > 1) scale = (one * (in - 1) + (out - 1) / 2) / (out - 1);
  int64_t position = index * scale;
  if (g->half_pixel) position += scale / 2 - (1 << 9);
  int64_t lower = position / one, upper = (position + one - 1) / one;
  tap->lower = smaller(larger((int32_t)lower, 0), g->in - 1);
  tap->upper = smaller((int32_t)upper, g->in - 1);
  tap->fixed = (int32_t)(position - one * tap->lower);
}

/* LiteRT's GetNearestNeighbor. */
MN_PLANNING void place_nearest(mn_resize_tap *tap, const grid *g, int32_t index) {
  float scale = (float)g->in / (float)g->out, offset = g->half_pixel ? 0.5f : 0.0f;
  if (g->align_corners && g->out > 1) scale = (float)(g->in - 1) / (float)(g->out - 1);
  float position = ((float)index + offset) * scale;
  int32_t nearest = (int32_t)(g->align_corners ? roundf(position) : floorf(position));
  tap->lower = larger(smaller(nearest, g->in - 1), 0);
}

void mn_resize_positions(mn_resize_tap *taps, const mn_node *node, int32_t in, int32_t out) {
  const grid g = {in, out, node->attr.resize.align_corners, node->attr.resize.half_pixel};
  for (int32_t i = 0; i < out; i++) place_float(&taps[i], &g, i);
}

typedef void place_fn(mn_resize_tap *tap, const grid *g, int32_t index);

MN_PLANNING mn_status plan_grid(mn_step *step, const mn_op_request *request, place_fn *place,
                                mn_error *err) {
  mn_status status = mn_op_params(step, request, sizeof(resize), err);
  if (status) return status;
  resize *op = step->params;
  const int32_t *in = step->in[0].shape.dim, *out = step->out.shape.dim;
  op->rows = mn_arena_array(request->arena, (size_t)out[1], sizeof *op->rows);
  op->columns = mn_arena_array(request->arena, (size_t)out[2], sizeof *op->columns);
  if (!op->rows || !op->columns) return mn_fail_memory(err, (size_t)out[1] * sizeof *op->rows);
  bool corners = step->node->attr.resize.align_corners, half = step->node->attr.resize.half_pixel;
  grid vertical = {in[1], out[1], corners, half}, horizontal = {in[2], out[2], corners, half};
  for (int32_t y = 0; y < out[1]; y++) place(&op->rows[y], &vertical, y);
  for (int32_t x = 0; x < out[2]; x++) place(&op->columns[x], &horizontal, x);
  step->slices = (size_t)out[0] * (size_t)out[1];
  return MN_OK;
}

MN_PLANNING mn_status refuse_other_scale(const mn_step *step, mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  bool coded = mn_operand_is_coded(in) && mn_operand_is_coded(out);
  if (in->type != out->type || (in->type != MN_F32 && !coded) ||
      (coded && !mn_operand_near_quant(in, out))) {
    return mn_op_refuse(step, "f32, or u8 or i8 with the same scale in and out", err);
  }
  return MN_OK;
}

MN_PLANNING mn_status bilinear_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_type type = step->in[0].type;
  bool cut = type != MN_F32 && step->arithmetic == MN_ARITHMETIC_ONNX;
  place_fn *place = cut ? place_onnx : type == MN_I8 ? place_fixed : place_float;
  mn_status status = refuse_other_scale(step, err);
  if (!status) status = plan_grid(step, request, place, err);
  if (status) return status;
  if (cut) {
    ((resize *)step->params)->blend = type == MN_U8 ? mn_resize_cut_u8_ref : mn_resize_cut_i8_ref;
    step->kernel_name = "resize_cut_ref";
    return MN_OK;
  }
  step->kernel = mn_kernel_select(type == MN_F32  ? MN_SLOT_resize_f32
                                  : type == MN_U8 ? MN_SLOT_resize_u8
                                                  : MN_SLOT_resize_i8,
                                  request->features);
  ((resize *)step->params)->blend = (mn_resize_f32_fn *)step->kernel->function;
  size_t width = (size_t)step->in[0].shape.dim[2], channels = mn_operand_channels(&step->out);
  step->scratch_bytes =
      2 * width * mn_whole(channels, (size_t)step->kernel->tile.cols) * sizeof(float);
  return MN_OK;
}

MN_PLANNING mn_status nearest_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = refuse_other_scale(step, err);
  if (!status) status = plan_grid(step, request, place_nearest, err);
  if (!status) step->kernel_name = "copy";
  return status;
}

static void bilinear_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const resize *op = step->params;
  const mn_operand *in = &step->in[0], *out = &step->out;
  size_t in_h = (size_t)in->shape.dim[1], in_w = (size_t)in->shape.dim[2];
  size_t out_h = (size_t)out->shape.dim[1], out_w = (size_t)out->shape.dim[2];
  for (size_t slice = begin; slice < end; slice++) {
    const mn_resize_tap *row = &op->rows[slice % out_h];
    size_t picture = slice / out_h * in_h;
    mn_resize_row_args args = {
        .lower = mn_operand_pixel(run, in, (picture + (size_t)row->lower) * in_w),
        .upper = mn_operand_pixel(run, in, (picture + (size_t)row->upper) * in_w),
        .out = mn_operand_pixel_out(run, out, slice * out_w),
        .in_stride = in->pixel_stride,
        .out_stride = out->pixel_stride,
        .columns = op->columns,
        .row = row,
        .in_width = in_w,
        .out_width = out_w,
        .channels = mn_operand_channels(out),
        .scratch = run->scratch};
    op->blend(&args);
  }
}

static void nearest_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const resize *op = step->params;
  const mn_operand *in = &step->in[0], *out = &step->out;
  size_t in_h = (size_t)in->shape.dim[1], in_w = (size_t)in->shape.dim[2];
  size_t out_h = (size_t)out->shape.dim[1], out_w = (size_t)out->shape.dim[2];
  size_t bytes = mn_operand_channels(out) * mn_type_bytes(out->type);
  for (size_t slice = begin; slice < end; slice++) {
    size_t from = (slice / out_h * in_h + (size_t)op->rows[slice % out_h].lower) * in_w;
    for (size_t x = 0; x < out_w; x++) {
      memcpy(mn_operand_pixel_out(run, out, slice * out_w + x),
             mn_operand_pixel(run, in, from + (size_t)op->columns[x].lower), bytes);
    }
  }
}

const mn_op_impl mn_resize_bilinear_impl = {.plan = bilinear_plan, .run = bilinear_run};
const mn_op_impl mn_resize_nearest_impl = {.plan = nearest_plan, .run = nearest_run};
