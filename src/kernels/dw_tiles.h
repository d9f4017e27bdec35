/* SPDX-License-Identifier: Apache-2.0
 * Takes a strip of depthwise outputs apart into tiles, for every element type and vector width: 7
 * neighbouring outputs at a time, so that an input is loaded once for all the outputs it belongs
 * to; 7 divides the 7, 14, 28, 56 and 112 columns of MobileNets. A dilated row is taken apart into
 * undilated ones, every d-th column.
 *
 * A tile finds its inputs by a base for each row and an offset for each column. Inside the picture
 * one table of offsets serves all tiles; at its edges a table of the tile's own leads padded
 * columns to the zeros. */
#ifndef MN_KERNELS_DW_TILES_H
#define MN_KERNELS_DW_TILES_H

#include "kernels/kernels.h"

enum {
  MN_DW_WIDE = 7, /* outputs of a tile */
  MN_DW_TAPS = 5, /* most rows and columns of its window */
  MN_DW_ROWS = MN_DW_TAPS + 1,
  MN_DW_COLUMNS = 2 * (MN_DW_WIDE - 1) + MN_DW_TAPS
};

/* `tiles` neighbours, of the same rows and channels; each one output row, or two of which the
 * second is one input row further down. */
typedef struct mn_dw_tile {
  const void *args;    /* of the kernel */
  size_t channel, end; /* channels to do */
  /* Input rows without those of padding: for the first output row alone, for both, and for the
   * second alone. */
  size_t first, both, second;
  size_t weights[MN_DW_ROWS];          /* of a row for the first output row, bytes from the panel */
  const char *base[MN_DW_ROWS];        /* of a row's first column, at channel 0 */
  const ptrdiff_t *offset[MN_DW_ROWS]; /* [columns] bytes from the base */
  void *out;
  size_t out_step, count, out_row; /* outputs to write, out_step elements apart, and the rows */
  size_t rows;                     /* 1 or 2 */
  size_t tiles, in_next, out_next; /* bytes, elements from one to the next */
} mn_dw_tile;

typedef void mn_dw_tile_fn(const mn_dw_tile *tile);

/* A tile function for each shape that has one, or NULL. */
typedef struct mn_dw_tiler {
  mn_dw_tile_fn *three[2], *five[2]; /* columns of the window; stride 1 and 2 */
  bool pairs;                        /* those of stride 1 do two output rows */
  size_t element;                    /* bytes */
  size_t lanes;                      /* channels of a vector */
} mn_dw_tiler;

/* Does a strip; false when its window has no tile. */
bool mn_dw_run_tiles(const mn_dw_strip *strip, const void *args, const mn_dw_tiler *tiler);
#endif
