/* SPDX-License-Identifier: Apache-2.0
 * A pointwise convolution of a map times one vector an image (SE): the vector multiplies the
 * weights, a panel of them at a time in scratch, and the product takes the map as it is. A slice is
 * a block of pixels of one image. */
#include <string.h>

#include "base/alloc.h"
#include "ops/gemm.h"
#include "ops/operand.h"

typedef struct gated {
  mn_gemm gemm;
  mn_gemm panel;                /* of one panel, packed by itself */
  size_t pixels, block, blocks; /* of an image; of a slice; slices of an image */
} gated;

static mn_gemm one_panel(const mn_gemm *gemm) {
  mn_gemm panel = *gemm;
  panel.n = panel.padded_n = (size_t)gemm->kernel->tile.cols;
  panel.bias_offset = panel.n * gemm->k * sizeof(float);
  panel.packed_bytes = panel.bias_offset + panel.n * sizeof(float);
  return panel;
}

MN_PLANNING mn_status plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  gated *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  step->params = p;
  mn_op_request in_float = *request;
  in_float.precision = MN_F32;
  mn_gemm_plan(&p->gemm, step, &in_float, step->node->attr.conv.act);
  p->panel = one_panel(&p->gemm);
  p->pixels = (size_t)step->in[0].shape.dim[1] * (size_t)step->in[0].shape.dim[2];
  const size_t unit = 2 * (size_t)p->gemm.kernel->tile.rows;
  p->block = mn_whole((p->pixels + (size_t)request->threads - 1) / (size_t)request->threads, unit);
  p->blocks = (p->pixels + p->block - 1) / p->block;
  step->kernel = p->gemm.kernel;
  step->packed_bytes = p->gemm.packed_bytes;
  step->scratch_bytes = p->panel.packed_bytes;
  step->slices = (size_t)step->in[0].shape.dim[0] * p->blocks;
  step->spare =
      mn_gemm_spare(&p->gemm, p->block, p->gemm.n) * step->slices / (size_t)request->threads;
  return MN_OK;
}

static void pack(const mn_step *step, void *packed) {
  mn_gemm_pack(&((const gated *)step->params)->gemm, step, packed);
}

/* The panel of outputs from n on, [k][cols] weights times gate [k], and its biases. */
static void gate_panel(const mn_step *step, const float *gate, size_t n, float *to) {
  const gated *p = step->params;
  const size_t cols = p->panel.n, k = p->gemm.k;
  const float *from = (const float *)step->packed + n * k;
  for (size_t i = 0; i < k; i++, from += cols, to += cols) {
    for (size_t j = 0; j < cols; j++) to[j] = from[j] * gate[i];
  }
  const unsigned char *biases = (const unsigned char *)step->packed + p->gemm.bias_offset;
  memcpy(to, biases + n * sizeof(float), cols * sizeof(float));
}

/* Fetches a part of what it may with each panel. */
static void run_slice(const mn_step *step, const mn_run *run, size_t slice, mn_ahead *ahead) {
  const gated *p = step->params;
  const size_t image = slice / p->blocks, first = slice % p->blocks * p->block;
  const size_t pixel = image * p->pixels + first;
  const float *gate = (const float *)mn_operand_pixel(run, &step->in[3], image);
  mn_gemm_block block = {
      .a = mn_operand_pixel(run, &step->in[0], pixel),
      .a_stride = step->in[0].pixel_stride,
      .c_stride = step->out.pixel_stride,
      .m = p->pixels - first < p->block ? p->pixels - first : p->block,
      .ahead = ahead->bytes > 0 ? ahead : NULL,
  };
  for (size_t n = 0; n < p->gemm.n; n += p->panel.n) {
    gate_panel(step, gate, n, run->scratch);
    block.c = (float *)mn_operand_pixel_out(run, &step->out, pixel) + n;
    block.n_end = p->gemm.n - n < p->panel.n ? p->gemm.n - n : p->panel.n;
    mn_gemm_run(&p->panel, run->scratch, &block);
    if (block.ahead) ahead->from += ahead->bytes;
  }
}

static void run_slices(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const gated *p = step->params;
  mn_ahead ahead = mn_ahead_of(step, run->worker);
  if (begin >= end) return;
  ahead.bytes /= (end - begin) * (p->gemm.padded_n / p->panel.n);
  for (size_t slice = begin; slice < end; slice++) run_slice(step, run, slice, &ahead);
}

const mn_op_impl mn_gated_conv2d_impl = {.plan = plan, .pack = pack, .run = run_slices};
