/* SPDX-License-Identifier: Apache-2.0
 * Parity of the 8-bit matrix product and depthwise kernels: every byte equal to the reference's,
 * on random operands and on those that sit at the edges of what a verified graph may hold (codes 0
 * and 255 throughout, weights of 255 and 127 in size, biases that leave no headroom, the smallest
 * and largest multipliers, every shift, clamps that leave one value). */
#ifndef MN_TESTS_KERNELS_PARITY_Q8_H
#define MN_TESTS_KERNELS_PARITY_Q8_H

#include <math.h>

#include "ops/requantize.h"
#include "parity.h"
#include "parity_f32.h" /* the shapes: gemm_case_at */

/* An m x n result, each element a product of k. Depthwise rows differ by column. */
typedef struct product_q8 {
  size_t m, n, k;
  bool depthwise;
  uint8_t *a; /* [m][k], depthwise [m][n][k] */
  int16_t *b; /* [n][k], zero point subtracted */
  int32_t w_zero;
  int32_t *bias;
  mn_requant requant; /* of n channels in `columns` */
  int32_t *columns;   /* multiplier | shift | scale | above | below, [n] each */
  uint8_t *expected;  /* [m][n], by the reference kernel */
  uint8_t flip;
} product_q8;

/* The five columns of `count` channels in one block. */
static void requant_point(mn_requant *to, int32_t *columns, size_t count, bool fixed) {
  to->multiplier = fixed ? columns : NULL;
  to->shift = fixed ? columns + count : NULL;
  to->scale = (float *)columns + 2 * count;
  to->above = (float *)columns + 3 * count;
  to->below = (float *)columns + 4 * count;
}

static void product_q8_fill(product_q8 *x) {
  const uint32_t codes = random_below(4), weights = random_below(4);
  const size_t rows = x->depthwise ? x->m * x->n : x->m;
  const int32_t reach = random_below(2) ? 127 : 255;
  x->w_zero = reach == 255 ? (int32_t)random_below(256) - 128 : 0;
  for (size_t i = 0; i < rows * x->k; i++) {
    const uint8_t extremes = random_below(2) ? 255 : 0;
    x->a[i] = codes < 2 ? (uint8_t)random_u32() : codes == 2 ? extremes : (uint8_t)~x->flip;
  }
  for (size_t i = 0; i < x->n * x->k; i++) {
    const int32_t any = (int32_t)random_below(256) - 128, edge = random_below(2) ? 127 : -128;
    int32_t w = weights < 2 ? any : weights == 2 ? edge : 127;
    if (x->w_zero == 0 && w == -128) w = -127;
    x->b[i] = (int16_t)(w - x->w_zero);
  }
}

/* The shift that brings a typical sum to about 100: sums of balanced weights grow like the root of
 * k, others like k. */
static int32_t typical_shift(size_t k) {
  int32_t shift = -2;
  const size_t step = random_below(2) ? 4 : 2;
  for (; k > 0; k /= step) shift--;
  return shift;
}

/* Biases up to where the sum could leave 32 bits; shifts that keep results in sight or do not. */
static void product_q8_scale(product_q8 *x) {
  static const int32_t multipliers[] = {1 << 30, INT32_MAX, 0, 1, (1 << 30) + 1};
  const int32_t room = INT32_MAX - (int32_t)(x->k * 255 * 255), typical = typical_shift(x->k);
  const uint32_t style = random_below(4);
  for (size_t j = 0; j < x->n; j++) {
    int32_t *multiplier = &x->columns[j], *shift = &x->columns[x->n + j];
    x->bias[j] = (int32_t)random_below(20001) - 10000;
    if (style == 3) x->bias[j] = random_below(2) ? room : -room;
    *multiplier =
        random_below(4) ? (1 << 30) + (int32_t)random_below(1 << 30) : multipliers[random_below(5)];
    *shift = style == 0 ? (int32_t)random_below(39) - 31
                        : typical - (style == 3 ? 16 : 4) + (int32_t)random_below(3);
    if (*shift < -31) *shift = -31;
  }
  const bool is_signed = random_below(2);
  mn_requant *out = &x->requant;
  out->base = is_signed ? 0 : 128;
  out->out_min = is_signed ? -128 : 0;
  out->out_max = out->out_min + 255;
  out->out_zero = out->out_min + (int32_t)random_below(256);
  if (random_below(3) == 0) out->out_min = out->out_zero;
  if (random_below(8) == 0) out->out_max = out->out_min;
}

/* The float form of each channel: the definition where `fixed` is false, else the proven equal of
 * the fixed form, or one that may be in doubt. */
static void product_q8_float(product_q8 *x, bool fixed) {
  mn_requant *out = &x->requant;
  if (!fixed) out->base = out->out_zero;
  for (size_t j = 0; j < x->n; j++) {
    const mn_requant_problem problem = {.multiplier = x->columns[j],
                                        .right = -x->columns[x->n + j],
                                        .up = out->out_max - out->out_zero,
                                        .down = out->out_zero - out->out_min,
                                        .zero = out->out_zero - out->base};
    mn_requant_float found = {ldexpf((float)random_u32(), -24 - (int)random_below(21)), 0.0f, 0.0f};
    if (fixed && (random_below(16) == 0 || !mn_certify_requant(&problem, &found))) {
      found = mn_requant_guess(out, x->columns[j], x->columns[x->n + j]);
    }
    float *columns = (float *)x->columns;
    columns[2 * x->n + j] = found.scale;
    columns[3 * x->n + j] = found.above;
    columns[4 * x->n + j] = found.below;
  }
}

static void product_q8_make(product_q8 *x) {
  const size_t rows = x->depthwise ? x->m * x->n : x->m;
  x->a = malloc(rows * x->k);
  x->b = malloc(x->n * x->k * sizeof *x->b);
  x->bias = malloc(x->n * sizeof *x->bias);
  x->columns = malloc(5 * x->n * sizeof *x->columns);
  x->expected = malloc(x->m * x->n);
  if (!x->a || !x->b || !x->bias || !x->columns || !x->expected) abort();
  x->flip = random_below(2) ? 0x80 : 0x00;
  product_q8_fill(x);
  product_q8_scale(x);
  const bool fixed = random_below(4) != 0;
  product_q8_float(x, fixed);
  requant_point(&x->requant, x->columns, x->n, fixed);
}

static void product_q8_free(product_q8 *x) {
  free(x->a), free(x->b), free(x->bias), free(x->columns), free(x->expected);
}

/* got [m][stride]; the slack between its rows must still hold the fill. */
static bool check_product_q8(const mn_kernel *kernel, const product_q8 *x, const uint8_t *got,
                             size_t stride) {
  for (size_t i = 0; i < x->m; i++) {
    for (size_t j = 0; j < x->n; j++) {
      const uint8_t y = got[i * stride + j], z = x->expected[i * x->n + j];
      if (y == z) continue;
      fprintf(stderr, "%s: [%zu][%zu] of %zux%zu, k %zu: %d, the reference %d\n", kernel->name, i,
              j, x->m, x->n, x->k, y, z);
      return false;
    }
    const size_t gap = i + 1 < x->m ? stride - x->n : 0;
    if (!still_filled(kernel, got + i * stride + x->n, gap)) return false;
  }
  return true;
}

/* Constants as a tile wants them, each at the end of a page. What lies beyond n is not zero where
 * only lanes that are thrown away may meet it. */
typedef struct packed_q8 {
  guard at_b, at_bias, at_bias_signed, at_column[5];
  mn_requant requant;
  const int32_t *bias, *bias_signed;
} packed_q8;

static void pack_channels_q8(const product_q8 *x, packed_q8 *to, size_t wide) {
  int32_t *bias = guard_take(&to->at_bias, wide * sizeof *bias);
  memcpy(bias, x->bias, x->n * sizeof *bias);
  void *column[5];
  for (int i = 0; i < 5; i++) {
    column[i] = guard_take(&to->at_column[i], wide * sizeof(int32_t));
    memcpy(column[i], x->columns + (size_t)i * x->n, x->n * sizeof(int32_t));
  }
  to->requant = x->requant;
  to->requant.multiplier = x->requant.multiplier ? column[0] : NULL;
  to->requant.shift = x->requant.multiplier ? column[1] : NULL;
  to->requant.scale = column[2];
  to->requant.above = column[3];
  to->requant.below = column[4];
  to->bias = bias;
}

/* [n][k] -> panels [ceil(n/cols)][ceil(k/deep)][cols][deep] of int16, or of int8 with the zero
 * point added back. */
static void pack_q8(const product_q8 *x, packed_q8 *to, const mn_tile *tile, bool narrow) {
  const size_t cols = (size_t)tile->cols, deep = (size_t)tile->deep;
  const size_t wide = round_up(x->n, cols), long_k = round_up(x->k, deep);
  void *panels = guard_take(&to->at_b, wide * long_k * (narrow ? 1 : sizeof(int16_t)));
  for (size_t c = 0; c < wide; c++) {
    for (size_t k = 0; k < long_k; k++) {
      const size_t at =
          (c / cols * (long_k / deep) + k / deep) * cols * deep + c % cols * deep + k % deep;
      const bool inside = c < x->n && k < x->k;
      const int32_t w = inside ? x->b[c * x->k + k] + (narrow ? x->w_zero : 0) : 0;
      if (narrow) {
        ((int8_t *)panels)[at] = (int8_t)w;
      } else {
        ((int16_t *)panels)[at] = (int16_t)w;
      }
    }
  }
  pack_channels_q8(x, to, wide);
}

/* ---- Matrix product ------------------------------------------------------------------------- */

/* What biases are to signed bytes, modulo 2^32. */
static void pack_bias_signed(const product_q8 *x, packed_q8 *to, const mn_tile *tile) {
  const size_t wide = round_up(x->n, (size_t)tile->cols);
  int32_t *bias = guard_take(&to->at_bias_signed, wide * sizeof *bias);
  for (size_t c = 0; c < x->n; c++) {
    int64_t sum = x->w_zero * (int64_t)x->k;
    for (size_t k = 0; k < x->k; k++) sum += x->b[c * x->k + k];
    bias[c] = (int32_t)(uint32_t)(uint64_t)(x->bias[c] + 128 * sum);
  }
  to->bias_signed = bias;
}

static void reference_gemm_q8(product_q8 *x) {
  const mn_gemm_q8_args plain = {.a = x->a,
                                 .a_stride = x->k,
                                 .flip = x->flip,
                                 .b = x->b,
                                 .bias = x->bias,
                                 .c = x->expected,
                                 .c_stride = x->n,
                                 .m = x->m,
                                 .n = x->n,
                                 .k = x->k,
                                 .requant = x->requant};
  mn_gemm_q8_ref(&plain);
}

static bool parity_gemm_q8(const mn_kernel *kernel, const gemm_case *c) {
  static guard at_a, at_c;
  static packed_q8 packed;
  const size_t a_stride = c->k + c->a_gap, c_stride = c->n + c->c_gap;
  const bool narrow = kernel->slot == MN_SLOT_gemm_q8s;
  product_q8 x = {.m = c->m, .n = c->n, .k = c->k};
  product_q8_make(&x);
  uint8_t *a = guard_take(&at_a, (c->m - 1) * a_stride + c->k);
  for (size_t i = 0; i < c->m; i++) memcpy(a + i * a_stride, x.a + i * c->k, c->k);
  pack_q8(&x, &packed, &kernel->tile, narrow);
  pack_bias_signed(&x, &packed, &kernel->tile);
  uint8_t *out = guard_take(&at_c, (c->m - 1) * c_stride + c->n);
  const mn_gemm_q8_args args = {.a = a,
                                .a_stride = a_stride,
                                .flip = x.flip,
                                .b = packed.at_b.bytes,
                                .bias = packed.bias,
                                .bias_signed = packed.bias_signed,
                                .w_zero = narrow ? x.w_zero : 0,
                                .c = out,
                                .c_stride = c_stride,
                                .m = c->m,
                                .n = c->n,
                                .k = c->k,
                                .requant = packed.requant};
  ((mn_gemm_q8_fn *)kernel->function)(&args);
  reference_gemm_q8(&x);
  const bool good = check_product_q8(kernel, &x, out, c_stride) && guard_intact(kernel, &at_c);
  product_q8_free(&x);
  return good;
}

static int parity_all_gemm_q8(const mn_kernel *kernel, size_t *cases) {
  static const gemm_case large[] = {{.m = 100, .n = 33, .k = 1300, .a_gap = 3, .c_gap = 1},
                                    {.m = 1, .n = 1001, .k = 300},
                                    {.m = 9, .n = 20, .k = 5001},
                                    {.m = 5000, .n = 3, .k = 2, .a_gap = 1, .c_gap = 2},
                                    {.m = 70, .n = 70, .k = 4097, .a_gap = 1, .c_gap = 1},
                                    {.m = 3, .n = 17, .k = 33000}};
  int failures = 0;
  for (size_t i = 0; i < 4000; i++, (*cases)++) {
    const gemm_case c = gemm_case_at(i);
    failures += !parity_gemm_q8(kernel, &c);
  }
  for (size_t i = 0; i < 8 * (sizeof large / sizeof large[0]); i++, (*cases)++) {
    failures += !parity_gemm_q8(kernel, &large[i / 8]);
  }
  for (size_t i = 0; i < 200; i++, (*cases)++) { /* whole quads, for tiles: their steps and ends */
    const gemm_case c = {.m = 1 + random_below(80),
                         .n = 1 + random_below(140),
                         .k = 4 * (1 + random_below(60)),
                         .a_gap = random_below(3) ? 0 : random_below(70),
                         .c_gap = random_below(3) ? 0 : random_below(70)};
    failures += !parity_gemm_q8(kernel, &c);
  }
  return failures;
}

/* ---- Fully connected ------------------------------------------------------------------------ */

/* Scales around what brings sums to codes, exact halves too, and those that leave no code. */
static void random_scales(double *scale, const product_q8 *x) {
  for (size_t j = 0; j < x->n; j++) {
    const int32_t shift = x->columns[x->n + j] > 0 ? 0 : x->columns[x->n + j];
    scale[j] = ldexp(x->columns[j], shift - 31);
    if (random_below(4) == 0) scale[j] = ldexp(1.0, -(int)random_below(12));
    if (random_below(16) == 0) scale[j] = random_below(2) ? 1e30 : 1e-30;
  }
}

static bool parity_dense_q8(const mn_kernel *kernel, const gemm_case *c) {
  static guard at_a, at_c, at_scale, at_plain;
  static packed_q8 packed;
  const size_t a_stride = c->k + c->a_gap, c_stride = c->n + c->c_gap;
  product_q8 x = {.m = c->m, .n = c->n, .k = c->k};
  product_q8_make(&x);
  uint8_t *a = guard_take(&at_a, (c->m - 1) * a_stride + c->k);
  int8_t *plain = guard_take(&at_plain, x.n * x.k);
  double *scale = guard_take(&at_scale, x.n * sizeof *scale);
  for (size_t i = 0; i < c->m; i++) memcpy(a + i * a_stride, x.a + i * c->k, c->k);
  for (size_t i = 0; i < x.n * x.k; i++) plain[i] = (int8_t)(x.b[i] + x.w_zero);
  random_scales(scale, &x);
  pack_q8(&x, &packed, &kernel->tile, true);
  uint8_t *out = guard_take(&at_c, (c->m - 1) * c_stride + c->n);
  mn_dense_q8_args args = {.a = a,
                           .a_stride = a_stride,
                           .flip = x.flip,
                           .weights = (int8_t *)packed.at_b.bytes,
                           .w_zero = x.w_zero,
                           .bias = packed.bias,
                           .scale = scale,
                           .c = out,
                           .c_stride = c_stride,
                           .m = c->m,
                           .n = c->n,
                           .k = c->k,
                           .out_zero = x.requant.out_zero,
                           .out_min = x.requant.out_min,
                           .out_max = x.requant.out_max};
  ((mn_dense_q8_fn *)kernel->function)(&args);
  args.weights = plain, args.c = x.expected, args.c_stride = x.n;
  mn_dense_q8_ref(&args);
  const bool good = check_product_q8(kernel, &x, out, c_stride) && guard_intact(kernel, &at_c);
  product_q8_free(&x);
  return good;
}

static int parity_all_dense_q8(const mn_kernel *kernel, size_t *cases) {
  static const gemm_case large[] = {{.m = 1, .n = 1001, .k = 1280},
                                    {.m = 2, .n = 7, .k = 4097, .a_gap = 1, .c_gap = 1},
                                    {.m = 3, .n = 17, .k = 33000}};
  int failures = 0;
  for (size_t i = 0; i < 4000; i++, (*cases)++) {
    const gemm_case c = gemm_case_at(i);
    failures += !parity_dense_q8(kernel, &c);
  }
  for (size_t i = 0; i < 8 * (sizeof large / sizeof large[0]); i++, (*cases)++) {
    failures += !parity_dense_q8(kernel, &large[i / 8]);
  }
  return failures;
}

#endif
