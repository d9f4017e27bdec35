/* SPDX-License-Identifier: Apache-2.0
 * Float depthwise convolution, the same for every width of vector: the tiles of dw_tiles.h, and
 * output by output what has no tile. The including file brings lanes_avx512.h, or this one
 * lanes_avx2.h. */
#ifndef MN_KERNELS_X86_DW_F32_TILE_H
#define MN_KERNELS_X86_DW_F32_TILE_H

#ifndef MN_KERNELS_X86_LANES_AVX512_H
#include "kernels/x86/lanes_avx2.h"
#endif
#include "kernels/x86/dw_tiles.h"

enum { WIDE = MN_DW_WIDE };

/* Sums that hard-swish waits for, [WIDE][LANES]. */
static __attribute__((noinline)) void store_hard_swish(const mn_dw_tile *x, const float *sums,
                                                       float *out, lanes_live live) {
  for (size_t i = 0; i < x->count; i++, out += x->out_step) {
    store_first(out, hard_swish_lanes(load_lanes(sums + i * LANES)), live);
  }
}

MN_INLINE void tile_store(const mn_dw_tile *x, lanes *sum, size_t c, lanes_live live) {
  const mn_finish_f32 *finish = &((const mn_dw_f32_args *)x->args)->finish;
  const lanes lo = set_lanes(finish->lo), hi = set_lanes(finish->hi);
  const size_t step = x->out_step, count = x->count;
  float *out = (float *)x->out + c, sums[WIDE * LANES];
  if (finish->hard_swish) {
    MN_UNROLL for (int i = 0; i < WIDE; i++) store_lanes(sums + LANES * i, sum[i]);
    store_hard_swish(x, sums, out, live);
    return;
  }
  MN_UNROLL for (int i = 0; i < WIDE; i++) sum[i] = clamp_lanes(sum[i], lo, hi);
  MN_UNROLL for (int i = 0; i < WIDE; i++, out += step) {
    if ((size_t)i >= count) break;
    if (WHOLE_IS_FASTER) {
      store_lanes(out, sum[i]);
    } else {
      store_first(out, sum[i], live);
    }
  }
}

MN_INLINE void tile_channels(const mn_dw_tile *x, size_t c, const int taps, const int stride) {
  const mn_dw_f32_args *args = x->args;
  const mn_dw_window *window = args->strip.window;
  const lanes_live live = first_lanes(window->channels - c);
  const float *panel = args->weights + c * window->kernel_h * (size_t)taps;
  const ptrdiff_t *offset = x->offset;
  lanes sum[WIDE], weight[MN_DW_TAPS];
  MN_UNROLL for (int i = 0; i < WIDE; i++) sum[i] = load_lanes(args->bias + c);
  for (size_t row = 0; row < x->rows; row++, offset += x->next_row) {
    const char *base = x->base[row] + c * sizeof(float);
    __asm__("" : "+r"(base)); /* one register, not an addition for each column */
    const float *w = panel + x->kernel_row[row] * (size_t)(taps * LANES);
    MN_UNROLL for (int t = 0; t < taps; t++) weight[t] = load_lanes(w + t * LANES);
    MN_UNROLL for (int j = 0; j < (WIDE - 1) * stride + taps; j++) {
      const float *from = (const float *)(const void *)(base + offset[j]);
      const lanes value = WHOLE_IS_FASTER ? load_lanes(from) : load_first(from, live);
      MN_UNROLL for (int i = 0; i < WIDE; i++) {
        const int t = j - i * stride;
        if (t >= 0 && t < taps) sum[i] = multiply_add(value, weight[t], sum[i]);
      }
    }
  }
  tile_store(x, sum, c, live);
}

MN_INLINE void tile_run(const mn_dw_tile *x, const int taps, const int stride) {
  for (size_t c = x->channel; c < x->end; c += LANES) tile_channels(x, c, taps, stride);
}

static void tile_3_by_1(const mn_dw_tile *x) { tile_run(x, 3, 1); }
static void tile_3_by_2(const mn_dw_tile *x) { tile_run(x, 3, 2); }
static void tile_5_by_1(const mn_dw_tile *x) { tile_run(x, 5, 1); }
static void tile_5_by_2(const mn_dw_tile *x) { tile_run(x, 5, 2); }

/* Channels [c, c + LANES) of one output. */
static void one_output(const mn_dw_f32_args *args, size_t y, size_t x, size_t c) {
  const mn_dw_strip *strip = &args->strip;
  const mn_dw_window *window = strip->window;
  const lanes_live live = first_lanes(window->channels - c);
  const float *w = args->weights + c * window->kernel_h * window->kernel_w;
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
      {tile_3_by_1, tile_3_by_2}, {tile_5_by_1, tile_5_by_2}, sizeof(float), LANES};
  const mn_dw_window *window = args->strip.window;
  size_t tiled = WHOLE_IS_FASTER ? window->channels / LANES * LANES : window->channels;
  if (!mn_dw_run_tiles(&args->strip, args, &tiler, tiled)) tiled = 0;
  for (size_t c = tiled; c < window->channels; c += LANES) {
    for (size_t i = 0; i < args->strip.height * window->width; i++) {
      one_output(args, i / window->width, i % window->width, c);
    }
  }
}
#endif
