/* SPDX-License-Identifier: Apache-2.0
 * Convolution as a matrix product: a pointwise convolution multiplies the input where it lies, one
 * of few weights goes by rows (conv_rows.c), any other gathers a block of windows. A slice is a
 * block of output pixels times a block of output channels, or an output row. */
#include "ops/conv2d.h"
#include "base/alloc.h"

enum {
  DIRECT_BYTES = 128 << 10, /* of input rows in a slice: a share of the L2 cache */
  WHOLE_BYTES = 256 << 10,  /* of all rows, where threads share columns */
  GATHER_BYTES = 24 << 10,  /* of gathered windows: within the L1 cache */
  LEAST_BYTES = 2 << 10,    /* of these, when memory is what counts */
  MOST_ROWS = 512
};

/* Rows of a slice: as many as `budget` holds, but so that every thread has as many slices, and rows
 * enough for whole tiles. 8-bit kernels of bytes take any number of rows: whole tiles are for them
 * where shares end so. */
static size_t choose_rows(const mn_gemm *gemm, size_t budget, size_t pixels, int32_t threads) {
  const size_t unit = (size_t)gemm->kernel->tile.rows;
  const size_t share = (pixels + (size_t)threads - 1) / (size_t)threads;
  size_t rows = budget / gemm->row_bytes;
  if (rows > MOST_ROWS) rows = MOST_ROWS;
  const size_t slices = rows ? (share + rows - 1) / rows : share;
  rows = (share + slices - 1) / slices;
  if (gemm->kernel->slot != MN_SLOT_gemm_q8s || threads == 1) return mn_whole(rows, unit);
  for (size_t more = slices; more < 2 * slices; more++) {
    if (share % (more * unit) == 0) return share / more;
  }
  return rows;
}

/* With fewer row blocks than threads, the output channels are split too. */
static void choose_cols(mn_conv *p, int32_t threads) {
  size_t cols = (size_t)p->gemm.kernel->tile.cols, panels = p->gemm.padded_n / cols;
  size_t parts = 1;
  if (p->pointwise && p->row_blocks < (size_t)threads) parts = (size_t)threads;
  if (parts > panels) parts = panels;
  p->block_cols = mn_whole(panels, parts) / parts * cols;
  p->col_blocks = (p->gemm.n + p->block_cols - 1) / p->block_cols;
}

MN_PLANNING mn_status plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_conv *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  step->params = p;
  mn_gemm_plan(&p->gemm, step, request, step->node->attr.conv.act);
  p->window = step->node->attr.conv.window;
  const mn_shape *in = &step->in[0].shape;
  int32_t out_h, out_w;
  mn_window_resolve(&p->window, in->dim[1], in->dim[2], &out_h, &out_w);
  p->pointwise = mn_window_is_pointwise(&p->window);
  p->pixels = mn_operand_pixels(&step->out);
  size_t budget = request->goal == MN_PLAN_MEMORY ? LEAST_BYTES : GATHER_BYTES;
  if (p->pointwise) budget = DIRECT_BYTES;
  const size_t unit = (size_t)p->gemm.kernel->tile.cols;
  const bool whole = p->pointwise && p->pixels * p->gemm.row_bytes <= WHOLE_BYTES &&
                     mn_shares_channels(p->pixels, p->gemm.n, unit, request->threads);
  p->block_rows = whole ? p->pixels : choose_rows(&p->gemm, budget, p->pixels, request->threads);
  p->row_blocks = (p->pixels + p->block_rows - 1) / p->block_rows;
  choose_cols(p, request->threads);
  size_t gathered = p->pointwise ? 0 : p->block_rows * p->gemm.k * p->gemm.element;
  step->scratch_bytes = mn_aligned(gathered);
  step->kernel = p->gemm.kernel;
  step->packed_bytes = p->gemm.packed_bytes;
  step->slices = p->row_blocks * p->col_blocks;
  if (p->row_blocks == 1) step->slice_bytes = mn_gemm_weight_bytes(&p->gemm, p->block_cols);
  step->spare = mn_gemm_spare(&p->gemm, p->block_rows, p->block_cols) * step->slices /
                (size_t)request->threads;
  mn_conv_plan_rows(p, step, request->goal);
  const size_t rows = p->by_rows ? (size_t)step->out.shape.dim[2] : p->block_rows;
  mn_gemm_add_scratch(&p->gemm, step, request, rows);
  return MN_OK;
}

static void pack(const mn_step *step, void *packed) {
  mn_gemm_pack(&((const mn_conv *)step->params)->gemm, step, packed);
}

/* The windows of `count` output pixels of all images from `first` on. */
static void gather(const mn_step *step, const mn_run *run, size_t first, size_t count) {
  const mn_conv *p = step->params;
  const size_t width = (size_t)step->out.shape.dim[2], height = (size_t)step->out.shape.dim[1];
  unsigned char *to = run->scratch;
  for (size_t i = first; i < first + count;) {
    const size_t line = i / width, row_end = (line + 1) * width;
    const size_t end = row_end < first + count ? row_end : first + count;
    mn_rows rows = mn_operand_rows(run, &step->in[0], (int32_t)(line / height));
    mn_conv_source from = mn_conv_source_of(step, &rows);
    for (; i < end; i++) {
      to = mn_conv_gather(&from, &p->window, (int32_t)(line % height), (int32_t)(i % width), to);
    }
  }
}

static void run_slice(const mn_step *step, const mn_run *run, size_t slice, const mn_ahead *ahead) {
  const mn_conv *p = step->params;
  size_t element = p->gemm.element;
  size_t first = slice / p->col_blocks * p->block_rows;
  size_t n_begin = slice % p->col_blocks * p->block_cols;
  mn_gemm_block block = {
      .m = p->pixels - first < p->block_rows ? p->pixels - first : p->block_rows,
      .c = (unsigned char *)mn_operand_write(run, &step->out) +
           first * step->out.pixel_stride * element,
      .c_stride = step->out.pixel_stride,
      .scratch = run->scratch,
      .n_begin = n_begin,
      .n_end = p->gemm.n - n_begin < p->block_cols ? p->gemm.n : n_begin + p->block_cols,
      .ahead = ahead,
  };
  if (p->pointwise) {
    block.a_stride = step->in[0].pixel_stride;
    block.a = (const unsigned char *)mn_operand_read(run, &step->in[0]) +
              first * block.a_stride * element;
  } else {
    gather(step, run, first, block.m);
    block.a_stride = p->gemm.k;
    block.a = run->scratch;
  }
  mn_gemm_run(&p->gemm, step->packed, &block);
}

static void run_slices(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const mn_conv *p = step->params;
  if (p->by_rows) {
    mn_run_bands(step, run, begin, end);
    return;
  }
  mn_ahead ahead = mn_ahead_of(step, run->worker);
  ahead.bytes = begin < end ? ahead.bytes / (end - begin) : 0;
  for (size_t slice = begin; slice < end; slice++) {
    run_slice(step, run, slice, ahead.bytes > 0 ? &ahead : NULL);
    if (ahead.bytes > 0) ahead.from += ahead.bytes;
  }
}

/* ---- By rows ------------------------------------------------------------------------------ */

static bool reach(const mn_step *step, mn_reach *out) {
  *out = mn_reach_window(&((const mn_conv *)step->params)->window);
  return true;
}

/* `count` pixels from the `first`-th of output row y on; they lie one after another, as those of a
 * pointwise convolution's input do. */
static void run_pixels(const mn_step *step, const mn_band *band, int32_t y, size_t first,
                       size_t count) {
  const mn_conv *p = step->params;
  const size_t element = p->gemm.element, width = (size_t)step->out.shape.dim[2];
  mn_gemm_block block = {
      .m = count,
      .c = mn_row(&band->out, y) + first * step->out.pixel_stride * element,
      .c_stride = step->out.pixel_stride,
      .scratch = band->scratch,
      .n_end = p->gemm.n,
  };
  if (p->pointwise) {
    block.a_stride = step->in[0].pixel_stride;
    block.a = mn_row(&band->in[0], y) + first * block.a_stride * element;
  } else {
    mn_conv_source from = mn_conv_source_of(step, &band->in[0]);
    unsigned char *to = band->scratch;
    for (size_t i = first; i < first + count; i++) {
      const int32_t row = y + (int32_t)(i / width);
      to = mn_conv_gather(&from, &p->window, row, (int32_t)(i % width), to);
    }
    block.a_stride = p->gemm.k;
    block.a = band->scratch;
  }
  mn_gemm_run(&p->gemm, step->packed, &block);
}

static void run_band(const mn_step *step, const mn_band *band) {
  const mn_conv *p = step->params;
  const size_t width = (size_t)step->out.shape.dim[2];
  if (p->by_rows) {
    mn_conv_run_rows(step, band);
    return;
  }
  for (int32_t y = band->first; y < band->last;) {
    int32_t end = mn_rows_together(&band->out, y, band->last);
    if (p->pointwise) end = mn_rows_together(&band->in[0], y, end);
    const size_t pixels = (size_t)(end - y) * width;
    for (size_t i = 0; i < pixels; i += p->block_rows) {
      run_pixels(step, band, y, i, pixels - i < p->block_rows ? pixels - i : p->block_rows);
    }
    y = end;
  }
}

const mn_op_impl mn_conv2d_impl = {
    .plan = plan, .pack = pack, .run = run_slices, .reach = reach, .run_band = run_band};
