/* SPDX-License-Identifier: Apache-2.0
 * 8-bit depthwise convolution, 16 channels at a time. The bytes of two input rows are interleaved
 * and widened to 16 bits, a column once for all its taps; vpmaddwd multiplies such pairs by those
 * of the weights and adds them, exactly. Two output rows share the columns, the second with its
 * weights one row down. */
#include "kernels/kernels.h"
#include "kernels/x86/requant_avx2.h"
#include "kernels/x86/simd_avx2.h"

enum {
  COLS = 16,
  TAPS = MN_DW_Q8S_KERNEL,
  PAIRS = (TAPS + 2) / 2, /* of rows */
  UNITS = 16,             /* outputs of a row between two stores */
  COLUMNS = MN_DW_Q8S_COLUMNS
};

/* One block of channels of one call. Flipped codes are signed ones plus 128, so they are widened as
 * signed bytes and 128 times the sum of the weights waits in the bias. */
typedef struct block {
  const mn_dw_q8s_args *args;
  size_t channel, count, pairs;
  requant_avx2 requant;
  __m256i bias[2];
  __m256i weights[PAIRS * TAPS][2][2]; /* [pairs][kernel_w] of [output row][half] */
  const uint8_t *row[2 * PAIRS];       /* under the output rows, at this channel */
  size_t step[2 * PAIRS];              /* bytes from column to column; 0 in padding */
  __m256i columns[COLUMNS][PAIRS][2];
  __m256i sums[2][UNITS][2];
} block;

/* Two rows of 16 codes, or weights, as pairs: of channels 0 to 7 and of 8 to 15. */
MN_INLINE void pair_up(__m256i *out, __m128i first, __m128i second, int is_signed) {
  const __m128i low = _mm_unpacklo_epi8(first, second), high = _mm_unpackhi_epi8(first, second);
  out[0] = is_signed ? _mm256_cvtepi8_epi16(low) : _mm256_cvtepu8_epi16(low);
  out[1] = is_signed ? _mm256_cvtepi8_epi16(high) : _mm256_cvtepu8_epi16(high);
}

/* ---- Constants ------------------------------------------------------------------------------ */

/* Weights of kernel row k, which may lie above the kernel or below it, and tap t. */
static __m128i load_weights(const mn_dw_window *w, const int8_t *plane, size_t k, size_t t) {
  if (k >= w->kernel_h) return _mm_setzero_si128();
  const void *from = plane + (k * w->kernel_w + t) * COLS;
  return _mm_loadu_si128((const __m128i *)from);
}

/* Those of one pair of rows and one tap, the planes added up. */
static void sum_planes(const block *x, __m256i *to, size_t k, size_t t) {
  const mn_dw_window *w = x->args->strip.window;
  const size_t plane_bytes = w->kernel_h * w->kernel_w * COLS;
  const int8_t *plane = x->args->weights + x->channel / COLS * x->args->planes * plane_bytes;
  to[0] = to[1] = _mm256_setzero_si256();
  for (size_t p = 0; p < x->args->planes; p++, plane += plane_bytes) {
    __m256i part[2];
    pair_up(part, load_weights(w, plane, k, t), load_weights(w, plane, k + 1, t), 1);
    to[0] = _mm256_add_epi16(to[0], part[0]);
    to[1] = _mm256_add_epi16(to[1], part[1]);
  }
}

static void load_constants(block *x) {
  const mn_dw_q8s_args *args = x->args;
  const size_t taps = args->strip.window->kernel_w;
  const __m256i flip = _mm256_set1_epi16(args->flip);
  for (size_t half = 0; half < 2; half++) {
    const void *from = args->bias + x->channel + 8 * half;
    x->bias[half] = _mm256_loadu_si256((const __m256i *)from);
  }
  for (size_t i = 0; i < x->pairs * taps; i++) {
    sum_planes(x, x->weights[i][0], 2 * (i / taps), i % taps);
    sum_planes(x, x->weights[i][1], 2 * (i / taps) - 1, i % taps); /* wraps above the kernel */
    accumulate_avx2(&x->bias[0], _mm256_madd_epi16(x->weights[i][0][0], flip));
    accumulate_avx2(&x->bias[1], _mm256_madd_epi16(x->weights[i][0][1], flip));
  }
  mn_requant_load_avx2(&x->requant, &args->requant, x->channel);
}

/* ---- Columns -------------------------------------------------------------------------------- */

/* The rows under `outputs` output rows from y on, those beyond the window (whose weights are 0)
 * like padding. */
static void point_rows(block *x, size_t y, size_t outputs) {
  const mn_dw_strip *strip = &x->args->strip;
  const mn_dw_window *w = strip->window;
  for (size_t i = 0; i < 2 * x->pairs; i++) {
    const bool met = i < w->kernel_h + outputs - 1;
    const uint8_t *row = met ? strip->rows[y * w->stride_h + i * w->dilation_h] : NULL;
    x->row[i] = (row ? row : (const uint8_t *)strip->zeros) + x->channel;
    x->step[i] = row ? strip->pixel_stride : 0;
  }
}

/* Columns [c, c + count) of the input; one outside is the same in every row. */
MN_INLINE void fill_columns(block *x, size_t c, size_t count, const size_t live) {
  const mn_dw_strip *strip = &x->args->strip;
  const uint8_t *zeros = (const uint8_t *)strip->zeros + x->channel;
  const int is_signed = x->args->flip != 0;
  for (size_t g = 0; g < x->pairs; g++) {
    const uint8_t *const *row = &x->row[2 * g];
    const size_t step[2] = {x->step[2 * g], x->step[2 * g + 1]};
    size_t at[2] = {c * step[0], c * step[1]}; /* wraps left of the rows */
    for (size_t i = 0; i < count; i++, at[0] += step[0], at[1] += step[1]) {
      const bool inside = c + i < strip->window->in_width;
      pair_up(x->columns[i][g], load_bytes_avx2(inside ? row[0] + at[0] : zeros, live),
              load_bytes_avx2(inside ? row[1] + at[1] : zeros, live), is_signed);
    }
  }
}

/* ---- Outputs -------------------------------------------------------------------------------- */

/* Sums of `units` outputs of row o, 8 channels; weights stay in registers. */
MN_INLINE void multiply(block *x, size_t units, size_t o, size_t half, const size_t taps,
                        const size_t pairs) {
  const mn_dw_window *w = x->args->strip.window;
  const size_t apart = w->dilation_w * PAIRS * 2, next = w->stride_w * PAIRS * 2;
  const __m256i *column = &x->columns[0][0][half], bias = x->bias[half];
  __m256i weights[PAIRS * TAPS], *to = &x->sums[o][0][half];
  MN_UNROLL for (size_t i = 0; i < pairs * taps; i++) weights[i] = x->weights[i][o][half];
  for (size_t u = 0; u < units; u++, column += next, to += 2) {
    __m256i sum = bias;
    MN_UNROLL for (size_t t = 0; t < taps; t++) {
      MN_UNROLL for (size_t g = 0; g < pairs; g++) {
        const __m256i codes = column[t * apart + 2 * g];
        accumulate_avx2(&sum, _mm256_madd_epi16(codes, weights[g * taps + t]));
      }
    }
    *to = sum;
  }
}

/* The same for any kernel. */
static void multiply_any(block *x, size_t units, size_t o, size_t half) {
  const mn_dw_window *w = x->args->strip.window;
  for (size_t u = 0; u < units; u++) {
    __m256i sum = x->bias[half];
    for (size_t i = 0; i < x->pairs * w->kernel_w; i++) {
      const size_t c = u * w->stride_w + i % w->kernel_w * w->dilation_w;
      const __m256i codes = x->columns[c][i / w->kernel_w][half];
      accumulate_avx2(&sum, _mm256_madd_epi16(codes, x->weights[i][o][half]));
    }
    x->sums[o][u][half] = sum;
  }
}

static void multiply_all(block *x, size_t units, size_t outputs) {
  const size_t taps = x->args->strip.window->kernel_w;
  for (size_t i = 0; i < 2 * outputs; i++) {
    if (taps == 3 && x->pairs == 2) {
      multiply(x, units, i / 2, i % 2, 3, 2);
    } else if (taps == 5 && x->pairs == 3) {
      multiply(x, units, i / 2, i % 2, 5, 3);
    } else {
      multiply_any(x, units, i / 2, i % 2);
    }
  }
}

/* Output row y, or y and y + 1. */
static void run_rows(block *x, size_t y, size_t outputs) {
  const mn_dw_strip *strip = &x->args->strip;
  const mn_dw_window *w = strip->window;
  const size_t span = (w->kernel_w - 1) * w->dilation_w + 1;
  const size_t fit = (COLUMNS - span) / w->stride_w + 1, most = fit < UNITS ? fit : UNITS;
  point_rows(x, y, outputs);
  for (size_t at = 0; at < w->width; at += most) {
    const size_t units = w->width - at < most ? w->width - at : most;
    const size_t first = at * w->stride_w - w->pad_left;
    if (x->count == COLS) {
      fill_columns(x, first, (units - 1) * w->stride_w + span, COLS);
    } else {
      fill_columns(x, first, (units - 1) * w->stride_w + span, x->count);
    }
    multiply_all(x, units, outputs);
    for (size_t o = 0; o < outputs; o++) {
      uint8_t *out = (uint8_t *)strip->out + (y + o) * strip->out_row_stride +
                     at * strip->out_stride + x->channel;
      mn_requant_store_avx2(out, strip->out_stride, x->sums[o][0], units, x->count, &x->requant);
    }
  }
}

void mn_dw_q8s_16_avx2(const mn_dw_q8s_args *args) {
  const mn_dw_strip *strip = &args->strip;
  const mn_dw_window *w = strip->window;
  const size_t together = w->stride_h == 1 && w->dilation_h == 1 && strip->height > 1 ? 2 : 1;
  block x; /* large: its arrays are written before they are read */
  x.args = args;
  x.pairs = (w->kernel_h + together) / 2;
  for (x.channel = 0; x.channel < w->channels; x.channel += COLS) {
    x.count = w->channels - x.channel < COLS ? w->channels - x.channel : COLS;
    load_constants(&x);
    for (size_t y = 0; y < strip->height; y += together) {
      run_rows(&x, y, strip->height - y < together ? 1 : together);
    }
  }
}
