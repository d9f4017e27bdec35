/* SPDX-License-Identifier: Apache-2.0
 * Parity of the 8-bit depthwise kernels that read rows: every byte equal to the reference's on the
 * taps of each output, for windows of all kinds (the strips of parity_f32.h). */
#ifndef MN_TESTS_KERNELS_PARITY_DW_Q8S_H
#define MN_TESTS_KERNELS_PARITY_DW_Q8S_H

#include "parity_eltwise.h" /* random_codes */
#include "parity_q8.h"

/* A strip's input, with padded rows NULL. */
typedef struct strip_q8 {
  uint8_t *map; /* [rows][in_width][pixel_stride], ends a page */
  const uint8_t **rows;
  uint8_t *zeros;
} strip_q8;

static void strip_q8_make(strip_q8 *s, const strip_case *c) {
  static guard at_map, at_rows, at_zeros;
  const mn_dw_window *w = &c->window;
  const size_t stride = w->channels + c->in_gap, count = strip_rows(c);
  const size_t row_bytes = (w->in_width - 1) * stride + w->channels;
  s->map = guard_take(&at_map, count * row_bytes);
  random_codes(s->map, count * row_bytes);
  s->rows = guard_take(&at_rows, count * sizeof *s->rows);
  for (size_t i = 0; i < count; i++) {
    const bool padded = i < c->padded_above || i + c->padded_below >= count;
    s->rows[i] = padded ? NULL : s->map + i * row_bytes;
  }
  s->zeros = guard_take(&at_zeros, w->channels);
  memset(s->zeros, (int)random_below(256), w->channels);
}

/* The codes under every output, [outputs][channels][taps], as product_q8 has them. */
static void gather_taps(const strip_q8 *s, const strip_case *c, uint8_t *a) {
  const mn_dw_window *w = &c->window;
  const size_t taps = w->kernel_h * w->kernel_w;
  for (size_t i = 0; i < c->height * w->width * w->channels * taps; i++) {
    const size_t t = i % taps, ch = i / taps % w->channels, output = i / taps / w->channels;
    const size_t y = output / w->width, x = output % w->width;
    const uint8_t *row = s->rows[y * w->stride_h + t / w->kernel_w * w->dilation_h];
    const size_t column = x * w->stride_w + t % w->kernel_w * w->dilation_w - w->pad_left;
    const bool inside = row && column < w->in_width;
    a[i] = inside ? row[column * (w->channels + c->in_gap) + ch] : s->zeros[ch];
  }
}

/* [channels][taps] -> [blocks][planes][taps][cols]; the number of planes. */
static size_t pack_planes(const product_q8 *x, packed_q8 *to, size_t cols) {
  const size_t wide = round_up(x->n, cols);
  size_t planes = 1 + random_below(MN_DW_Q8S_PLANES);
  for (size_t i = 0; i < x->n * x->k; i++) {
    if (planes == 1 && (x->b[i] < -128 || x->b[i] > 127)) planes = 2;
    if (x->b[i] > 254) planes = 3;
  }
  int8_t *weights = guard_take(&to->at_b, wide * planes * x->k);
  for (size_t c = 0; c < wide; c++) {
    for (size_t k = 0; k < x->k; k++) {
      int32_t rest = c < x->n ? x->b[c * x->k + k] : 0;
      for (size_t p = 0; p < planes; p++) {
        const int32_t part = rest < -128 ? -128 : rest > 127 ? 127 : rest;
        weights[((c / cols * planes + p) * x->k + k) * cols + c % cols] = (int8_t)part;
        rest -= part;
      }
    }
  }
  pack_channels_q8(x, to, wide);
  return planes;
}

static void reference_dw_q8s(product_q8 *x) {
  for (size_t m = 0; m < x->m; m++) {
    for (size_t n = 0; n < x->n; n++) { /* one output, as a product of one row and one column */
      mn_requant requant = x->requant;
      if (requant.multiplier) requant.multiplier += n, requant.shift += n;
      requant.scale += n, requant.above += n, requant.below += n;
      const mn_gemm_q8_args one = {.a = x->a + (m * x->n + n) * x->k,
                                   .a_stride = x->k,
                                   .flip = x->flip,
                                   .b = x->b + n * x->k,
                                   .bias = x->bias + n,
                                   .c = x->expected + m * x->n + n,
                                   .c_stride = 1,
                                   .m = 1,
                                   .n = 1,
                                   .k = x->k,
                                   .requant = requant};
      mn_gemm_q8_ref(&one);
    }
  }
}

static bool parity_dw_q8s(const mn_kernel *kernel, const strip_case *c) {
  static guard at_out;
  static packed_q8 packed;
  const mn_dw_window *w = &c->window;
  const size_t pixels = c->height * w->width, out_stride = w->channels + c->out_gap;
  product_q8 x = {.m = pixels, .n = w->channels, .k = w->kernel_h * w->kernel_w, .depthwise = true};
  strip_q8 s;
  product_q8_make(&x);
  strip_q8_make(&s, c);
  gather_taps(&s, c, x.a);
  const size_t planes = pack_planes(&x, &packed, (size_t)kernel->tile.cols);
  uint8_t *out = guard_take(&at_out, (pixels - 1) * out_stride + w->channels);
  const mn_dw_q8s_args args = {.strip = {.window = w,
                                         .rows = (const void *const *)s.rows,
                                         .pixel_stride = w->channels + c->in_gap,
                                         .zeros = s.zeros,
                                         .out = out,
                                         .out_stride = out_stride,
                                         .out_row_stride = w->width * out_stride,
                                         .height = c->height},
                               .flip = x.flip,
                               .weights = (int8_t *)packed.at_b.bytes,
                               .planes = planes,
                               .bias = packed.bias,
                               .requant = packed.requant};
  ((mn_dw_q8s_fn *)kernel->function)(&args);
  reference_dw_q8s(&x);
  const bool good = check_product_q8(kernel, &x, out, out_stride) && guard_intact(kernel, &at_out);
  product_q8_free(&x);
  return good;
}

static int parity_all_dw_q8s(const mn_kernel *kernel, size_t *cases) {
  int failures = 0;
  for (size_t i = 0; i < 3000; i++) {
    strip_case c = strip_case_at(i);
    const mn_dw_window *w = &c.window;
    if (i % 3 == 0) c.window.channels += 64 * random_below(3);
    if (w->kernel_h > MN_DW_Q8S_KERNEL || w->kernel_w > MN_DW_Q8S_KERNEL) continue;
    if ((w->kernel_w - 1) * w->dilation_w >= MN_DW_Q8S_COLUMNS) continue;
    failures += !parity_dw_q8s(kernel, &c);
    (*cases)++;
  }
  return failures;
}

#endif
