/* SPDX-License-Identifier: Apache-2.0
 * Fully connected layer: the matrix product with one row a picture (or a vector of the last dim).
 * A slice is a block of output channels over all rows; with few rows the time is that of reading
 * the weights once. */
#include <string.h>

#include "base/alloc.h"
#include "ops/gemm.h"

typedef struct dense_params {
  mn_gemm gemm;
  size_t rows;
  size_t block_cols;
  bool gathers;        /* a row is spread over strided pixels: copied to scratch first */
  size_t gather_bytes; /* scratch before the row sums */
} dense_params;

static mn_status plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  dense_params *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  step->params = p;
  mn_gemm_plan(&p->gemm, step, request->features, step->node->attr.dense.act);
  const mn_operand *in = &step->in[0];
  p->rows = mn_operand_pixels(in) * mn_operand_channels(in) / p->gemm.k;
  p->gathers = !mn_operand_dense(in) && mn_operand_channels(in) != p->gemm.k;
  size_t gathered = p->gathers ? p->rows * p->gemm.k * p->gemm.element : 0;
  p->gather_bytes = mn_aligned(gathered);
  step->scratch_bytes = p->gather_bytes;
  if (mn_gemm_needs_row_sum(&p->gemm)) step->scratch_bytes += p->rows * sizeof(int32_t);
  size_t cols = (size_t)p->gemm.kernel->tile.cols, panels = p->gemm.padded_n / cols;
  size_t parts = panels < (size_t)request->threads ? panels : (size_t)request->threads;
  p->block_cols = mn_whole(panels, parts) / parts * cols;
  step->kernel = p->gemm.kernel;
  step->packed_bytes = p->gemm.packed_bytes;
  step->slices = (p->gemm.n + p->block_cols - 1) / p->block_cols;
  return MN_OK;
}

static void pack(const mn_step *step, void *packed) {
  mn_gemm_pack(&((const dense_params *)step->params)->gemm, step, packed);
}

static void gather(const mn_step *step, const mn_run *run, size_t element) {
  const mn_operand *in = &step->in[0];
  const unsigned char *from = mn_operand_read(run, in);
  unsigned char *to = run->scratch;
  size_t bytes = mn_operand_channels(in) * element, pixels = mn_operand_pixels(in);
  for (size_t i = 0; i < pixels; i++) {
    memcpy(to + i * bytes, from + i * in->pixel_stride * element, bytes);
  }
}

static void run_slices(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const dense_params *p = step->params;
  const mn_operand *in = &step->in[0];
  bool strided = mn_operand_channels(in) == p->gemm.k;
  if (p->gathers) gather(step, run, p->gemm.element);
  mn_gemm_block block = {
      .a = p->gathers ? run->scratch : mn_operand_read(run, in),
      .a_stride = strided ? in->pixel_stride : p->gemm.k,
      .c = mn_operand_write(run, &step->out),
      .c_stride = step->out.pixel_stride,
      .m = p->rows,
      .n_begin = begin * p->block_cols,
      .n_end = end * p->block_cols < p->gemm.n ? end * p->block_cols : p->gemm.n,
  };
  if (mn_gemm_needs_row_sum(&p->gemm)) {
    block.row_sum = (int32_t *)((unsigned char *)run->scratch + p->gather_bytes);
  }
  mn_gemm_run(&p->gemm, step->packed, &block);
}

const mn_op_impl mn_dense_impl = {plan, pack, run_slices, 0};
