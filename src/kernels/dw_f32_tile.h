/* SPDX-License-Identifier: Apache-2.0
 * Float depthwise convolution, the same for every width of vector: the tiles of dw_tiles.h, and
 * output by output what has no tile. The including file brings lanes_avx512.h, or this one
 * lanes_neon.h or lanes_avx2.h. */
#ifndef MN_KERNELS_DW_F32_TILE_H
#define MN_KERNELS_DW_F32_TILE_H

#if defined(__aarch64__)
#include "kernels/arm/lanes_neon.h"
#elif !defined(MN_KERNELS_X86_LANES_AVX512_H)
#include "kernels/x86/lanes_avx2.h"
#endif
#include "kernels/dw_tiles.h"

enum { WIDE = MN_DW_WIDE, PAIRS = LANES != 8 }; /* sums of two rows take more than 16 registers */

MN_INLINE void tile_store(const mn_dw_tile *x, lanes *sum, float *out) {
  const mn_finish_f32 *finish = &((const mn_dw_f32_args *)x->args)->finish;
  const size_t step = x->out_step, count = x->count;
  if (finish->hard_swish) {
    MN_UNROLL for (int i = 0; i < WIDE; i++) sum[i] = hard_swish_lanes(sum[i]);
  } else {
    const lanes lo = set_lanes(finish->lo), hi = set_lanes(finish->hi);
    MN_UNROLL for (int i = 0; i < WIDE; i++) sum[i] = clamp_lanes(sum[i], lo, hi);
  }
  MN_UNROLL for (int i = 0; i < WIDE; i++, out += step) {
    if ((size_t)i >= count) break;
    store_lanes(out, sum[i]);
  }
}

/* The weights of one row of the window. */
MN_INLINE void load_weights(lanes *weight, const char *from, const int taps) {
  MN_UNROLL for (int t = 0; t < taps; t++) {
    weight[t] = load_lanes((const float *)(const void *)from + t * LANES);
  }
}

/* Products of input row `row` for the first output row, the second or both. */
MN_INLINE void row_products(const mn_dw_tile *x, size_t row, const char *panel, size_t in,
                            lanes *first, lanes *second, const int taps, const int stride) {
  const char *base = x->base[row] + in, *w = panel + x->weights[row];
  const ptrdiff_t *offset = x->offset[row];
  lanes weight[MN_DW_TAPS], before[MN_DW_TAPS];
  if (first) load_weights(weight, w, taps);
  if (second) load_weights(before, w - (size_t)(taps * LANES) * sizeof(float), taps);
  MN_UNROLL for (int j = 0; j < (WIDE - 1) * stride + taps; j++) {
    const lanes value = load_at(base, offset[j]);
    MN_UNROLL for (int i = 0; i < WIDE; i++) {
      const int t = j - i * stride;
      if (t < 0 || t >= taps) continue;
      if (first) add_product(&first[i], value, weight[t]);
      if (second) add_product(&second[i], value, before[t]);
    }
  }
}

/* Panel `c` of a tile that begins `in` bytes from the first one. */
MN_INLINE void tile_panel(const mn_dw_tile *x, size_t c, size_t in, float *out, const int taps,
                          const int stride, const bool pairs) {
  const mn_dw_f32_args *args = x->args;
  const mn_dw_window *window = args->strip.window;
  const char *panel = (const char *)(args->weights + c * window->kernel_h * (size_t)taps);
  lanes sum[WIDE], second[WIDE];
  c = mn_dw_f32_panel(window->channels, LANES, c);
  in += c * sizeof(float);
  out += c;
  MN_UNROLL for (int i = 0; i < WIDE; i++) sum[i] = second[i] = load_lanes(args->bias + c);
  size_t row = 0;
  for (const size_t end = x->first; row < end; row++) {
    row_products(x, row, panel, in, sum, NULL, taps, stride);
  }
  if (pairs) {
    for (const size_t end = row + x->both; row < end; row++) {
      row_products(x, row, panel, in, sum, second, taps, stride);
    }
    for (const size_t end = row + x->second; row < end; row++) {
      row_products(x, row, panel, in, NULL, second, taps, stride);
    }
  }
  for (size_t rows = x->rows;; out += x->out_row) { /* one piece of code for both */
    tile_store(x, sum, out);
    if (!pairs || --rows == 0) break;
    MN_UNROLL for (int i = 0; i < WIDE; i++) sum[i] = second[i];
  }
}

MN_INLINE void tile_run(const mn_dw_tile *x, const int taps, const int stride, const bool pairs) {
  float *out = x->out;
  for (size_t i = 0; i < x->tiles; i++, out += x->out_next) {
    for (size_t c = x->channel; c < x->end; c += LANES) {
      tile_panel(x, c, i * x->in_next, out, taps, stride, pairs);
    }
  }
}

static void tile_3_by_1(const mn_dw_tile *x) { tile_run(x, 3, 1, PAIRS); }
static void tile_3_by_2(const mn_dw_tile *x) { tile_run(x, 3, 2, false); }
static void tile_5_by_1(const mn_dw_tile *x) { tile_run(x, 5, 1, PAIRS); }
static void tile_5_by_2(const mn_dw_tile *x) { tile_run(x, 5, 2, false); }

/* Panel `c` of one output. */
static void one_output(const mn_dw_f32_args *args, size_t y, size_t x, size_t c) {
  const mn_dw_strip *strip = &args->strip;
  const mn_dw_window *window = strip->window;
  const float *w = args->weights + c * window->kernel_h * window->kernel_w;
  const lanes_live live = first_lanes(window->channels);
  c = mn_dw_f32_panel(window->channels, LANES, c);
  lanes sum = load_lanes(args->bias + c);
  for (size_t k = 0; k < window->kernel_h; k++) {
    const float *row = strip->rows[y * window->stride_h + k * window->dilation_h];
    for (size_t t = 0; t < window->kernel_w; t++, w += LANES) {
      if (!row) continue;
      const size_t column = x * window->stride_w + t * window->dilation_w - window->pad_left;
      const bool inside = column < window->in_width; /* wrapped when it is padded on the left */
      const float *from = inside ? row + column * strip->pixel_stride : strip->zeros;
      sum = multiply_add(load_first(from + c, live), load_lanes(w), sum);
    }
  }
  sum = args->finish.hard_swish
            ? hard_swish_lanes(sum)
            : clamp_lanes(sum, set_lanes(args->finish.lo), set_lanes(args->finish.hi));
  float *out = (float *)strip->out + y * strip->out_row_stride + x * strip->out_stride + c;
  store_first(out, sum, live);
}

MN_INLINE void depthwise(const mn_dw_f32_args *args) {
  static const mn_dw_tiler tiler = {
      {tile_3_by_1, tile_3_by_2}, {tile_5_by_1, tile_5_by_2}, PAIRS, sizeof(float), LANES};
  const mn_dw_window *window = args->strip.window;
  if (window->channels >= LANES && mn_dw_run_tiles(&args->strip, args, &tiler)) return;
  for (size_t c = 0; c < window->channels; c += LANES) {
    for (size_t i = 0; i < args->strip.height * window->width; i++) {
      one_output(args, i / window->width, i % window->width, c);
    }
  }
}
#endif
