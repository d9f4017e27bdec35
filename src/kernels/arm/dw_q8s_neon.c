/* SPDX-License-Identifier: Apache-2.0
 * 8-bit depthwise convolution without dot products, tiles of 7 neighbouring outputs x 8 channels,
 * so that an input is loaded once for all the outputs it belongs to. Two products of signed bytes
 * (codes 128 less than they are) are added in 16 bits before they join a sum of 32: those of two
 * rows of the window, or of two columns of its last one. Weights of -128, whose products could
 * leave 16 bits, and windows that have no tile go output by output. */
#include "kernels/arm/requant_neon.h"
#include "kernels/kernels.h"

enum {
  WIDE = 7,
  COLS = 8,
  GROUP = 64, /* channels of a cache line, done before the next tile */
  TILE_TAPS = 5,
  TILE_COLUMNS = 2 * (WIDE - 1) + TILE_TAPS
};

/* Outputs [output, output + count) of one row and of channels [first, end). */
typedef struct tile_dw {
  const mn_dw_q8s_args *args;
  const uint8_t *base[TILE_TAPS];     /* of a row's first column, at channel 0 */
  const ptrdiff_t *offset[TILE_TAPS]; /* [columns] bytes from the base */
  ptrdiff_t edge[TILE_TAPS][TILE_COLUMNS], inner[TILE_COLUMNS];
  uint8_t *out;
  size_t out_step, count;
  size_t first, end;
  int32_t bias[GROUP]; /* to codes that are 128 less */
} tile_dw;

typedef void tile_fn(const tile_dw *x);

MN_INLINE void accumulate(int32x4_t *sum, int16x8_t products) {
  sum[0] = vaddw_s16(sum[0], vget_low_s16(products));
  sum[1] = vaddw_high_s16(sum[1], products);
}

/* Column j of row k. */
MN_INLINE int8x8_t load_codes(const tile_dw *x, size_t c, int k, int j, const bool xored) {
  const uint8x8_t bytes = vld1_u8(x->base[k] + c + x->offset[k][j]);
  return vreinterpret_s8_u8(xored ? veor_u8(bytes, vdup_n_u8(0x80)) : bytes);
}

/* Rows k and k + 1 of a window of `taps` columns. */
MN_INLINE void two_rows(const tile_dw *x, size_t c, int32x4_t sum[WIDE][2], const int8_t *w,
                        const int k, const int taps, const int stride, const bool xored) {
  int8x8_t upper[TILE_TAPS], lower[TILE_TAPS];
  __asm__ volatile("" : : : "memory"); /* columns are loaded here, not all of them beforehand */
  MN_UNROLL for (int t = 0; t < taps; t++) {
    upper[t] = vld1_s8(w + (k * taps + t) * COLS);
    lower[t] = vld1_s8(w + ((k + 1) * taps + t) * COLS);
  }
  MN_UNROLL for (int j = 0; j < (WIDE - 1) * stride + taps; j++) {
    const int8x8_t above = load_codes(x, c, k, j, xored);
    const int8x8_t below = load_codes(x, c, k + 1, j, xored);
    MN_UNROLL for (int i = 0; i < WIDE; i++) {
      const int t = j - i * stride;
      if (t < 0 || t >= taps) continue;
      accumulate(sum[i], vmlal_s8(vmull_s8(above, upper[t]), below, lower[t]));
    }
  }
}

/* The last row, by pairs of columns and a single one. */
MN_INLINE void one_row(const tile_dw *x, size_t c, int32x4_t sum[WIDE][2], const int8_t *w,
                       const int k, const int taps, const int stride, const bool xored) {
  int8x8_t weight[TILE_TAPS], before = vdup_n_s8(0);
  __asm__ volatile("" : : : "memory");
  MN_UNROLL for (int t = 0; t < taps; t++) weight[t] = vld1_s8(w + (k * taps + t) * COLS);
  MN_UNROLL for (int j = 0; j < (WIDE - 1) * stride + taps; j++) {
    const int8x8_t codes = load_codes(x, c, k, j, xored);
    MN_UNROLL for (int i = 0; i < WIDE; i++) {
      const int t = j - i * stride;
      if (t == taps - 1) {
        accumulate(sum[i], vmull_s8(codes, weight[t]));
      } else if (t > 0 && t < taps && t % 2) {
        accumulate(sum[i], vmlal_s8(vmull_s8(before, weight[t - 1]), codes, weight[t]));
      }
    }
    before = codes;
  }
}

MN_INLINE void store_wide(const tile_dw *x, uint8_t *out, int32x4_t sum[WIDE][2],
                          const requant_neon *by, const int kind) {
  const size_t step = x->out_step;
  MN_UNROLL for (int i = 0; i < WIDE; i++, out += step) {
    vst1_u8(out, requant_codes_neon(sum[i][0], sum[i][1], by, kind));
  }
}

/* Eight channels from c on. */
MN_INLINE void tile_channels(const tile_dw *x, size_t c, const int taps, const int stride,
                             const bool xored) {
  const mn_dw_q8s_args *args = x->args;
  const size_t plane = (size_t)(taps * taps * COLS);
  const int8_t *w = args->weights + c / COLS * args->planes * plane;
  int32x4_t sum[WIDE][2];
  MN_UNROLL for (int i = 0; i < WIDE; i++) {
    sum[i][0] = vld1q_s32(x->bias + (c - x->first));
    sum[i][1] = vld1q_s32(x->bias + (c - x->first) + 4);
  }
  for (size_t p = 0; p < args->planes; p++, w += plane) {
    MN_UNROLL for (int k = 0; k + 1 < taps; k += 2) {
      two_rows(x, c, sum, w, k, taps, stride, xored);
    }
    one_row(x, c, sum, w, taps - 1, taps, stride, xored);
  }
  requant_neon requant;
  requant_load_neon(&requant, &args->requant, c);
  uint8_t *out = x->out + c;
  if (x->count == WIDE) {
    switch (requant.kind) {
      case REQUANT_RELU: store_wide(x, out, sum, &requant, REQUANT_RELU); return;
      case REQUANT_SIGNED: store_wide(x, out, sum, &requant, REQUANT_SIGNED); return;
      case REQUANT_RIGHT: store_wide(x, out, sum, &requant, REQUANT_RIGHT); return;
      default: break;
    }
  }
  int32x4_t aside[2 * WIDE];
  MN_UNROLL for (int i = 0; i < 2 * WIDE; i++) aside[i] = sum[i / 2][i % 2];
  mn_requant_store_neon(out, x->out_step, aside, x->count, COLS, &requant);
}

/* clang-format off */
#define TILE(taps, stride)                                              \
  static void tile_##taps##_by_##stride(const tile_dw *x) {             \
    if (x->args->flip) {                                                \
      for (size_t c = x->first; c < x->end; c += COLS) tile_channels(x, c, taps, stride, false); \
    } else {                                                            \
      for (size_t c = x->first; c < x->end; c += COLS) tile_channels(x, c, taps, stride, true);  \
    }                                                                   \
  }
TILE(3, 1) TILE(3, 2) TILE(5, 1) TILE(5, 2)
    /* clang-format on */

    /* Dilation is every d-th column for itself: with stride 1 only. */
    static tile_fn *find_tile(const mn_dw_window *w) {
  if (w->kernel_h != w->kernel_w || w->stride_w > 2) return NULL;
  if (w->stride_w == 2 && w->dilation_w > 1) return NULL;
  if (w->kernel_w == 3) return w->stride_w == 1 ? tile_3_by_1 : tile_3_by_2;
  if (w->kernel_w == 5) return w->stride_w == 1 ? tile_5_by_1 : tile_5_by_2;
  return NULL;
}

/* ---- Tiles of a strip ------------------------------------------------------------------------ */

/* Columns of row k: column `first` of the map is the tile's first, which may lie left of it. */
static void point_row(tile_dw *x, size_t k, const uint8_t *row, ptrdiff_t first, bool inside) {
  const mn_dw_strip *strip = &x->args->strip;
  const mn_dw_window *w = strip->window;
  const ptrdiff_t pixel = (ptrdiff_t)strip->pixel_stride;
  if (row && inside) {
    x->base[k] = row + first * pixel;
    x->offset[k] = x->inner;
    return;
  }
  const uint8_t *zeros = strip->zeros;
  x->base[k] = zeros;
  x->offset[k] = x->edge[k];
  for (size_t j = 0; j < (WIDE - 1) * w->stride_w + w->kernel_w; j++) {
    const ptrdiff_t column = first + (ptrdiff_t)(j * w->dilation_w);
    const bool met = row && column >= 0 && column < (ptrdiff_t)w->in_width;
    x->edge[k][j] = met ? row + column * pixel - zeros : 0;
  }
}

/* Every dilation-th output of row y from `phase` on. */
static void run_row(tile_dw *x, tile_fn *run, size_t y, size_t phase) {
  const mn_dw_strip *strip = &x->args->strip;
  const mn_dw_window *w = strip->window;
  const size_t dilation = w->dilation_w, outputs = (w->width - phase + dilation - 1) / dilation;
  const ptrdiff_t reach = (ptrdiff_t)(((WIDE - 1) * w->stride_w + w->kernel_w - 1) * dilation);
  x->count = outputs < WIDE ? outputs : WIDE;
  for (size_t at = 0; at < outputs; at += x->count) {
    /* The last tile does outputs of the one before it again, rather than fewer. */
    const size_t from = phase + (outputs - at < x->count ? outputs - x->count : at) * dilation;
    const ptrdiff_t first = (ptrdiff_t)(from * w->stride_w) - (ptrdiff_t)w->pad_left;
    const bool inside = first >= 0 && first + reach < (ptrdiff_t)w->in_width;
    for (size_t k = 0; k < w->kernel_h; k++) {
      point_row(x, k, strip->rows[y * w->stride_h + k * w->dilation_h], first, inside);
    }
    x->out = (uint8_t *)strip->out + y * strip->out_row_stride + from * strip->out_stride;
    run(x);
  }
}

/* bias + 128 times the sum of the weights of channels [first, end). */
static void shift_biases(tile_dw *x) {
  const mn_dw_q8s_args *args = x->args;
  const size_t taps = args->planes * args->strip.window->kernel_h * args->strip.window->kernel_w;
  for (size_t c = x->first; c < x->end; c += COLS) {
    const int8_t *w = args->weights + c * taps;
    int32x4_t low = vdupq_n_s32(0), high = low;
    for (size_t t = 0; t < taps; t++, w += COLS) {
      const int16x8_t weight = vmovl_s8(vld1_s8(w));
      low = vaddw_s16(low, vget_low_s16(weight));
      high = vaddw_high_s16(high, weight);
    }
    int32_t *to = x->bias + (c - x->first);
    vst1q_s32(to, vmlaq_n_s32(vld1q_s32(args->bias + c), low, 128));
    vst1q_s32(to + 4, vmlaq_n_s32(vld1q_s32(args->bias + c + 4), high, 128));
  }
}

/* ---- Output by output ------------------------------------------------------------------------ */

/* Channels [c, c + COLS), or those that there are, of one output. */
static void one_output(const tile_dw *x, size_t y, size_t column, size_t c,
                       const requant_neon *requant) {
  const mn_dw_q8s_args *args = x->args;
  const mn_dw_strip *strip = &args->strip;
  const mn_dw_window *w = strip->window;
  const size_t count = w->channels - c < COLS ? w->channels - c : COLS;
  const size_t taps = w->kernel_h * w->kernel_w;
  const int8_t *weights = args->weights + c * args->planes * taps;
  int32x4_t sum[2] = {vld1q_s32(x->bias), vld1q_s32(x->bias + 4)};
  for (size_t i = 0; i < args->planes * taps; i++, weights += COLS) {
    const size_t k = i % taps / w->kernel_w, t = i % w->kernel_w;
    const uint8_t *row = strip->rows[y * w->stride_h + k * w->dilation_h];
    const size_t at = column * w->stride_w + t * w->dilation_w - w->pad_left; /* may wrap */
    const uint8_t *from = row && at < w->in_width ? row + at * strip->pixel_stride : strip->zeros;
    const uint8x8_t codes = veor_u8(load_bytes_neon(from + c, count), vdup_n_u8(args->flip ^ 0x80));
    accumulate(sum, vmull_s8(vreinterpret_s8_u8(codes), vld1_s8(weights)));
  }
  uint8_t *out = (uint8_t *)strip->out + y * strip->out_row_stride + column * strip->out_stride;
  mn_requant_store_neon(out + c, strip->out_stride, sum, 1, count, requant);
}

static void run_outputs(tile_dw *x, size_t c) {
  const mn_dw_q8s_args *args = x->args;
  const size_t width = args->strip.window->width;
  for (; c < args->strip.window->channels; c += COLS) {
    requant_neon requant;
    requant_load_neon(&requant, &args->requant, c);
    x->first = c, x->end = c + COLS;
    shift_biases(x);
    for (size_t i = 0; i < args->strip.height * width; i++) {
      one_output(x, i / width, i % width, c, &requant);
    }
  }
}

/* ---------------------------------------------------------------------------------------------- */

/* Whether one of `count` weights, a multiple of 8, is -128. */
static bool has_least(const int8_t *w, size_t count) {
  uint8x8_t found = vdup_n_u8(0);
  for (size_t i = 0; i < count; i += 8) {
    found = vorr_u8(found, vceq_s8(vld1_s8(w + i), vdup_n_s8(INT8_MIN)));
  }
  return vmaxv_u8(found) != 0;
}

void mn_dw_q8s_7x8_neon(const mn_dw_q8s_args *args) {
  const mn_dw_window *w = args->strip.window;
  const size_t blocks = (w->channels + COLS - 1) / COLS, whole = w->channels / COLS * COLS;
  tile_fn *run = find_tile(w);
  if (has_least(args->weights, blocks * args->planes * w->kernel_h * w->kernel_w * COLS))
    run = NULL;
  tile_dw x; /* large: its arrays are written before they are read */
  x.args = args;
  x.out_step = w->dilation_w * args->strip.out_stride;
  for (size_t j = 0; run && j < TILE_COLUMNS; j++) {
    x.inner[j] = (ptrdiff_t)(j * w->dilation_w * args->strip.pixel_stride);
  }
  for (x.first = 0; run && x.first < whole; x.first = x.end) {
    x.end = whole - x.first < GROUP ? whole : x.first + GROUP;
    shift_biases(&x);
    for (size_t y = 0; y < args->strip.height; y++) {
      for (size_t phase = 0; phase < w->dilation_w && phase < w->width; phase++) {
        run_row(&x, run, y, phase);
      }
    }
  }
  run_outputs(&x, run ? whole : 0);
}
