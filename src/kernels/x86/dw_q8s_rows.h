/* SPDX-License-Identifier: Apache-2.0
 * 8-bit depthwise convolution, 16 channels at a time, for two instructions that multiply neighbours
 * and add them: vpmaddwd pairs of 16 bits, vpdpbusd quads of bytes. So many input rows of a column
 * are joined once for all its taps; weights lie likewise. Two output rows share the columns, the
 * second with its weights one row down. */
#ifndef MN_KERNELS_X86_DW_Q8S_ROWS_H
#define MN_KERNELS_X86_DW_Q8S_ROWS_H

#include "kernels/kernels.h"
#include "kernels/x86/requant_avx2.h"
#include "kernels/x86/simd_avx2.h"

enum {
  DW_COLS = 16,
  DW_TAPS = MN_DW_Q8S_KERNEL,
  DW_GROUPS = (DW_TAPS + 2) / 2, /* of rows: at most pairs */
  DW_ROWS = 2 * DW_GROUPS + 2,
  DW_UNITS = 16, /* outputs of a row between two stores */
  DW_COLUMNS = MN_DW_Q8S_COLUMNS
};

/* One block of channels of one call. */
typedef struct dw_block {
  const mn_dw_q8s_args *args;
  size_t channel, count, groups;
  requant_avx2 requant;
  __m256i bias[2];
  __m256i weights[DW_GROUPS * DW_TAPS][2][2]; /* [groups][kernel_w] of [output row][half] */
  const uint8_t *row[DW_ROWS];                /* under the output rows, at this channel */
  size_t step[DW_ROWS];                       /* bytes from column to column; 0 in padding */
  __m256i columns[DW_COLUMNS][DW_GROUPS][2];
  __m256i sums[2][DW_UNITS][2];
} dw_block;

/* What the instructions differ in. */
typedef struct dw_way {
  size_t rows; /* of a group */
  /* That many rows of 16 codes: of channels 0 to 7 and of 8 to 15. */
  void (*join)(__m256i *out, const __m128i *rows, uint8_t flip);
  void (*dot)(__m256i *sum, __m256i codes, __m256i weights);
  void (*load)(dw_block *x); /* bias, weights */
} dw_way;

/* ---- Columns -------------------------------------------------------------------------------- */

/* The rows under `outputs` output rows from y on, those beyond the window (whose weights are 0)
 * like padding. */
MN_INLINE void dw_point_rows(dw_block *x, size_t y, size_t outputs, const dw_way *way) {
  const mn_dw_strip *strip = &x->args->strip;
  const mn_dw_window *w = strip->window;
  for (size_t i = 0; i < way->rows * x->groups; i++) {
    const bool met = i < w->kernel_h + outputs - 1;
    const uint8_t *row = met ? strip->rows[y * w->stride_h + i * w->dilation_h] : NULL;
    x->row[i] = (row ? row : (const uint8_t *)strip->zeros) + x->channel;
    x->step[i] = row ? strip->pixel_stride : 0;
  }
}

/* Columns [c, c + count) of the input; one outside is the same in every row. */
MN_INLINE void dw_fill_columns(dw_block *x, size_t c, size_t count, const size_t live,
                               const dw_way *way) {
  const mn_dw_strip *strip = &x->args->strip;
  const uint8_t *zeros = (const uint8_t *)strip->zeros + x->channel;
  for (size_t g = 0; g < x->groups; g++) {
    const uint8_t *row[4];
    size_t step[4];
    MN_UNROLL for (size_t k = 0; k < way->rows; k++) {
      row[k] = x->row[way->rows * g + k];
      step[k] = x->step[way->rows * g + k];
    }
    for (size_t i = 0; i < count; i++) {
      const bool inside = c + i < strip->window->in_width; /* c wraps left of the rows */
      __m128i rows[4];
      MN_UNROLL for (size_t k = 0; k < way->rows; k++) {
        rows[k] = load_bytes_avx2(inside ? row[k] + (c + i) * step[k] : zeros, live);
      }
      way->join(x->columns[i][g], rows, x->args->flip);
    }
  }
}

/* ---- Outputs -------------------------------------------------------------------------------- */

/* Sums of `units` outputs of row o, 8 channels; weights stay in registers. */
MN_INLINE void dw_multiply(dw_block *x, size_t units, size_t o, size_t half, const size_t taps,
                           const size_t groups, const dw_way *way) {
  const mn_dw_window *w = x->args->strip.window;
  const size_t apart = w->dilation_w * DW_GROUPS * 2, next = w->stride_w * DW_GROUPS * 2;
  const __m256i *column = &x->columns[0][0][half], bias = x->bias[half];
  __m256i weights[DW_GROUPS * DW_TAPS], *to = &x->sums[o][0][half];
  MN_UNROLL for (size_t i = 0; i < groups * taps; i++) weights[i] = x->weights[i][o][half];
  for (size_t u = 0; u < units; u++, column += next, to += 2) {
    __m256i sum = bias;
    MN_UNROLL for (size_t t = 0; t < taps; t++) {
      MN_UNROLL for (size_t g = 0; g < groups; g++) {
        way->dot(&sum, column[t * apart + 2 * g], weights[g * taps + t]);
      }
    }
    *to = sum;
  }
}

/* The same for any kernel. */
MN_INLINE void dw_multiply_any(dw_block *x, size_t units, size_t o, size_t half,
                               const dw_way *way) {
  const mn_dw_window *w = x->args->strip.window;
  for (size_t u = 0; u < units; u++) {
    __m256i sum = x->bias[half];
    for (size_t i = 0; i < x->groups * w->kernel_w; i++) {
      const size_t c = u * w->stride_w + i % w->kernel_w * w->dilation_w;
      way->dot(&sum, x->columns[c][i / w->kernel_w][half], x->weights[i][o][half]);
    }
    x->sums[o][u][half] = sum;
  }
}

MN_INLINE void dw_multiply_all(dw_block *x, size_t units, size_t outputs, const dw_way *way) {
  const size_t taps = x->args->strip.window->kernel_w;
  const size_t three = (3 + way->rows) / way->rows, five = (5 + way->rows) / way->rows;
  for (size_t i = 0; i < 2 * outputs; i++) {
    if (taps == 3 && x->groups == three) {
      dw_multiply(x, units, i / 2, i % 2, 3, three, way);
    } else if (taps == 5 && x->groups == five) {
      dw_multiply(x, units, i / 2, i % 2, 5, five, way);
    } else {
      dw_multiply_any(x, units, i / 2, i % 2, way);
    }
  }
}

/* Output row y, or y and y + 1. */
MN_INLINE void dw_run_rows(dw_block *x, size_t y, size_t outputs, const dw_way *way) {
  const mn_dw_strip *strip = &x->args->strip;
  const mn_dw_window *w = strip->window;
  const size_t span = (w->kernel_w - 1) * w->dilation_w + 1;
  const size_t fit = (DW_COLUMNS - span) / w->stride_w + 1, most = fit < DW_UNITS ? fit : DW_UNITS;
  dw_point_rows(x, y, outputs, way);
  for (size_t at = 0; at < w->width; at += most) {
    const size_t units = w->width - at < most ? w->width - at : most;
    const size_t first = at * w->stride_w - w->pad_left;
    if (x->count == DW_COLS) {
      dw_fill_columns(x, first, (units - 1) * w->stride_w + span, DW_COLS, way);
    } else {
      dw_fill_columns(x, first, (units - 1) * w->stride_w + span, x->count, way);
    }
    dw_multiply_all(x, units, outputs, way);
    for (size_t o = 0; o < outputs; o++) {
      uint8_t *out = (uint8_t *)strip->out + (y + o) * strip->out_row_stride +
                     at * strip->out_stride + x->channel;
      mn_requant_store_avx2(out, strip->out_stride, x->sums[o][0], units, x->count, &x->requant);
    }
  }
}

MN_INLINE void dw_run(const mn_dw_q8s_args *args, const dw_way *way) {
  const mn_dw_strip *strip = &args->strip;
  const mn_dw_window *w = strip->window;
  const size_t together = w->stride_h == 1 && w->dilation_h == 1 && strip->height > 1 ? 2 : 1;
  dw_block x; /* large: its arrays are written before they are read */
  x.args = args;
  x.groups = (w->kernel_h + together - 1 + way->rows - 1) / way->rows;
  for (x.channel = 0; x.channel < w->channels; x.channel += DW_COLS) {
    x.count = w->channels - x.channel < DW_COLS ? w->channels - x.channel : DW_COLS;
    way->load(&x);
    mn_requant_load_avx2(&x.requant, &args->requant, x.channel);
    for (size_t y = 0; y < strip->height; y += together) {
      dw_run_rows(&x, y, strip->height - y < together ? 1 : together, way);
    }
  }
}

/* Weights of a plane: of kernel row k, which may lie above the kernel or below it, and tap t. */
MN_INLINE __m128i dw_load_weights(const dw_block *x, const int8_t *plane, size_t k, size_t t) {
  const mn_dw_window *w = x->args->strip.window;
  if (k >= w->kernel_h) return _mm_setzero_si128();
  const void *from = plane + (k * w->kernel_w + t) * DW_COLS;
  return _mm_loadu_si128((const __m128i *)from);
}

#endif
