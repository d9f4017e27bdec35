/* SPDX-License-Identifier: Apache-2.0
 * 8-bit depthwise convolution, 64 channels at a time, four rows of the window a vpdpbusd. The bytes
 * of four input rows are interleaved, a column once for all its taps, so that a 32-bit lane holds
 * one channel's column of four; weights lie likewise. Two output rows share these columns, the
 * second with its weights one row down. Interleaving by unpacking leaves channels in the order of
 * mn_requant_by_lanes_avx512, which packing undoes. A last block of at most 32 or 16 channels takes
 * two or four neighbouring outputs side by side instead. */
#include "kernels/kernels.h"
#include "kernels/x86/requant_avx512.h"
#include "kernels/x86/simd_avx512.h"

enum {
  COLS = 64,
  GROUPS = 2, /* of four rows */
  UNITS = 16, /* outputs, or pairs or fours of them, between two stores */
  PLANES = MN_DW_Q8S_PLANES,
  TAPS = MN_DW_Q8S_KERNEL,
  COLUMNS = MN_DW_Q8S_COLUMNS
};

/* One block of channels of one call. */
typedef struct block {
  const mn_dw_q8s_args *args;
  size_t channel, count;
  __mmask64 live;
  size_t fold; /* outputs side by side: 1, 2 or 4 */
  size_t groups;
  requant_avx512 requant;
  __m512i bias[4];
  __m512i weights[PLANES * GROUPS * TAPS][2][4]; /* [planes][groups][kernel_w] of [output row][4] */
  const uint8_t *row[4 * GROUPS];                /* input rows under the outputs, at this channel */
  size_t step[4 * GROUPS];                       /* bytes from column to column; 0 in padding */
  __m512i columns[COLUMNS][GROUPS][4];
  __m512i sums[2][UNITS][4];
} block;

static void interleave(__m512i *out, const __m512i *rows) {
  const __m512i a = _mm512_unpacklo_epi8(rows[0], rows[1]);
  const __m512i b = _mm512_unpackhi_epi8(rows[0], rows[1]);
  const __m512i c = _mm512_unpacklo_epi8(rows[2], rows[3]);
  const __m512i d = _mm512_unpackhi_epi8(rows[2], rows[3]);
  out[0] = _mm512_unpacklo_epi16(a, c);
  out[1] = _mm512_unpackhi_epi16(a, c);
  out[2] = _mm512_unpacklo_epi16(b, d);
  out[3] = _mm512_unpackhi_epi16(b, d);
}

/* ---- Constants ------------------------------------------------------------------------------ */

/* Channels as they repeat in a folded block. */
static __m512i repeat(__m512i x, size_t fold) {
  if (fold == 1) return x;
  return fold == 2 ? _mm512_shuffle_i32x4(x, x, 0x44) : _mm512_shuffle_i32x4(x, x, 0x00);
}

/* Weights of tap t in four kernel rows from `first` on, which may begin above and end below. */
static void load_weights(const block *x, __m512i *to, const int8_t *plane, ptrdiff_t first,
                         size_t t) {
  const mn_dw_window *w = x->args->strip.window;
  __m512i rows[4];
  for (ptrdiff_t i = 0; i < 4; i++) {
    const size_t k = (size_t)(first + i); /* wraps above the kernel */
    rows[i] = _mm512_setzero_si512();
    if (k >= w->kernel_h) continue;
    const int8_t *from = plane + (k * w->kernel_w + t) * COLS;
    rows[i] = repeat(_mm512_loadu_si512(from), x->fold);
  }
  interleave(to, rows);
}

static void load_constants(block *x) {
  const mn_dw_q8s_args *args = x->args;
  const mn_dw_window *w = args->strip.window;
  const size_t plane_bytes = w->kernel_h * w->kernel_w * COLS;
  const int8_t *plane = args->weights + x->channel / COLS * args->planes * plane_bytes;
  const int vectors = 4 / (int)x->fold;
  __m512i(*to)[2][4] = x->weights;
  for (size_t p = 0; p < args->planes; p++, plane += plane_bytes) {
    for (size_t g = 0; g < x->groups; g++) {
      for (size_t t = 0; t < w->kernel_w; t++, to++) {
        load_weights(x, (*to)[0], plane, (ptrdiff_t)(4 * g), t);
        load_weights(x, (*to)[1], plane, (ptrdiff_t)(4 * g) - 1, t);
      }
    }
  }
  for (int j = 0; j < 4; j++) {
    x->bias[j] = _mm512_loadu_si512(args->bias + x->channel + 16 * (j % vectors));
  }
  mn_turn_lanes_avx512(x->bias);
  mn_requant_load_avx512(&x->requant, &args->requant, x->channel, vectors);
  mn_requant_by_lanes_avx512(&x->requant, &args->requant);
}

/* ---- Columns -------------------------------------------------------------------------------- */

/* The rows under output row y, those beyond the window (whose weights are 0) like padding. */
static void point_rows(block *x, size_t y, size_t outputs) {
  const mn_dw_strip *strip = &x->args->strip;
  const mn_dw_window *w = strip->window;
  for (size_t i = 0; i < 4 * x->groups; i++) {
    const uint8_t *row =
        i < w->kernel_h + outputs - 1 ? strip->rows[y * w->stride_h + i * w->dilation_h] : NULL;
    x->row[i] = (row ? row : (const uint8_t *)strip->zeros) + x->channel;
    x->step[i] = row ? strip->pixel_stride : 0;
  }
}

/* Codes of one row: column `c`, and in a folded block those of the next outputs. */
MN_INLINE __m512i load_codes(const block *x, size_t i, size_t c, const size_t fold) {
  const mn_dw_strip *strip = &x->args->strip;
  const uint8_t *zeros = (const uint8_t *)strip->zeros + x->channel;
  const size_t stride = strip->window->stride_w, width = strip->window->in_width;
  __m512i part[4];
  MN_UNROLL for (size_t f = 0; f < fold; f++) {
    const size_t column = c + f * stride; /* wraps left of the row */
    const uint8_t *from = column < width ? x->row[i] + column * x->step[i] : zeros;
    part[f] = _mm512_maskz_loadu_epi8(x->live, from);
  }
  if (fold == 1) return part[0];
  if (fold == 2) return _mm512_inserti64x4(part[0], _mm512_castsi512_si256(part[1]), 1);
  part[0] = _mm512_inserti32x4(part[0], _mm512_castsi512_si128(part[1]), 1);
  part[0] = _mm512_inserti32x4(part[0], _mm512_castsi512_si128(part[2]), 2);
  return _mm512_inserti32x4(part[0], _mm512_castsi512_si128(part[3]), 3);
}

MN_INLINE void fill_columns_of(block *x, size_t c, size_t count, const size_t fold) {
  const __m512i flips = _mm512_set1_epi8((char)x->args->flip);
  for (size_t i = 0; i < count; i++, c++) {
    for (size_t g = 0; g < x->groups; g++) {
      __m512i rows[4];
      MN_UNROLL for (size_t k = 0; k < 4; k++) {
        rows[k] = _mm512_xor_si512(load_codes(x, 4 * g + k, c, fold), flips);
      }
      interleave(x->columns[i][g], rows);
    }
  }
}

static void fill_columns(block *x, size_t c, size_t count) {
  switch (x->fold) {
    case 1: fill_columns_of(x, c, count, 1); break;
    case 2: fill_columns_of(x, c, count, 2); break;
    default: fill_columns_of(x, c, count, 4); break;
  }
}

/* ---- Outputs -------------------------------------------------------------------------------- */

/* Sums of `units` outputs of one row, or of it and the next. */
MN_INLINE void multiply(block *x, size_t units, const int outputs) {
  const mn_dw_window *w = x->args->strip.window;
  const size_t next = x->fold * w->stride_w, planes = x->args->planes;
  for (size_t u = 0; u < units; u++) {
    __m512i sum[2][4];
    MN_UNROLL for (int o = 0; o < outputs; o++) {
      MN_UNROLL for (int j = 0; j < 4; j++) sum[o][j] = x->bias[j];
    }
    const __m512i(*weights)[2][4] = (const __m512i(*)[2][4])x->weights;
    for (size_t p = 0; p < planes; p++) {
      for (size_t g = 0; g < x->groups; g++) {
        const __m512i(*column)[GROUPS][4] = (const __m512i(*)[GROUPS][4]) & x->columns[u * next];
        for (size_t t = 0; t < w->kernel_w; t++, weights++, column += w->dilation_w) {
          MN_UNROLL for (int j = 0; j < 4; j++) {
            const __m512i codes = (*column)[g][j];
            MN_UNROLL for (int o = 0; o < outputs; o++) {
              dot_avx512(&sum[o][j], codes, (*weights)[o][j]);
            }
          }
        }
      }
    }
    MN_UNROLL for (int o = 0; o < outputs; o++) {
      MN_UNROLL for (int j = 0; j < 4; j++) x->sums[o][u][j] = sum[o][j];
    }
  }
}

/* Output row y, or y and y + 1. */
static void run_rows(block *x, size_t y, size_t outputs) {
  const mn_dw_strip *strip = &x->args->strip;
  const mn_dw_window *w = strip->window;
  const size_t span = (w->kernel_w - 1) * w->dilation_w + 1, next = x->fold * w->stride_w;
  const size_t fit = (COLUMNS - span) / next + 1, most = fit < UNITS ? fit : UNITS;
  point_rows(x, y, outputs);
  for (size_t at = 0; at < w->width; at += most * x->fold) {
    const size_t left = w->width - at, whole = most * x->fold;
    const size_t count = left < whole ? left : whole, units = (count + x->fold - 1) / x->fold;
    fill_columns(x, at * w->stride_w - w->pad_left, (units - 1) * next + span);
    if (outputs == 2) {
      multiply(x, units, 2);
    } else {
      multiply(x, units, 1);
    }
    for (size_t o = 0; o < outputs; o++) {
      uint8_t *out = (uint8_t *)strip->out + (y + o) * strip->out_row_stride +
                     at * strip->out_stride + x->channel;
      mn_requant_store_avx512(out, strip->out_stride, x->sums[o][0], count, 4 / (int)x->fold,
                              x->count, &x->requant);
    }
  }
}

void mn_dw_q8s_64_avx512vnni(const mn_dw_q8s_args *args) {
  const mn_dw_strip *strip = &args->strip;
  const mn_dw_window *w = strip->window;
  const size_t together = w->stride_h == 1 && w->dilation_h == 1 && strip->height > 1 ? 2 : 1;
  block x; /* large: its arrays are written before they are read */
  x.args = args;
  x.groups = (w->kernel_h + together + 2) / 4;
  for (x.channel = 0; x.channel < w->channels; x.channel += COLS) {
    x.count = w->channels - x.channel < COLS ? w->channels - x.channel : COLS;
    x.live = first_bytes_avx512(x.count);
    x.fold = x.count <= 16 ? 4 : x.count <= 32 ? 2 : 1;
    load_constants(&x);
    for (size_t y = 0; y < strip->height; y += together) {
      run_rows(&x, y, strip->height - y < together ? 1 : together);
    }
  }
}
