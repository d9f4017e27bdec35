/* SPDX-License-Identifier: Apache-2.0
 * Parity of the float matrix product and depthwise kernels. Two standards: within the rounding
 * bound 2 (k + 1) 2^-24 sum |a b| of the reference kernel (each side errs by at most half of it);
 * and, for kernels that fuse, equal to the last bit to a chain of fmaf over ascending k, which no
 * slicing and no tail may change. */
#ifndef MN_TESTS_KERNELS_PARITY_F32_H
#define MN_TESTS_KERNELS_PARITY_F32_H

#include <math.h>

#include "parity.h"

/* An m x n result, each element a product of k. Depthwise rows differ by column. */
typedef struct product_f32 {
  size_t m, n, k;
  bool depthwise;
  float *a;        /* [m][k], depthwise [m][n][k] */
  float *b;        /* [n][k] */
  float *bias;     /* [n] */
  float *expected; /* [m][n], by the reference kernel */
  float lo, hi;
} product_f32;

static void product_f32_make(product_f32 *x, bool special) {
  const size_t rows = x->depthwise ? x->m * x->n : x->m;
  x->a = malloc(rows * x->k * sizeof(float));
  x->b = malloc(x->n * x->k * sizeof(float));
  x->bias = malloc(x->n * sizeof(float));
  x->expected = malloc(x->m * x->n * sizeof(float));
  if (!x->a || !x->b || !x->bias || !x->expected) abort();
  random_fill_f32(x->a, rows * x->k);
  random_fill_f32(x->b, x->n * x->k);
  random_fill_f32(x->bias, x->n);
  const bool relu = random_below(2);
  x->lo = relu ? 0.0f : -INFINITY;
  x->hi = relu ? 6.0f : INFINITY;
  static const float values[] = {0.0f, -0.0f, 1e38f, -1e38f, 1e-40f, 3e-39f, NAN, INFINITY};
  for (size_t i = 0; special && i < rows * x->k; i++) {
    if (random_below(16) == 0) x->a[i] = values[random_below(8)];
  }
}

static void product_f32_free(product_f32 *x) {
  free(x->a), free(x->b), free(x->bias), free(x->expected);
}

static float clamp_f32(float x, float lo, float hi) {
  if (!(x > lo)) x = lo;
  return x < hi ? x : hi;
}

static bool check_element_f32(const mn_kernel *kernel, const product_f32 *x, size_t i, size_t j,
                              float got) {
  const float *a = x->a + (x->depthwise ? i * x->n + j : i) * x->k, *b = x->b + j * x->k;
  float chain = x->bias[j];
  double magnitude = fabs((double)chain);
  for (size_t k = 0; k < x->k; k++) {
    chain = fmaf(a[k], b[k], chain);
    magnitude += fabs((double)a[k] * (double)b[k]);
  }
  chain = clamp_f32(chain, x->lo, x->hi);
  const float expected = x->expected[i * x->n + j];
  const double bound = ldexp((double)x->k + 1.0, -23) * magnitude;
  if (kernel_fuses(kernel) && memcmp(&got, &chain, sizeof got) != 0) {
    fprintf(stderr, "%s: [%zu][%zu] of %zux%zu, k %zu: %a, the fmaf chain gives %a\n", kernel->name,
            i, j, x->m, x->n, x->k, (double)got, (double)chain);
    return false;
  }
  if (magnitude < 1e38 && !(fabs((double)got - (double)expected) <= bound + 1e-38)) {
    fprintf(stderr, "%s: [%zu][%zu] of %zux%zu, k %zu: %.9g, the reference %.9g\n", kernel->name, i,
            j, x->m, x->n, x->k, (double)got, (double)expected);
    return false;
  }
  return true;
}

/* got [m][stride]; the slack between its rows must still hold the fill. */
static bool check_product_f32(const mn_kernel *kernel, const product_f32 *x, const float *got,
                              size_t stride) {
  for (size_t i = 0; i < x->m; i++) {
    for (size_t j = 0; j < x->n; j++) {
      if (!check_element_f32(kernel, x, i, j, got[i * stride + j])) return false;
    }
    const size_t gap = i + 1 < x->m ? stride - x->n : 0;
    if (!still_filled(kernel, got + i * stride + x->n, gap * sizeof(float))) return false;
  }
  return true;
}

/* [n][k] -> panels [ceil(n/cols)][k][cols]; and the bias padded likewise. */
static void pack_f32(const product_f32 *x, float *panels, float *bias, size_t cols) {
  for (size_t c = 0; c < round_up(x->n, cols); c++) {
    bias[c] = c < x->n ? x->bias[c] : 0.0f;
    for (size_t i = 0; i < x->k; i++) {
      panels[(c / cols * x->k + i) * cols + c % cols] = c < x->n ? x->b[c * x->k + i] : 0.0f;
    }
  }
}

/* ---- Matrix product ------------------------------------------------------------------------- */

typedef struct gemm_case {
  size_t m, n, k, a_gap, c_gap; /* gaps: how far strides exceed k and n */
  bool special;                 /* NaN, infinity, extremes among the values */
} gemm_case;

static bool parity_gemm_f32(const mn_kernel *kernel, const gemm_case *c) {
  static guard at_a, at_b, at_bias, at_c;
  const size_t cols = (size_t)kernel->tile.cols, wide = round_up(c->n, cols);
  const size_t a_stride = c->k + c->a_gap, c_stride = c->n + c->c_gap;
  product_f32 x = {.m = c->m, .n = c->n, .k = c->k};
  product_f32_make(&x, c->special);
  float *a = guard_take(&at_a, ((c->m - 1) * a_stride + c->k) * sizeof(float));
  for (size_t i = 0; i < c->m; i++) memcpy(a + i * a_stride, x.a + i * c->k, c->k * sizeof *a);
  float *panels = guard_take(&at_b, wide * c->k * sizeof(float));
  float *bias = guard_take(&at_bias, wide * sizeof(float));
  pack_f32(&x, panels, bias, cols);
  float *out = guard_take(&at_c, ((c->m - 1) * c_stride + c->n) * sizeof(float));
  const mn_gemm_f32_args args = {a,    a_stride, panels, bias, out, c_stride,
                                 c->m, c->n,     c->k,   x.lo, x.hi};
  ((mn_gemm_f32_fn *)kernel->function)(&args);
  const mn_gemm_f32_args plain = {x.a,  c->k, x.b,  x.bias, x.expected, c->n,
                                  c->m, c->n, c->k, x.lo,   x.hi};
  mn_gemm_f32_ref(&plain);
  const bool good = check_product_f32(kernel, &x, out, c_stride) && guard_intact(kernel, &at_c);
  product_f32_free(&x);
  return good;
}

/* Every row, column and depth tail up to 70, then random shapes. */
static gemm_case gemm_case_at(size_t i) {
  gemm_case c = {1 + random_below(16), 1 + random_below(70), 1 + random_below(40),
                 random_below(5),      random_below(5),      random_below(3) == 0};
  if (i < 70) c.m = i + 1;
  if (i >= 70 && i < 140) c.n = i - 69;
  if (i >= 140 && i < 210) c.k = i - 139;
  return c;
}

static int parity_all_gemm_f32(const mn_kernel *kernel, size_t *cases) {
  static const gemm_case large[] = {{100, 33, 1300, 3, 1, false},
                                    {1, 1001, 300, 0, 0, false},
                                    {1, 64, 1, 0, 0, true},
                                    {20000, 3, 2, 1, 2, false}};
  int failures = 0;
  for (size_t i = 0; i < 1000; i++, (*cases)++) {
    const gemm_case c = gemm_case_at(i);
    failures += !parity_gemm_f32(kernel, &c);
  }
  for (size_t i = 0; i < sizeof large / sizeof large[0]; i++, (*cases)++) {
    failures += !parity_gemm_f32(kernel, &large[i]);
  }
  return failures;
}

/* ---- Depthwise ------------------------------------------------------------------------------ */

typedef struct dw_case {
  size_t pixels, channels, taps, out_gap;
  bool special;
} dw_case;

static bool parity_dw_f32(const mn_kernel *kernel, const dw_case *c) {
  static guard at_in, at_taps, at_w, at_bias, at_out;
  const size_t cols = (size_t)kernel->tile.cols, wide = round_up(c->channels, cols);
  const size_t out_stride = c->channels + c->out_gap, count = c->pixels * c->taps;
  product_f32 x = {.m = c->pixels, .n = c->channels, .k = c->taps, .depthwise = true};
  product_f32_make(&x, c->special);
  float *in = guard_take(&at_in, count * c->channels * sizeof(float)); /* [count][channels] */
  const float **taps = guard_take(&at_taps, count * sizeof *taps);
  for (size_t i = 0; i < count; i++) {
    taps[i] = in + (count - 1 - i) * c->channels; /* any order will do; the first ends the page */
    for (size_t j = 0; j < c->channels; j++) {
      in[(count - 1 - i) * c->channels + j] =
          x.a[(i / c->taps * c->channels + j) * c->taps + i % c->taps];
    }
  }
  float *weights = guard_take(&at_w, wide * c->taps * sizeof(float));
  float *bias = guard_take(&at_bias, wide * sizeof(float));
  pack_f32(&x, weights, bias, cols);
  float *out = guard_take(&at_out, ((c->pixels - 1) * out_stride + c->channels) * sizeof(float));
  const mn_dw_f32_args args = {taps,      weights, bias,        out,  out_stride,
                               c->pixels, c->taps, c->channels, x.lo, x.hi};
  ((mn_dw_f32_fn *)kernel->function)(&args);
  const mn_dw_f32_args plain = {taps,      x.b,     x.bias,      x.expected, c->channels,
                                c->pixels, c->taps, c->channels, x.lo,       x.hi};
  mn_dw_f32_ref(&plain);
  const bool good = check_product_f32(kernel, &x, out, out_stride) && guard_intact(kernel, &at_out);
  product_f32_free(&x);
  return good;
}

/* Every channel and pixel tail up to 70, then random shapes; the tap counts in turn. */
static dw_case dw_case_at(size_t i) {
  static const size_t taps[] = {1, 4, 9, 25, 3, 2};
  dw_case c = {1 + random_below(12), 1 + random_below(70), taps[i % 6], random_below(5),
               random_below(3) == 0};
  if (i < 280) c.channels = 1 + i / 4, c.taps = taps[i % 4];
  if (i >= 280 && i < 350) c.pixels = i - 279;
  return c;
}

static int parity_all_dw_f32(const mn_kernel *kernel, size_t *cases) {
  int failures = 0;
  for (size_t i = 0; i < 1000; i++, (*cases)++) {
    const dw_case c = dw_case_at(i);
    failures += !parity_dw_f32(kernel, &c);
  }
  return failures;
}

#endif
