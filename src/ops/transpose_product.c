/* SPDX-License-Identifier: Apache-2.0
 * See transpose_product.h. The product's columns are [kh][kw][oc], so that a tap's channels lie as
 * an output pixel's do. */
#include "ops/transpose_product.h"

#include <string.h>

#include "base/alloc.h"
#include "ops/gemm.h"
#include "ops/operand.h"

struct mn_transpose_product {
  mn_gemm gemm;
  mn_window window;
  mn_operand in[3]; /* input, weights [kh][kw][oc][ic], biases [kh][kw][oc] */
};

/* Every output pixel has one tap, which some input pixel meets. */
static bool fits(const mn_step *step) {
  const mn_window *w = &step->node->attr.conv.window;
  const mn_shape *in = &step->in[0].shape, *out = &step->out.shape;
  return step->in[0].type == MN_F32 && step->in[1].data && w->kernel_h == w->stride_h &&
         w->kernel_w == w->stride_w &&
         (int64_t)out->dim[1] + w->pad_top <= (int64_t)in->dim[1] * w->stride_h &&
         (int64_t)out->dim[2] + w->pad_left <= (int64_t)in->dim[2] * w->stride_w;
}

/* From [oc][kh][kw][ic]. */
static void reorder(const float *weights, size_t outputs, size_t taps, size_t k, float *to) {
  for (size_t t = 0; t < taps; t++) {
    for (size_t o = 0; o < outputs; o++, to += k) {
      memcpy(to, weights + (o * taps + t) * k, k * sizeof *to);
    }
  }
}

static bool make_operands(mn_transpose_product *p, const mn_step *step, mn_arena *arena) {
  const size_t taps = (size_t)p->window.kernel_h * (size_t)p->window.kernel_w;
  const size_t outputs = mn_operand_channels(&step->out), k = mn_operand_channels(&step->in[0]);
  float *weights = mn_arena_array(arena, taps * outputs * k, sizeof *weights);
  float *biases = mn_arena_array(arena, taps * outputs, sizeof *biases);
  if (!weights || !biases) return false;
  reorder(step->in[1].data, outputs, taps, k, weights);
  for (size_t t = 0; t < taps && mn_operand_present(step, 2); t++) {
    memcpy(biases + t * outputs, step->in[2].data, outputs * sizeof *biases);
  }
  const int32_t rows = (int32_t)(taps * outputs);
  p->in[0] = step->in[0];
  p->in[1] = (mn_operand){.type = MN_F32, .shape = {2, {rows, (int32_t)k}}, .data = weights};
  p->in[2] = (mn_operand){.type = MN_F32, .shape = {1, {rows}}, .data = biases};
  return true;
}

/* The product as a step of its own. */
static mn_step product_step(const mn_transpose_product *p) {
  static const mn_node node = {.in_count = 3};
  return (mn_step){.node = &node, .in = (mn_operand *)(uintptr_t)p->in};
}

mn_status mn_transpose_product_plan(mn_transpose_product **out, mn_step *step,
                                    const mn_op_request *request, mn_error *err) {
  *out = NULL;
  if (!fits(step)) return MN_OK;
  mn_transpose_product *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  p->window = step->node->attr.conv.window;
  if (!make_operands(p, step, request->arena)) return mn_fail_memory(err, sizeof *p);
  mn_op_request floats = *request;
  floats.precision = MN_F32;
  const mn_step product = product_step(p);
  mn_gemm_plan(&p->gemm, &product, &floats, step->node->attr.conv.act);
  step->kernel = p->gemm.kernel;
  step->packed_bytes = p->gemm.packed_bytes;
  step->scratch_bytes = (size_t)step->in[0].shape.dim[2] * p->gemm.n * sizeof(float);
  step->slices = (size_t)step->in[0].shape.dim[0] * (size_t)step->in[0].shape.dim[1];
  *out = p;
  return MN_OK;
}

void mn_transpose_product_pack(const mn_transpose_product *p, void *packed) {
  const mn_step product = product_step(p);
  mn_gemm_pack(&p->gemm, &product, packed);
}

/* Row ky of all blocks, to row y of the output. */
static void scatter(const mn_transpose_product *p, const mn_step *step, const mn_run *run,
                    int32_t ky, size_t y) {
  const mn_window *w = &p->window;
  const size_t channels = mn_operand_channels(&step->out), stride = step->out.pixel_stride;
  const int32_t width = step->out.shape.dim[2];
  const float *from = (const float *)run->scratch + (size_t)ky * (size_t)w->kernel_w * channels;
  float *to = mn_operand_pixel_out(run, &step->out, y * (size_t)width);
  for (int32_t x = 0; x < width; x++, to += stride) {
    const int32_t at = x + w->pad_left, block = at / w->stride_w, kx = at % w->stride_w;
    const float *tap = from + (size_t)block * p->gemm.n + (size_t)kx * channels;
    for (size_t c = 0; c < channels; c++) to[c] = tap[c];
  }
}

void mn_transpose_product_run(const mn_transpose_product *p, const mn_step *step, const mn_run *run,
                              size_t begin, size_t end) {
  const mn_window *w = &p->window;
  const size_t height = (size_t)step->in[0].shape.dim[1], width = (size_t)step->in[0].shape.dim[2];
  const size_t out_height = (size_t)step->out.shape.dim[1];
  for (size_t row = begin; row < end; row++) {
    const mn_gemm_block block = {.a = mn_operand_pixel(run, &step->in[0], row * width),
                                 .a_stride = step->in[0].pixel_stride,
                                 .c = run->scratch,
                                 .c_stride = p->gemm.n,
                                 .m = width,
                                 .n_end = p->gemm.n};
    mn_gemm_run(&p->gemm, step->packed, &block);
    for (int32_t ky = 0; ky < w->kernel_h; ky++) {
      const int64_t y = (int64_t)(row % height) * w->stride_h + ky - w->pad_top;
      if (y < 0 || y >= (int64_t)out_height) continue;
      scatter(p, step, run, ky, row / height * out_height + (size_t)y);
    }
  }
}
