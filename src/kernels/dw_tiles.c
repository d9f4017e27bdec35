/* SPDX-License-Identifier: Apache-2.0
 * See dw_tiles.h. */
#include "kernels/dw_tiles.h"

#include <string.h>

enum { L1_BYTES = 24 << 10 }; /* of a tile's input: what is kept from one output row to the next */

typedef struct work {
  const mn_dw_strip *strip;
  size_t element, columns; /* columns of a tile's input */
  size_t weight_row;       /* bytes */
  mn_dw_tile_fn *run;
  bool pairs;
  mn_dw_tile tile;
  ptrdiff_t inner[MN_DW_COLUMNS], edge[MN_DW_ROWS][MN_DW_COLUMNS];
  size_t met, met_end; /* columns inside the picture */
} work;

static mn_dw_tile_fn *find_tile(const mn_dw_tiler *tiler, const mn_dw_window *window) {
  const size_t stride = window->stride_w;
  if (window->kernel_h > MN_DW_TAPS || stride > 2) return NULL;
  if (stride == 2 && window->dilation_w > 1) return NULL;
  if (window->kernel_w == 3) return tiler->three[stride - 1];
  return window->kernel_w == 5 ? tiler->five[stride - 1] : NULL;
}

/* Columns [met, met_end) of a tile are inside the picture, the first being column `first`. */
static void begin_edge(work *x, ptrdiff_t first) {
  const mn_dw_window *window = x->strip->window;
  const size_t reached = (x->tile.count - 1) * window->stride_w + window->kernel_w;
  x->met = x->met_end = 0;
  for (size_t j = 0; j < reached; j++) {
    const ptrdiff_t column = first + (ptrdiff_t)(j * window->dilation_w);
    if (column < 0) x->met = j + 1;
    if (column < (ptrdiff_t)window->in_width) x->met_end = j + 1;
  }
  for (int row = 0; row < MN_DW_ROWS; row++) memcpy(x->edge[row], x->inner, sizeof x->inner);
}

/* Where a row's columns are: those outside the picture are zeros. */
static const ptrdiff_t *edge_offsets(work *x, size_t row, const char *base) {
  const ptrdiff_t zeros = (const char *)x->strip->zeros - base;
  ptrdiff_t *offset = x->edge[row];
  for (size_t j = 0; j < x->met; j++) offset[j] = zeros;
  for (size_t j = x->met_end; j < x->columns; j++) offset[j] = zeros;
  return offset;
}

/* Outputs of rows y and, if there are two, y + 1 from column `output` on, whose windows begin
 * `skipped` bytes into their rows. */
static void run_rows(work *x, size_t y, size_t output, ptrdiff_t skipped, bool inside) {
  const mn_dw_strip *strip = x->strip;
  const mn_dw_window *window = strip->window;
  const void *const *rows = strip->rows + y * window->stride_h;
  mn_dw_tile *tile = &x->tile;
  const size_t kernel_h = window->kernel_h, alone = tile->rows == 2 ? 1 : kernel_h;
  size_t count = 0;
  tile->first = tile->both = 0;
  for (size_t k = 0; k < kernel_h + tile->rows - 1; k++) {
    const char *row = rows[k * window->dilation_h];
    if (!row) continue;
    row += skipped;
    tile->weights[count] = k * x->weight_row;
    tile->base[count] = row;
    tile->offset[count] = inside ? x->inner : edge_offsets(x, count, row);
    count++;
    tile->first += k < alone;
    tile->both += k >= alone && k < kernel_h;
  }
  tile->second = count - tile->first - tile->both;
  tile->out =
      (char *)strip->out + (y * strip->out_row_stride + output * strip->out_stride) * x->element;
  x->run(tile);
}

/* Every dilation-th column from `phase`, all rows of a few tiles before the next ones: most of what
 * they read is then still in L1 from the row above. */
static void run_phase(work *x, size_t phase, size_t most) {
  const mn_dw_window *window = x->strip->window;
  const size_t dilation = window->dilation_w, stride = window->stride_w;
  const size_t outputs = (window->width - phase + dilation - 1) / dilation;
  const size_t count = outputs < MN_DW_WIDE ? outputs : MN_DW_WIDE;
  const ptrdiff_t width = (ptrdiff_t)window->in_width;
  const ptrdiff_t next = (ptrdiff_t)(count * stride * dilation);
  const ptrdiff_t reach = (ptrdiff_t)((x->columns - 1) * dilation);
  x->tile.count = count;
  for (size_t at = 0; at < outputs; at += x->tile.tiles * count) {
    /* The last tile does outputs of the one before it again, rather than fewer. */
    const size_t from = phase + (outputs - at < count ? outputs - count : at) * dilation;
    const ptrdiff_t first = (ptrdiff_t)(from * stride) - (ptrdiff_t)window->pad_left;
    const bool inside = count == MN_DW_WIDE && first >= 0 && first + reach < width;
    x->tile.tiles = 1;
    while (inside && x->tile.tiles < most && outputs - at >= (x->tile.tiles + 1) * count &&
           first + (ptrdiff_t)x->tile.tiles * next + reach < width) {
      x->tile.tiles++;
    }
    if (!inside) begin_edge(x, first);
    const ptrdiff_t skipped = first * (ptrdiff_t)(x->strip->pixel_stride * x->element);
    for (size_t y = 0; y < x->strip->height; y += x->tile.rows) {
      x->tile.rows = x->pairs && x->strip->height - y >= 2 ? 2 : 1;
      run_rows(x, y, from, skipped, inside);
    }
  }
}

bool mn_dw_run_tiles(const mn_dw_strip *strip, const void *args, const mn_dw_tiler *tiler) {
  const mn_dw_window *window = strip->window;
  const size_t dilation = window->dilation_w, channels = window->channels;
  work x;
  x.run = find_tile(tiler, window);
  if (!x.run) return false;
  x.pairs = tiler->pairs && window->stride_h * window->stride_w * window->dilation_h == 1;
  x.strip = strip;
  x.element = tiler->element;
  x.columns = (MN_DW_WIDE - 1) * window->stride_w + window->kernel_w;
  x.weight_row = window->kernel_w * tiler->lanes * x.element;
  x.tile.args = args;
  x.tile.out_step = dilation * strip->out_stride;
  x.tile.out_row = strip->out_row_stride;
  x.tile.out_next = MN_DW_WIDE * x.tile.out_step;
  const size_t step = dilation * strip->pixel_stride * x.element;
  x.tile.in_next = MN_DW_WIDE * window->stride_w * step;
  for (size_t j = 0; j < x.columns; j++) x.inner[j] = (ptrdiff_t)(j * step);
  const size_t fit = L1_BYTES / (window->kernel_h * x.columns * x.element) / tiler->lanes;
  const size_t group = (fit > 1 ? fit : 1) * tiler->lanes, most = group / (channels + 1) + 1;
  for (size_t c = 0; c < channels; c += group) {
    x.tile.channel = c;
    x.tile.end = channels - c > group ? c + group : channels;
    for (size_t phase = 0; phase < dilation && phase < window->width; phase++) {
      run_phase(&x, phase, most);
    }
  }
  return true;
}
