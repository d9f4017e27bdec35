/* SPDX-License-Identifier: Apache-2.0
 * What the ways to run a convolution share: its plan, and windows gathered from the rows of a map.
 * Private to conv2d.c, conv_rows.c and conv_window.c. */
#ifndef MN_OPS_CONV2D_H
#define MN_OPS_CONV2D_H

#include "ops/gemm.h"
#include "ops/operand.h"

/* Of an output row, the windows [first, end) are multiplied where they lie. */
typedef struct mn_inside {
  size_t first, end;
} mn_inside;

typedef struct mn_conv {
  mn_gemm gemm;
  mn_window window; /* pads resolved */
  bool pointwise, by_rows;
  mn_inside inside;      /* by rows, in float */
  size_t row_bytes;      /* by rows: of the padded input under a row of windows */
  int32_t rows_together; /* by rows: output rows in one product */
  size_t pixels, block_rows, row_blocks;
  size_t block_cols, col_blocks;
} mn_conv;

/* ---- By rows ------------------------------------------------------------------------------ */

/* Whether the step goes by rows, and what that takes; when the rest of it is planned. */
void mn_conv_plan_rows(mn_conv *conv, mn_step *step, mn_plan_goal goal);
void mn_conv_run_rows(const mn_step *step, const mn_band *band);

/* ---- Windows ------------------------------------------------------------------------------ */

/* What a gather needs to know of the input. */
typedef struct mn_conv_source {
  mn_rows rows; /* of an image: [h][w][pixel_bytes] */
  int32_t height, width;
  size_t pixel_bytes; /* from one pixel to the next */
  size_t tap_bytes;   /* of one pixel's channels */
  unsigned char zero; /* byte that fills padded taps */
} mn_conv_source;

mn_conv_source mn_conv_source_of(const mn_step *step, const mn_rows *rows);

/* Writes the window of output pixel (y, x), [kernel_h][kernel_w][channels]; returns its end. */
unsigned char *mn_conv_gather(const mn_conv_source *from, const mn_window *window, int32_t y,
                              int32_t x, unsigned char *to);

#endif
