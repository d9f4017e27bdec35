/* SPDX-License-Identifier: Apache-2.0
 * 8-bit depthwise convolution, 64 channels at a time, four rows of the window a vpdpbusd. The bytes
 * of four input rows are interleaved, a column once for all its taps, so that a 32-bit lane holds
 * one channel's column of four; weights lie likewise. Two output rows share these columns, the
 * second with its weights one row down. Interleaving by unpacking leaves channels in the order of
 * mn_requant_by_lanes_avx512, which packing undoes. A last block of at most 32 or 16 channels takes
 * the rows of two or four such pairs side by side. */
#include "kernels/kernels.h"
#include "kernels/x86/requant_avx512.h"
#include "kernels/x86/simd_avx512.h"

enum {
  COLS = 64,
  GROUPS = 2,    /* of four rows */
  MOST_TAPS = 5, /* of a kernel in registers */
  UNITS = 16,    /* outputs, or pairs or fours of them, between two stores */
  PLANES = MN_DW_Q8S_PLANES,
  TAPS = MN_DW_Q8S_KERNEL,
  COLUMNS = MN_DW_Q8S_COLUMNS
};

/* One block of channels of one call. */
typedef struct block {
  const mn_dw_q8s_args *args;
  size_t channel, count;
  __mmask64 live;
  size_t fold;     /* pairs of output rows side by side: 1, 2 or 4 */
  size_t together; /* output rows of a pair: 2, or 1 */
  size_t groups;
  requant_avx512 requant;
  __m512i bias[4];
  __m512i weights[PLANES * GROUPS * TAPS][2][4]; /* [planes][groups][kernel_w] of [output row][4] */
  const uint8_t *row[GROUPS][4][4]; /* [fold][row] under the outputs, at this channel */
  size_t step[GROUPS][4][4];        /* bytes from column to column; 0 in padding */
  __m512i columns[COLUMNS][GROUPS][4];
  __m512i sums[2][UNITS][4];
  uint8_t codes[UNITS][COLS]; /* of a folded block, on their way to several rows */
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
  mn_requant_by_lanes_avx512(&x->requant);
}

/* ---- Columns -------------------------------------------------------------------------------- */

/* The rows under `outputs` output rows from y on, those beyond the window (whose weights are 0)
 * like padding. */
static void point_rows(block *x, size_t y, size_t outputs) {
  const mn_dw_strip *strip = &x->args->strip;
  const mn_dw_window *w = strip->window;
  for (size_t f = 0; f < x->fold; f++, y += x->together) {
    const size_t left = outputs > f * x->together ? outputs - f * x->together : 0;
    const size_t pair = left < x->together ? left : x->together;
    const size_t met = pair ? w->kernel_h + pair - 1 : 0;
    for (size_t i = 0; i < 4 * x->groups; i++) {
      const uint8_t *row = i < met ? strip->rows[y * w->stride_h + i * w->dilation_h] : NULL;
      x->row[i / 4][f][i % 4] = (row ? row : (const uint8_t *)strip->zeros) + x->channel;
      x->step[i / 4][f][i % 4] = row ? strip->pixel_stride : 0;
    }
  }
}

/* One of four rows of the codes of a column, `at` bytes from where the rows begin. */
MN_INLINE __m512i load_codes(const block *x, size_t g, size_t (*at)[4], const size_t k,
                             const size_t fold) {
  const uint8_t *const(*row)[4] = (const uint8_t *const(*)[4])x->row[g];
  if (fold == 1) return _mm512_maskz_loadu_epi8(x->live, row[0][k] + at[0][k]);
  __m512i part[4];
  MN_UNROLL for (size_t f = 0; f < fold; f++) {
    part[f] = _mm512_maskz_loadu_epi8(x->live, row[f][k] + at[f][k]);
  }
  if (fold == 2) return _mm512_inserti64x4(part[0], _mm512_castsi512_si256(part[1]), 1);
  part[0] = _mm512_inserti32x4(part[0], _mm512_castsi512_si128(part[1]), 1);
  part[2] = _mm512_inserti32x4(part[2], _mm512_castsi512_si128(part[3]), 1);
  return _mm512_inserti64x4(part[0], _mm512_castsi512_si256(part[2]), 1);
}

/* Columns [c, c + count) of the input, of four rows; one outside is the same in every row. */
MN_INLINE void fill_columns_of(block *x, size_t g, size_t c, size_t count, const size_t fold) {
  const mn_dw_strip *strip = &x->args->strip;
  const __m512i flips = _mm512_set1_epi8((char)x->args->flip);
  const uint8_t *zeros = (const uint8_t *)strip->zeros + x->channel;
  const __m512i once = _mm512_maskz_loadu_epi8(x->live, zeros);
  const __m512i outside = _mm512_xor_si512(repeat(once, fold), flips);
  size_t at[4][4]; /* wraps left of the rows */
  MN_UNROLL for (size_t f = 0; f < fold; f++) {
    MN_UNROLL for (size_t k = 0; k < 4; k++) at[f][k] = c * x->step[g][f][k];
  }
  for (size_t i = 0; i < count; i++) {
    __m512i rows[4] = {outside, outside, outside, outside};
    if (c + i < strip->window->in_width) {
      MN_UNROLL for (size_t k = 0; k < 4; k++) {
        rows[k] = _mm512_xor_si512(load_codes(x, g, at, k, fold), flips);
      }
    }
    MN_UNROLL for (size_t f = 0; f < fold; f++) {
      MN_UNROLL for (size_t k = 0; k < 4; k++) at[f][k] += x->step[g][f][k];
    }
    interleave(x->columns[i][g], rows);
  }
}

static void fill_columns(block *x, size_t c, size_t count) {
  for (size_t g = 0; g < x->groups; g++) {
    switch (x->fold) {
      case 1: fill_columns_of(x, g, c, count, 1); break;
      case 2: fill_columns_of(x, g, c, count, 2); break;
      default: fill_columns_of(x, g, c, count, 4); break;
    }
  }
}

/* ---- Outputs -------------------------------------------------------------------------------- */

/* What plane p of the weights adds to the sums of `units` outputs of one row, or of it and the
 * next; the first one starts them. Any kernel. */
static void multiply_any(block *x, size_t p, size_t units, size_t outputs) {
  const mn_dw_window *w = x->args->strip.window;
  const size_t taps = w->kernel_w, all = x->groups * taps;
  for (size_t i = 0; i < units * outputs * 4; i++) {
    const size_t u = i / (4 * outputs), o = i / 4 % outputs, j = i % 4;
    __m512i sum = p ? x->sums[o][u][j] : x->bias[j];
    for (size_t k = 0; k < all; k++) {
      const size_t column = u * w->stride_w + k % taps * w->dilation_w;
      dot_avx512(&sum, x->columns[column][k / taps][j], x->weights[p * all + k][o][j]);
    }
    x->sums[o][u][j] = sum;
  }
}

/* And a kernel whose weights of 16 channels all stay in registers. */
MN_INLINE void multiply(block *x, size_t p, size_t units, const size_t taps, const size_t groups,
                        const size_t outputs) {
  const mn_dw_window *w = x->args->strip.window;
  const size_t next = w->stride_w, apart = w->dilation_w;
  for (size_t j = 0; j < 4; j++) {
    const __m512i bias = x->bias[j];
    __m512i weights[GROUPS * MOST_TAPS][2];
    MN_UNROLL for (size_t i = 0; i < groups * taps; i++) {
      MN_UNROLL for (size_t o = 0; o < outputs; o++) {
        weights[i][o] = x->weights[p * groups * taps + i][o][j];
      }
    }
    for (size_t u = 0; u < units; u++) {
      const __m512i *column = &x->columns[u * next][0][j];
      __m512i sum[2] = {bias, bias};
      if (p) sum[0] = x->sums[0][u][j], sum[1] = x->sums[1][u][j];
      MN_UNROLL for (size_t t = 0; t < taps; t++, column += apart * GROUPS * 4) {
        MN_UNROLL for (size_t g = 0; g < groups; g++) {
          MN_UNROLL for (size_t o = 0; o < outputs; o++) {
            dot_avx512(&sum[o], column[4 * g], weights[g * taps + t][o]);
          }
        }
      }
      MN_UNROLL for (size_t o = 0; o < outputs; o++) x->sums[o][u][j] = sum[o];
    }
  }
}

static void multiply_all(block *x, size_t units, size_t outputs) {
  const size_t taps = x->args->strip.window->kernel_w;
  for (size_t p = 0; p < x->args->planes; p++) {
    if (taps == 3 && x->groups == 1) {
      if (outputs == 2) {
        multiply(x, p, units, 3, 1, 2);
      } else {
        multiply(x, p, units, 3, 1, 1);
      }
    } else if (taps == 5 && x->groups == 2) {
      if (outputs == 2) {
        multiply(x, p, units, 5, 2, 2);
      } else {
        multiply(x, p, units, 5, 2, 1);
      }
    } else {
      multiply_any(x, p, units, outputs);
    }
  }
}

/* `units` outputs from column `at` of output row y on, and of rows two (one) further down. */
static void store(block *x, size_t y, size_t end, size_t at, size_t units, size_t o) {
  const mn_dw_strip *strip = &x->args->strip;
  uint8_t *out =
      (uint8_t *)strip->out + (y + o) * strip->out_row_stride + at * strip->out_stride + x->channel;
  if (x->fold == 1) {
    mn_requant_store_avx512(out, strip->out_stride, x->sums[o][0], units, 4, x->count, &x->requant);
    return;
  }
  mn_requant_store_avx512(x->codes[0], COLS, x->sums[o][0], units, 4, COLS, &x->requant);
  const size_t part = COLS / x->fold;
  for (size_t f = 0; f < x->fold && y + o < end; f++, y += x->together) {
    uint8_t *to = out + f * x->together * strip->out_row_stride;
    const uint8_t *from = x->codes[0] + f * part;
    for (size_t u = 0; u < units; u++, to += strip->out_stride, from += COLS) {
      if (x->count == 32) {
        memcpy(to, from, 32);
      } else if (x->count == 16) {
        memcpy(to, from, 16);
      } else {
        _mm512_mask_storeu_epi8(to, x->live, _mm512_maskz_loadu_epi8(x->live, from));
      }
    }
  }
}

/* Outputs of row `o` of a pair from their columns to `to`, for 3 x 3 kernels:
 * weights and constants of all 64 channels stay in registers, and so do sums. */
MN_INLINE void multiply_to_codes(const block *x, uint8_t *to, size_t units, size_t o,
                                 const int kind) {
  const mn_dw_window *w = x->args->strip.window;
  const size_t next = w->stride_w, apart = w->dilation_w, stride = x->args->strip.out_stride;
  const requant_avx512 by = x->requant;
  const __mmask64 live = x->live;
  __m512i weights[3][4];
  MN_UNROLL for (size_t t = 0; t < 3; t++) {
    MN_UNROLL for (size_t j = 0; j < 4; j++) weights[t][j] = x->weights[t][o][j];
  }
  for (size_t u = 0; u < units; u++, to += stride) {
    const __m512i *column = x->columns[u * next][0];
    __m512i sum[4];
    MN_UNROLL for (size_t j = 0; j < 4; j++) sum[j] = x->bias[j];
    MN_UNROLL for (size_t t = 0; t < 3; t++, column += apart * GROUPS * 4) {
      MN_UNROLL for (size_t j = 0; j < 4; j++) dot_avx512(&sum[j], column[j], weights[t][j]);
    }
    _mm512_mask_storeu_epi8(to, live, requant_codes(sum, &by, &x->requant, kind));
  }
}

static bool keeps_sums(const block *x) {
  return x->args->strip.window->kernel_w == 3 && x->groups == 1 && x->args->planes == 1 &&
         x->fold == 1 && x->requant.kind != REQUANT_REAL;
}

static void to_codes(const block *x, size_t y, size_t at, size_t units, size_t outputs) {
  const mn_dw_strip *strip = &x->args->strip;
  uint8_t *to =
      (uint8_t *)strip->out + y * strip->out_row_stride + at * strip->out_stride + x->channel;
  for (size_t o = 0; o < outputs; o++, to += strip->out_row_stride) {
    switch (x->requant.kind) {
      case REQUANT_PLAIN: multiply_to_codes(x, to, units, o, REQUANT_PLAIN); break;
      case REQUANT_SIGNS: multiply_to_codes(x, to, units, o, REQUANT_SIGNS); break;
      case REQUANT_DOUBT: multiply_to_codes(x, to, units, o, REQUANT_DOUBT); break;
      default: multiply_to_codes(x, to, units, o, REQUANT_DOUBT_SIGNS); break;
    }
  }
}

/* Output rows [y, end), at most those of one turn. */
static void run_rows(block *x, size_t y, size_t end) {
  const mn_dw_window *w = x->args->strip.window;
  const size_t span = (w->kernel_w - 1) * w->dilation_w + 1;
  const size_t fit = (COLUMNS - span) / w->stride_w + 1, most = fit < UNITS ? fit : UNITS;
  const size_t outputs = end - y < x->together ? end - y : x->together;
  point_rows(x, y, end - y);
  for (size_t at = 0; at < w->width; at += most) {
    const size_t units = w->width - at < most ? w->width - at : most;
    fill_columns(x, at * w->stride_w - w->pad_left, (units - 1) * w->stride_w + span);
    if (keeps_sums(x)) {
      to_codes(x, y, at, units, outputs);
      continue;
    }
    multiply_all(x, units, outputs);
    for (size_t o = 0; o < outputs; o++) store(x, y, end, at, units, o);
  }
}

void mn_dw_q8s_64_avx512vnni(const mn_dw_q8s_args *args) {
  const mn_dw_strip *strip = &args->strip;
  const mn_dw_window *w = strip->window;
  block x; /* large: its arrays are written before they are read */
  x.args = args;
  x.together = w->stride_h == 1 && w->dilation_h == 1 && strip->height > 1 ? 2 : 1;
  x.groups = (w->kernel_h + x.together + 2) / 4;
  for (x.channel = 0; x.channel < w->channels; x.channel += COLS) {
    x.count = w->channels - x.channel < COLS ? w->channels - x.channel : COLS;
    x.live = first_bytes_avx512(x.count);
    x.fold = x.count <= 16 ? 4 : x.count <= 32 ? 2 : 1;
    load_constants(&x);
    const size_t turn = x.fold * x.together;
    for (size_t y = 0; y < strip->height; y += turn) {
      run_rows(&x, y, strip->height - y < turn ? strip->height : y + turn);
    }
  }
}
