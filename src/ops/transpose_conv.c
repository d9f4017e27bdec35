/* SPDX-License-Identifier: Apache-2.0
 * Transposed convolution, gathered: each output pixel collects the input pixels whose windows reach
 * it, so that pixels are independent and nothing is added up across slices. Made for the small ones
 * at the end of segmentation networks. A slice is an output row. Windows side by side are a product
 * (transpose_product.h).
 *
 * Packed: weights [kh][kw][ic][oc] | bias [oc] | requantization (for 8 bit).
 */
#include <string.h>

#include "base/alloc.h"
#include "kernels/ref/ref.h"
#include "ops/gemm.h"
#include "ops/operand.h"
#include "ops/transpose_product.h"

typedef struct transposed {
  mn_transpose_product *product; /* NULL: all below */
  mn_window window;
  size_t taps, in_channels, out_channels;
  size_t bias_offset, requant_offset;
  float lo, hi;
  mn_requant_layer requant;
} transposed;

MN_PLANNING mn_status plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = mn_op_params(step, request, sizeof(transposed), err);
  if (status) return status;
  transposed *op = step->params;
  status = mn_transpose_product_plan(&op->product, step, request, err);
  if (status || op->product) return status;
  bool coded = step->in[0].type != MN_F32;
  op->window = step->node->attr.conv.window;
  op->taps = (size_t)op->window.kernel_h * (size_t)op->window.kernel_w;
  op->in_channels = mn_operand_channels(&step->in[0]);
  op->out_channels = mn_operand_channels(&step->out);
  size_t weight = coded ? sizeof(int16_t) : sizeof(float);
  size_t column = mn_aligned(op->out_channels * sizeof(int32_t));
  op->bias_offset = mn_aligned(op->taps * op->in_channels * op->out_channels * weight);
  op->requant_offset = op->bias_offset + column;
  step->packed_bytes = op->requant_offset;
  mn_act_range(step->node->attr.conv.act, &op->lo, &op->hi);
  if (coded) {
    op->requant = mn_requant_plan(step, step->node->attr.conv.act, op->out_channels);
    step->packed_bytes += op->requant.bytes;
    step->scratch_bytes = op->out_channels * sizeof(int32_t);
  }
  step->kernel_name = coded ? "transpose_conv_q8_ref" : "transpose_conv_f32_ref";
  step->slices = (size_t)step->out.shape.dim[0] * (size_t)step->out.shape.dim[1];
  return MN_OK;
}

/* From [oc][taps][ic] to [taps][ic][oc]. */
static void pack_weights(const transposed *op, const mn_operand *weights, unsigned char *packed) {
  const unsigned char *codes = weights->data;
  const float *reals = weights->data;
  size_t from = 0;
  for (size_t o = 0; o < op->out_channels; o++) {
    for (size_t i = 0; i < op->taps * op->in_channels; i++, from++) {
      size_t to = i * op->out_channels + o;
      if (weights->type == MN_F32) {
        ((float *)packed)[to] = reals[from];
      } else {
        int32_t zero = weights->quant->zero[weights->quant->count > 1 ? o : 0];
        ((int16_t *)packed)[to] = (int16_t)(mn_code_of_byte(weights->type, codes[from]) - zero);
      }
    }
  }
}

static void pack(const mn_step *step, void *packed) {
  const transposed *op = step->params;
  if (op->product) {
    mn_transpose_product_pack(op->product, packed);
    return;
  }
  unsigned char *bytes = packed;
  memset(packed, 0, step->packed_bytes);
  pack_weights(op, &step->in[1], packed);
  if (mn_operand_present(step, 2)) { /* f32 or i32 [oc] */
    memcpy(bytes + op->bias_offset, step->in[2].data, op->out_channels * sizeof(int32_t));
  }
  for (size_t o = 0; o < op->out_channels && step->in[0].type != MN_F32; o++) {
    mn_requant_pack(&op->requant, step, o, NULL, bytes + op->requant_offset);
  }
}

/* The kernel rows (or columns) of one output row: first, first + stride, ... */
typedef struct reach {
  int32_t first, source; /* of the first: its kernel index, and the input index it meets */
} reach;

static reach reach_of(int32_t out, int32_t pad, int32_t stride) {
  int32_t at = out + pad;
  return (reach){at % stride, at / stride};
}

/* Adds every tap of output pixel (y, x) of `picture` to sums. */
static void add_taps(const mn_step *step, const mn_run *run, size_t picture, const reach *at,
                     void *sums) {
  const transposed *op = step->params;
  const mn_window *w = &op->window;
  const mn_operand *in = &step->in[0];
  int32_t height = in->shape.dim[1], width = in->shape.dim[2];
  bool coded = in->type != MN_F32;
  size_t weight = op->in_channels * op->out_channels * (coded ? sizeof(int16_t) : sizeof(float));
  mn_transpose_tap_args tap = {.in_channels = op->in_channels,
                               .out_channels = op->out_channels,
                               .flip = coded ? mn_code_flip(in->type) : 0,
                               .zero = coded ? mn_input_zero_code(in) : 0};
  for (int32_t ky = at[0].first, y = at[0].source; ky < w->kernel_h; ky += w->stride_h, y--) {
    if (y < 0 || y >= height) continue;
    size_t row = (picture * (size_t)height + (size_t)y) * (size_t)width;
    for (int32_t kx = at[1].first, x = at[1].source; kx < w->kernel_w; kx += w->stride_w, x--) {
      if (x < 0 || x >= width) continue;
      size_t index = (size_t)ky * (size_t)w->kernel_w + (size_t)kx;
      tap.x = mn_operand_pixel(run, in, row + (size_t)x);
      tap.weights = (const unsigned char *)step->packed + index * weight;
      if (coded) {
        mn_transpose_tap_q8_ref(&tap, sums);
      } else {
        mn_transpose_tap_f32_ref(&tap, sums);
      }
    }
  }
}

static void run_pixel(const mn_step *step, const mn_run *run, size_t pixel, const reach *at) {
  const transposed *op = step->params;
  const unsigned char *packed = step->packed;
  size_t per_picture = (size_t)step->out.shape.dim[1] * (size_t)step->out.shape.dim[2];
  bool coded = step->in[0].type != MN_F32;
  void *out = mn_operand_pixel_out(run, &step->out, pixel);
  void *sums = coded ? run->scratch : out;
  memcpy(sums, packed + op->bias_offset, op->out_channels * sizeof(int32_t));
  add_taps(step, run, pixel / per_picture, at, sums);
  if (!coded) {
    mn_transpose_pixel_f32_ref(sums, op->out_channels, op->lo, op->hi);
    return;
  }
  mn_requant requant = mn_requant_at(&op->requant, packed + op->requant_offset, 0);
  mn_transpose_pixel_q8_ref(sums, out, op->out_channels, &requant);
}

static void run_slices(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const transposed *op = step->params;
  if (op->product) {
    mn_transpose_product_run(op->product, step, run, begin, end);
    return;
  }
  const mn_window *w = &op->window;
  size_t height = (size_t)step->out.shape.dim[1];
  int32_t width = step->out.shape.dim[2];
  for (size_t slice = begin; slice < end; slice++) {
    reach at[2] = {reach_of((int32_t)(slice % height), w->pad_top, w->stride_h)};
    for (int32_t x = 0; x < width; x++) {
      at[1] = reach_of(x, w->pad_left, w->stride_w);
      run_pixel(step, run, slice * (size_t)width + (size_t)x, at);
    }
  }
}

const mn_op_impl mn_transpose_conv_impl = {.plan = plan, .pack = pack, .run = run_slices};
