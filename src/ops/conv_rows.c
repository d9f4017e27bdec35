/* SPDX-License-Identifier: Apache-2.0
 * Convolution by rows: windows of an output row overlap in the rows of the input, so that each is
 * kernel_h runs of kernel_w pixels, and the product takes these runs where they lie. In float that
 * is the input itself where its rows are long, and elsewhere, and for windows over an edge with
 * those that fill tiles with them, a padded copy. In 8 bits, where a run is at most one vector, all
 * is copied, and windows of codes are put together from the runs. */
#include <string.h>

#include "base/alloc.h"
#include "ops/conv2d.h"

enum {
  /* Weights are read once an output row: they are few, or it is wide. */
  FEW_WEIGHTS = 16 << 10,
  WIDE_ROW = 28,
  MOST_WEIGHTS = 256 << 10,
  LONG_ROW = 4 << 10,     /* bytes that take longer to copy than a product takes to begin twice */
  RUN_BYTES = 16,         /* of 8-bit pixels, read and written as one */
  JOINED_BYTES = 16 << 10 /* of windows of codes: within the L1 cache */
};

/* ---- Planning ----------------------------------------------------------------------------- */

/* The windows that are taken where they lie: those that look over no edge at the sides, less some
 * that fill tiles with the others. */
static mn_inside windows_inside(const mn_conv *conv, const mn_step *step) {
  const mn_window *w = &conv->window;
  const size_t tile = 2 * (size_t)conv->gemm.kernel->tile.rows;
  const size_t count = (size_t)step->out.shape.dim[2], stride = (size_t)w->stride_w;
  const size_t end = (size_t)step->in[0].shape.dim[2] + (size_t)w->pad_left; /* of the input */
  const size_t reach = (size_t)w->kernel_w;
  const size_t fit = end < reach ? 0 : (end - reach) / stride + 1;
  const size_t left = mn_whole(((size_t)w->pad_left + stride - 1) / stride, tile);
  const size_t right = fit < count ? mn_whole(count - fit, tile) : 0;
  const bool some = left + right < count && conv->row_bytes >= LONG_ROW;
  return some ? (mn_inside){left, count - right} : (mn_inside){count, count};
}

/* Columns of the input under so many windows. */
static size_t columns_under(const mn_conv *conv, size_t windows) {
  return (windows - 1) * (size_t)conv->window.stride_w + (size_t)conv->window.kernel_w;
}

static size_t pixel_bytes(const mn_conv *conv, const mn_step *step) {
  return mn_operand_channels(&step->in[0]) * conv->gemm.element;
}

MN_PLANNING bool goes_by_rows(const mn_conv *conv, const mn_step *step) {
  const mn_operand *in = &step->in[0];
  const size_t most = step->out.shape.dim[2] < WIDE_ROW ? FEW_WEIGHTS : MOST_WEIGHTS;
  const bool short_runs = (size_t)conv->window.kernel_w * pixel_bytes(conv, step) <= RUN_BYTES;
  return !conv->pointwise && (in->type == MN_F32 ? mn_operand_dense(in) : short_runs) &&
         conv->window.dilation_w == 1 && conv->gemm.packed_bytes <= most;
}

/* Where in scratch the joined windows of 8-bit rows are: after the rows, and what is read beyond
 * the last one. */
static size_t joined_at(const mn_conv *conv) {
  return (size_t)conv->window.kernel_h * conv->row_bytes + RUN_BYTES;
}

void mn_conv_plan_rows(mn_conv *conv, mn_step *step, mn_plan_goal goal) {
  conv->by_rows = goes_by_rows(conv, step);
  if (!conv->by_rows) return;
  const size_t count = (size_t)step->out.shape.dim[2], rows = (size_t)conv->window.kernel_h;
  conv->row_bytes = columns_under(conv, count) * pixel_bytes(conv, step);
  conv->rows_together = 1;
  step->slices = (size_t)step->out.shape.dim[0] * (size_t)step->out.shape.dim[1];
  if (step->in[0].type == MN_F32) {
    conv->gemm.segments = rows;
    conv->inside = windows_inside(conv, step);
    step->scratch_bytes = mn_aligned(rows * sizeof(void *)) + rows * conv->row_bytes;
    return;
  }
  const size_t joined = count * conv->gemm.padded_k;
  if (goal != MN_PLAN_MEMORY && joined < JOINED_BYTES) {
    conv->rows_together = (int32_t)(JOINED_BYTES / joined);
  }
  step->scratch_bytes =
      joined_at(conv) + (size_t)conv->rows_together * joined + RUN_BYTES; /* zeros after all */
}

/* ---- Windows of an output row ------------------------------------------------------------- */

/* Some of an output row's windows. */
typedef struct windows {
  const mn_step *step;
  const mn_band *band;
  int32_t y;
  size_t first, count;
} windows;

static const mn_conv *conv_of(const windows *x) { return x->step->params; }

/* The row under the k-th of the windows' rows; NULL: it is padding. */
static const unsigned char *row_under(const windows *x, int32_t k) {
  const mn_window *w = &conv_of(x)->window;
  const int32_t y = x->y * w->stride_h - w->pad_top + k * w->dilation_h;
  return y >= 0 && y < x->step->in[0].shape.dim[1] ? mn_row(&x->band->in[0], y) : NULL;
}

/* What lies under the windows in a row (NULL: of padding), padded. */
static void copy_columns(const windows *x, const unsigned char *row, unsigned char *to) {
  const mn_conv *conv = conv_of(x);
  const mn_operand *in = &x->step->in[0];
  const size_t pixel = pixel_bytes(conv, x->step), width = (size_t)in->shape.dim[2];
  const size_t all = columns_under(conv, x->count), pad = (size_t)conv->window.pad_left;
  const size_t begin = x->first * (size_t)conv->window.stride_w; /* columns from -pad on */
  const size_t skipped = begin < pad ? pad - begin : 0, from = begin < pad ? 0 : begin - pad;
  const int zero = in->type == MN_F32 ? 0 : in->quant->zero[0] & 0xff;
  if (!row || skipped >= all || from >= width) {
    memset(to, zero, all * pixel);
    return;
  }
  const size_t inside = all - skipped < width - from ? all - skipped : width - from;
  memset(to, zero, skipped * pixel);
  to += skipped * pixel;
  row += mn_operand_pixel_at(in, from);
  if (mn_operand_dense(in)) {
    memcpy(to, row, inside * pixel);
  } else {
    const size_t apart = mn_operand_pixel_at(in, 1);
    for (size_t i = 0; i < inside; i++) memcpy(to + i * pixel, row + i * apart, pixel);
  }
  memset(to + inside * pixel, zero, (all - skipped - inside) * pixel);
}

static mn_gemm_block block_of(const windows *x) {
  return (mn_gemm_block){
      .c = mn_row(&x->band->out, x->y) + mn_operand_pixel_at(&x->step->out, x->first),
      .c_stride = x->step->out.pixel_stride,
      .scratch = x->band->scratch,
      .m = x->count,
      .n_end = conv_of(x)->gemm.n,
  };
}

/* ---- In float ----------------------------------------------------------------------------- */

static void run_windows(const windows *x, bool inside) {
  const mn_conv *conv = conv_of(x);
  const mn_window *w = &conv->window;
  if (x->count == 0) return;
  const void **segments = x->band->scratch;
  unsigned char *copy =
      (unsigned char *)x->band->scratch + mn_aligned(conv->gemm.segments * sizeof(void *));
  const size_t column = x->first * (size_t)w->stride_w - (size_t)w->pad_left;
  for (int32_t k = 0; k < w->kernel_h; k++) {
    const unsigned char *row = row_under(x, k);
    segments[k] = inside ? row + mn_operand_pixel_at(&x->step->in[0], column) : copy;
    if (inside) continue;
    copy_columns(x, row, copy);
    copy += conv->row_bytes;
  }
  mn_gemm_block block = block_of(x);
  block.segments = segments;
  block.a_stride = (size_t)w->stride_w * mn_operand_channels(&x->step->in[0]);
  mn_gemm_run(&conv->gemm, x->step->packed, &block);
}

/* Output row y. */
static void run_float(const mn_step *step, const mn_band *band, int32_t y) {
  const mn_conv *conv = step->params;
  const size_t count = (size_t)step->out.shape.dim[2];
  mn_inside inside = conv->inside;
  windows x = {step, band, y, 0, count};
  for (int32_t k = 0; k < conv->window.kernel_h; k++) {
    if (!row_under(&x, k)) inside = (mn_inside){count, count};
  }
  x.count = inside.first;
  run_windows(&x, false);
  x.first = inside.first, x.count = inside.end - inside.first;
  run_windows(&x, true);
  x.first = inside.end, x.count = count - inside.end;
  run_windows(&x, false);
}

/* ---- In 8 bits ---------------------------------------------------------------------------- */

/* Signed codes to unsigned ones. */
static void flip_codes(unsigned char *codes, size_t count) {
  for (size_t i = 0; i < count; i++) codes[i] ^= 0x80;
}

/* The windows, [count][padded_k] unsigned codes, from the rows under them: each run is written with
 * what lies after it, and the next one over the excess. */
static void join_runs(const windows *x, const unsigned char *rows, unsigned char *to) {
  const mn_conv *conv = conv_of(x);
  const size_t channels = mn_operand_channels(&x->step->in[0]), k = conv->gemm.k;
  const size_t run = (size_t)conv->window.kernel_w * channels;
  const size_t apart = (size_t)conv->window.stride_w * channels;
  const size_t count = x->count, window = conv->gemm.padded_k, row = conv->row_bytes;
  for (size_t i = 0; i < count; i++, rows += apart, to += window) {
    const unsigned char *from = rows;
    for (size_t j = 0; j < k; j += run, from += row) memcpy(to + j, from, RUN_BYTES);
    memset(to + k, 0, RUN_BYTES); /* a group of products, and the start of the next window */
  }
}

/* The windows of output row y to `joined`. */
static void join_row(const mn_step *step, const mn_band *band, int32_t y, unsigned char *joined) {
  const mn_conv *conv = step->params;
  const windows x = {step, band, y, 0, (size_t)step->out.shape.dim[2]};
  unsigned char *rows = band->scratch;
  for (int32_t k = 0; k < conv->window.kernel_h; k++) {
    copy_columns(&x, row_under(&x, k), rows + (size_t)k * conv->row_bytes);
  }
  if (conv->gemm.flip) flip_codes(rows, (size_t)conv->window.kernel_h * conv->row_bytes);
  join_runs(&x, rows, joined);
}

/* Output rows [y, end), which lie one after another. */
static void run_codes(const mn_step *step, const mn_band *band, int32_t y, int32_t end) {
  const mn_conv *conv = step->params;
  const size_t count = (size_t)step->out.shape.dim[2];
  const windows x = {step, band, y, 0, (size_t)(end - y) * count};
  unsigned char *joined = (unsigned char *)band->scratch + joined_at(conv);
  for (unsigned char *to = joined; y < end; y++, to += count * conv->gemm.padded_k) {
    join_row(step, band, y, to);
  }
  mn_gemm_block block = block_of(&x);
  block.a = joined;
  block.codes = true;
  block.a_stride = conv->gemm.padded_k;
  mn_gemm_run(&conv->gemm, step->packed, &block);
}

void mn_conv_run_rows(const mn_step *step, const mn_band *band) {
  const mn_conv *conv = step->params;
  for (int32_t y = band->first, end; y < band->last; y = end) {
    const int32_t most = y + conv->rows_together;
    end = mn_rows_together(&band->out, y, band->last < most ? band->last : most);
    if (step->in[0].type == MN_F32) {
      run_float(step, band, y);
    } else {
      run_codes(step, band, y, end);
    }
  }
}
