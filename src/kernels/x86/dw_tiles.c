/* SPDX-License-Identifier: Apache-2.0
 * See dw_tiles.h. */
#include "kernels/x86/dw_tiles.h"

enum { L1_BYTES = 24 << 10 }; /* of a tile's input: what is kept from one output row to the next */

typedef struct work {
  const mn_dw_strip *strip;
  size_t element, columns; /* columns of a tile's input */
  mn_dw_tile_fn *run;
  mn_dw_tile tile;
  ptrdiff_t inner[MN_DW_COLUMNS], edge[MN_DW_TAPS * MN_DW_COLUMNS];
} work;

static mn_dw_tile_fn *find_tile(const mn_dw_tiler *tiler, const mn_dw_window *window) {
  const size_t stride = window->stride_w;
  if (window->kernel_h > MN_DW_TAPS || stride > 2) return NULL;
  if (stride == 2 && window->dilation_w > 1) return NULL;
  if (window->kernel_w == 3) return tiler->three[stride - 1];
  return window->kernel_w == 5 ? tiler->five[stride - 1] : NULL;
}

/* Bases at column 0 of each row become offsets of every column, from `first` on. */
static void at_edge(work *x, ptrdiff_t first) {
  const mn_dw_window *window = x->strip->window;
  const size_t reached = (x->tile.count - 1) * window->stride_w + window->kernel_w;
  const ptrdiff_t pixel = (ptrdiff_t)(x->strip->pixel_stride * x->element);
  const char *zeros = x->strip->zeros;
  ptrdiff_t *offset = x->edge;
  for (size_t row = 0; row < x->tile.rows; row++) {
    const ptrdiff_t base = x->tile.base[row] - zeros;
    x->tile.base[row] = zeros;
    for (size_t j = 0; j < x->columns; j++) {
      const ptrdiff_t column = first + (ptrdiff_t)(j * window->dilation_w);
      const bool inside = column >= 0 && column < (ptrdiff_t)window->in_width && j < reached;
      *offset++ = inside ? base + column * pixel : 0;
    }
  }
}

/* `count` outputs of row y, from column `output` on. */
static void run_tile(work *x, size_t y, size_t output, size_t count) {
  const mn_dw_strip *strip = x->strip;
  const mn_dw_window *window = strip->window;
  const void *const *rows = strip->rows + y * window->stride_h;
  const ptrdiff_t first = (ptrdiff_t)(output * window->stride_w) - (ptrdiff_t)window->pad_left;
  const ptrdiff_t last = first + (ptrdiff_t)((x->columns - 1) * window->dilation_w);
  const bool inside = count == MN_DW_WIDE && first >= 0 && last < (ptrdiff_t)window->in_width;
  const size_t skipped = inside ? (size_t)first * strip->pixel_stride * x->element : 0;
  mn_dw_tile *tile = &x->tile;
  tile->count = count;
  tile->out =
      (char *)strip->out + (y * strip->out_row_stride + output * strip->out_stride) * x->element;
  tile->rows = 0;
  for (size_t k = 0; k < window->kernel_h; k++) {
    const char *row = rows[k * window->dilation_h];
    if (!row) continue;
    tile->kernel_row[tile->rows] = k;
    tile->base[tile->rows++] = row + skipped;
  }
  tile->offset = inside ? x->inner : x->edge;
  tile->next_row = inside ? 0 : x->columns;
  if (!inside) at_edge(x, first);
  x->run(tile);
}

/* Every dilation-th column from `phase`, all rows of a tile before the next tile: most of what it
 * reads is then still in L1 from the row above. */
static void run_phase(work *x, size_t phase) {
  const size_t width = x->strip->window->width, dilation = x->strip->window->dilation_w;
  const size_t outputs = (width - phase + dilation - 1) / dilation;
  const size_t count = outputs < MN_DW_WIDE ? outputs : MN_DW_WIDE;
  for (size_t at = 0; at < outputs; at += count) {
    /* The last tile does outputs of the one before it again, rather than fewer. */
    const size_t from = outputs - at < count ? outputs - count : at;
    for (size_t y = 0; y < x->strip->height; y++) run_tile(x, y, phase + from * dilation, count);
  }
}

bool mn_dw_run_tiles(const mn_dw_strip *strip, const void *args, const mn_dw_tiler *tiler,
                     size_t channels) {
  const mn_dw_window *window = strip->window;
  const size_t dilation = window->dilation_w;
  work x;
  x.run = find_tile(tiler, window);
  if (!x.run) return false;
  x.strip = strip;
  x.element = tiler->element;
  x.columns = (MN_DW_WIDE - 1) * window->stride_w + window->kernel_w;
  x.tile.args = args;
  x.tile.out_step = dilation * strip->out_stride;
  const size_t step = dilation * strip->pixel_stride * x.element;
  for (size_t j = 0; j < x.columns; j++) x.inner[j] = (ptrdiff_t)(j * step);
  const size_t fit = L1_BYTES / (window->kernel_h * x.columns * x.element) / tiler->lanes;
  const size_t group = (fit > 1 ? fit : 1) * tiler->lanes;
  for (size_t c = 0; c < channels; c += group) {
    x.tile.channel = c;
    x.tile.end = channels - c > group ? c + group : channels;
    for (size_t phase = 0; phase < dilation && phase < window->width; phase++) run_phase(&x, phase);
  }
  return true;
}
