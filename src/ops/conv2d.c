/* SPDX-License-Identifier: Apache-2.0
 * Convolution as a matrix product: a pointwise convolution multiplies the input where it lies. One
 * of few channels (a stem) copies the rows under a row of windows to scratch, padded: the windows
 * overlap there, and each is kernel_h runs of kernel_w pixels. In float these are multiplied in
 * place; in 8 bits a run is at most one vector, and windows of codes are put together from them.
 * Any other gathers a block of windows (im2col), padded taps as the zero code. A slice is a block
 * of output pixels times a block of output channels, or an output row. */
#include <string.h>

#include "base/alloc.h"
#include "ops/gemm.h"
#include "ops/operand.h"

enum {
  DIRECT_BYTES = 128 << 10, /* of input rows in a slice: a share of the L2 cache */
  WHOLE_BYTES = 256 << 10,  /* of all rows, where threads share columns */
  GATHER_BYTES = 24 << 10,  /* of gathered windows: within the L1 cache */
  LEAST_BYTES = 2 << 10,    /* of these, when memory is what counts */
  MOST_ROWS = 512,
  /* A convolution by rows reads its weights once an output row: they are few, or it is wide. */
  FEW_WEIGHTS = 16 << 10,
  WIDE_ROW = 28,
  MOST_WEIGHTS = 256 << 10,
  RUN_BYTES = 16 /* of 8-bit pixels, read and written as one */
};

typedef struct conv_params {
  mn_gemm gemm;
  mn_window window; /* pads resolved */
  bool pointwise, by_rows;
  size_t row_bytes; /* by rows: of a padded row in scratch, after the pointers to them */
  size_t pixels, block_rows, row_blocks;
  size_t block_cols, col_blocks;
} conv_params;

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
static void choose_cols(conv_params *p, int32_t threads) {
  size_t cols = (size_t)p->gemm.kernel->tile.cols, panels = p->gemm.padded_n / cols;
  size_t parts = 1;
  if (p->pointwise && p->row_blocks < (size_t)threads) parts = (size_t)threads;
  if (parts > panels) parts = panels;
  p->block_cols = mn_whole(panels, parts) / parts * cols;
  p->col_blocks = (p->gemm.n + p->block_cols - 1) / p->block_cols;
}

static bool is_pointwise(const mn_window *w) {
  return w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 &&
         !w->pad_top && !w->pad_bottom && !w->pad_left && !w->pad_right;
}

/* Columns that the windows of an output row reach from pad_left on. */
static size_t reached_columns(const conv_params *p, const mn_step *step) {
  return (size_t)(step->out.shape.dim[2] - 1) * (size_t)p->window.stride_w +
         (size_t)p->window.kernel_w;
}

MN_PLANNING void plan_by_rows(conv_params *p, mn_step *step) {
  const mn_operand *in = &step->in[0];
  const size_t pixel = mn_operand_channels(in) * p->gemm.element;
  const size_t most = step->out.shape.dim[2] < WIDE_ROW ? FEW_WEIGHTS : MOST_WEIGHTS;
  const bool short_runs = (size_t)p->window.kernel_w * pixel <= RUN_BYTES;
  p->by_rows = !p->pointwise && (in->type == MN_F32 || short_runs) && p->window.dilation_w == 1 &&
               p->gemm.packed_bytes <= most;
  if (!p->by_rows) return;
  const size_t kernel_h = (size_t)p->window.kernel_h;
  p->gemm.segments = kernel_h;
  p->row_bytes = reached_columns(p, step) * pixel;
  step->scratch_bytes = mn_aligned(kernel_h * sizeof(void *)) + kernel_h * p->row_bytes;
  if (in->type != MN_F32) {
    step->scratch_bytes += 2 * RUN_BYTES + (size_t)step->out.shape.dim[2] * p->gemm.padded_k;
  }
  step->slices = (size_t)step->out.shape.dim[0] * (size_t)step->out.shape.dim[1];
}

MN_PLANNING mn_status plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  conv_params *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  step->params = p;
  mn_gemm_plan(&p->gemm, step, request, step->node->attr.conv.act);
  p->window = step->node->attr.conv.window;
  const mn_shape *in = &step->in[0].shape;
  int32_t out_h, out_w;
  mn_window_resolve(&p->window, in->dim[1], in->dim[2], &out_h, &out_w);
  p->pointwise = is_pointwise(&p->window);
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
  plan_by_rows(p, step);
  const size_t rows = p->by_rows ? (size_t)step->out.shape.dim[2] : p->block_rows;
  mn_gemm_add_scratch(&p->gemm, step, request, rows);
  return MN_OK;
}

static void pack(const mn_step *step, void *packed) {
  mn_gemm_pack(&((const conv_params *)step->params)->gemm, step, packed);
}

/* What a gather needs to know of the input. */
typedef struct source {
  mn_rows rows; /* of an image: [h][w][pixel_bytes] */
  int32_t height, width;
  size_t pixel_bytes; /* from one pixel to the next */
  size_t tap_bytes;   /* of one pixel's channels */
  unsigned char zero; /* byte that fills padded taps */
} source;

static source source_of(const mn_step *step, const mn_rows *rows) {
  const mn_operand *in = &step->in[0];
  size_t element = mn_type_bytes(in->type);
  return (source){
      .rows = *rows,
      .height = in->shape.dim[1],
      .width = in->shape.dim[2],
      .pixel_bytes = in->pixel_stride * element,
      .tap_bytes = mn_operand_channels(in) * element,
      .zero = in->type == MN_F32 ? 0 : (unsigned char)in->quant->zero[0],
  };
}

/* One row of a window, [kernel_w][channels], starting at input column x of row y. */
static unsigned char *gather_row(const source *from, const mn_window *w, const unsigned char *row,
                                 int32_t x, unsigned char *to) {
  bool inside = x >= 0 && x + w->kernel_w <= from->width && w->dilation_w == 1;
  if (inside && from->pixel_bytes == from->tap_bytes) {
    size_t bytes = (size_t)w->kernel_w * from->tap_bytes;
    memcpy(to, row + (size_t)x * from->pixel_bytes, bytes);
    return to + bytes;
  }
  for (int32_t k = 0; k < w->kernel_w; k++, x += w->dilation_w, to += from->tap_bytes) {
    if (x >= 0 && x < from->width) {
      memcpy(to, row + (size_t)x * from->pixel_bytes, from->tap_bytes);
    } else {
      memset(to, from->zero, from->tap_bytes);
    }
  }
  return to;
}

/* The window of an output pixel, [kernel_h][kernel_w][channels]. */
static unsigned char *gather_window(const source *from, const mn_window *w, int32_t oy, int32_t ox,
                                    unsigned char *to) {
  int32_t x = ox * w->stride_w - w->pad_left, y = oy * w->stride_h - w->pad_top;
  for (int32_t k = 0; k < w->kernel_h; k++, y += w->dilation_h) {
    if (y >= 0 && y < from->height) {
      to = gather_row(from, w, mn_row(&from->rows, y), x, to);
    } else {
      size_t bytes = (size_t)w->kernel_w * from->tap_bytes;
      memset(to, from->zero, bytes);
      to += bytes;
    }
  }
  return to;
}

/* The windows of `count` output pixels of all images from `first` on. */
static void gather(const mn_step *step, const mn_run *run, size_t first, size_t count) {
  const conv_params *p = step->params;
  const size_t width = (size_t)step->out.shape.dim[2], height = (size_t)step->out.shape.dim[1];
  unsigned char *to = run->scratch;
  for (size_t i = first; i < first + count;) {
    const size_t line = i / width, row_end = (line + 1) * width;
    const size_t end = row_end < first + count ? row_end : first + count;
    mn_rows rows = mn_operand_rows(run, &step->in[0], (int32_t)(line / height));
    source from = source_of(step, &rows);
    for (; i < end; i++) {
      to = gather_window(&from, &p->window, (int32_t)(line % height), (int32_t)(i % width), to);
    }
  }
}

static void run_slice(const mn_step *step, const mn_run *run, size_t slice, const mn_ahead *ahead) {
  const conv_params *p = step->params;
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
  const conv_params *p = step->params;
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
  *out = mn_reach_window(&((const conv_params *)step->params)->window);
  return true;
}

/* `count` pixels from the `first`-th of output row y on; they lie one after another, as those of a
 * pointwise convolution's input do. */
static void run_pixels(const mn_step *step, const mn_band *band, int32_t y, size_t first,
                       size_t count) {
  const conv_params *p = step->params;
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
    source from = source_of(step, &band->in[0]);
    unsigned char *to = band->scratch;
    for (size_t i = first; i < first + count; i++) {
      const int32_t row = y + (int32_t)(i / width);
      to = gather_window(&from, &p->window, row, (int32_t)(i % width), to);
    }
    block.a_stride = p->gemm.k;
    block.a = band->scratch;
  }
  mn_gemm_run(&p->gemm, step->packed, &block);
}

/* A row of the input (NULL: of padding) from column -pad_left on, padded. */
static void copy_row(const mn_step *step, const unsigned char *row, unsigned char *to) {
  const conv_params *p = step->params;
  const mn_operand *in = &step->in[0];
  const size_t pixel = mn_operand_channels(in) * p->gemm.element;
  const size_t left = (size_t)p->window.pad_left, all = p->row_bytes / pixel;
  size_t inside = (size_t)in->shape.dim[2];
  if (!row || left >= all) inside = 0;
  if (inside > all - left) inside = all - left;
  const int zero = in->type == MN_F32 ? 0 : in->quant->zero[0] & 0xff;
  if (!inside) {
    memset(to, zero, p->row_bytes);
    return;
  }
  memset(to, zero, left * pixel);
  to += left * pixel;
  if (mn_operand_dense(in)) {
    memcpy(to, row, inside * pixel);
  } else {
    const size_t apart = in->pixel_stride * p->gemm.element;
    for (size_t x = 0; x < inside; x++) memcpy(to + x * pixel, row + x * apart, pixel);
  }
  memset(to + inside * pixel, zero, (all - left - inside) * pixel);
}

/* Signed codes to unsigned ones, eight at a time; what follows them up to RUN_BYTES may change. */
static void flip_codes(unsigned char *codes, size_t count) {
  for (size_t i = 0; i < count; i += sizeof(uint64_t)) {
    uint64_t eight;
    memcpy(&eight, codes + i, sizeof eight);
    eight ^= 0x8080808080808080u;
    memcpy(codes + i, &eight, sizeof eight);
  }
}

/* Windows of unsigned codes, [out_w][padded_k], from the rows in scratch: each run is written with
 * what lies after it, and the next one over the excess. */
static void join_runs(const mn_step *step, const unsigned char *rows, unsigned char *to) {
  const conv_params *p = step->params;
  const size_t channels = mn_operand_channels(&step->in[0]), k = p->gemm.k;
  const size_t run = (size_t)p->window.kernel_w * channels;
  const size_t apart = (size_t)p->window.stride_w * channels;
  for (size_t x = 0; x < (size_t)step->out.shape.dim[2]; x++, to += p->gemm.padded_k) {
    const unsigned char *from = rows + x * apart;
    for (size_t i = 0; i < k; i += run, from += p->row_bytes) memcpy(to + i, from, RUN_BYTES);
    memset(to + k, 0, RUN_BYTES); /* a group of products, and the start of the next window */
  }
}

/* Output row y of a convolution by rows. */
static void run_row(const mn_step *step, const mn_band *band, int32_t y) {
  const conv_params *p = step->params;
  const mn_window *w = &p->window;
  const void **segments = band->scratch;
  unsigned char *rows =
      (unsigned char *)band->scratch + mn_aligned((size_t)w->kernel_h * sizeof(void *));
  for (int32_t k = 0; k < w->kernel_h; k++, rows += p->row_bytes) {
    const int32_t in_y = y * w->stride_h - w->pad_top + k * w->dilation_h;
    const bool inside = in_y >= 0 && in_y < step->in[0].shape.dim[1];
    copy_row(step, inside ? mn_row(&band->in[0], in_y) : NULL, rows);
    segments[k] = rows;
  }
  mn_gemm_block block = {
      .segments = segments,
      .a_stride = (size_t)w->stride_w * mn_operand_channels(&step->in[0]),
      .c = mn_row(&band->out, y),
      .c_stride = step->out.pixel_stride,
      .scratch = band->scratch,
      .m = (size_t)step->out.shape.dim[2],
      .n_end = p->gemm.n,
  };
  if (step->in[0].type != MN_F32) {
    unsigned char *first = rows - (size_t)w->kernel_h * p->row_bytes;
    if (p->gemm.flip) flip_codes(first, (size_t)(rows - first));
    block.a = rows + RUN_BYTES; /* what join_runs reads beyond the last row */
    block.codes = true;
    block.a_stride = p->gemm.padded_k;
    join_runs(step, first, rows + RUN_BYTES);
  }
  mn_gemm_run(&p->gemm, step->packed, &block);
}

/* Rows from y on that follow one another in memory, at most to `last`. */
static int32_t run_of_rows(const mn_rows *rows, int32_t y, int32_t last) {
  const int32_t left = rows->count - y % rows->count;
  return last - y < left ? last : y + left;
}

static void run_band(const mn_step *step, const mn_band *band) {
  const conv_params *p = step->params;
  const size_t width = (size_t)step->out.shape.dim[2];
  for (int32_t y = band->first; p->by_rows && y < band->last; y++) run_row(step, band, y);
  if (p->by_rows) return;
  for (int32_t y = band->first; y < band->last;) {
    int32_t end = run_of_rows(&band->out, y, band->last);
    if (p->pointwise) end = run_of_rows(&band->in[0], y, end);
    const size_t pixels = (size_t)(end - y) * width;
    for (size_t i = 0; i < pixels; i += p->block_rows) {
      run_pixels(step, band, y, i, pixels - i < p->block_rows ? pixels - i : p->block_rows);
    }
    y = end;
  }
}

const mn_op_impl mn_conv2d_impl = {
    .plan = plan, .pack = pack, .run = run_slices, .reach = reach, .run_band = run_band};
