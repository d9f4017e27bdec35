/* SPDX-License-Identifier: Apache-2.0
 * Parity of the float matrix product and depthwise kernels. Two standards: within the rounding
 * bound 2 (k + 3) 2^-24 (1 + sum |a b|) of the reference kernel (each side errs by at most half of
 * it: k products and sums, hard-swish, whose slope is below 1.5);
 * and, for kernels that fuse, equal to the last bit to a chain of fmaf over ascending k, which no
 * slicing and no tail may change. */
#ifndef MN_TESTS_KERNELS_PARITY_F32_H
#define MN_TESTS_KERNELS_PARITY_F32_H

#include <math.h>

#include "parity.h"

/* An m x n result, each element a product of k. */
typedef struct product_f32 {
  size_t m, n, k;
  float *a;        /* [m][k] */
  float *b;        /* [n][k] */
  float *bias;     /* [n] */
  float *expected; /* [m][n], by the reference kernel */
  float lo, hi;
  mn_finish_f32 finish;
} product_f32;

static void product_f32_make(product_f32 *x, bool special) {
  x->a = malloc(x->m * x->k * sizeof(float));
  x->b = malloc(x->n * x->k * sizeof(float));
  x->bias = malloc(x->n * sizeof(float));
  x->expected = malloc(x->m * x->n * sizeof(float));
  if (!x->a || !x->b || !x->bias || !x->expected) abort();
  random_fill_f32(x->a, x->m * x->k);
  random_fill_f32(x->b, x->n * x->k);
  random_fill_f32(x->bias, x->n);
  const bool relu = random_below(2);
  x->lo = relu ? 0.0f : -INFINITY;
  x->hi = relu ? 6.0f : INFINITY;
  static const float values[] = {0.0f, -0.0f, 1e38f, -1e38f, 1e-40f, 3e-39f, NAN, INFINITY};
  for (size_t i = 0; special && i < x->m * x->k; i++) {
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

static float finish_f32(float x, const mn_finish_f32 *finish) {
  if (finish->hard_swish) return x * (clamp_f32(x + 3.0f, 0.0f, 6.0f) * (1.0f / 6.0f));
  return clamp_f32(x, finish->lo, finish->hi);
}

static bool check_element_f32(const mn_kernel *kernel, const product_f32 *x, size_t i, size_t j,
                              float got) {
  const float *a = x->a + i * x->k, *b = x->b + j * x->k;
  float chain = x->bias[j];
  double magnitude = fabs((double)chain);
  for (size_t k = 0; k < x->k; k++) {
    chain = fmaf(a[k], b[k], chain);
    magnitude += fabs((double)a[k] * (double)b[k]);
  }
  chain = finish_f32(chain, &x->finish);
  const float expected = x->expected[i * x->n + j];
  const double bound = ldexp((double)x->k + 3.0, -23) * (magnitude + 1.0);
  const bool same = memcmp(&got, &chain, sizeof got) == 0 || (got != got && chain != chain);
  if (kernel_fuses(kernel) && !same) {
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
  bool hard_swish;              /* float only */
  size_t segments;              /* likewise; where k divides by it */
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
  size_t segments = c->segments > 1 && c->k % c->segments == 0 ? c->segments : 1;
  const float *at[8], *plain_at[8];
  for (size_t i = 0; i < segments; i++) {
    at[i] = a + i * (c->k / segments);
    plain_at[i] = x.a + i * (c->k / segments);
  }
  const mn_gemm_f32_args args = {.a = at,
                                 .segments = segments,
                                 .segment = c->k / segments,
                                 .a_stride = a_stride,
                                 .b = panels,
                                 .bias = bias,
                                 .c = out,
                                 .c_stride = c_stride,
                                 .m = c->m,
                                 .n = c->n,
                                 .k = c->k,
                                 .finish = {x.lo, x.hi, c->hard_swish}};
  ((mn_gemm_f32_fn *)kernel->function)(&args);
  mn_gemm_f32_args plain = args;
  plain.a = plain_at, plain.a_stride = c->k, plain.b = x.b, plain.bias = x.bias;
  plain.c = x.expected, plain.c_stride = c->n;
  x.finish = args.finish;
  mn_gemm_f32_ref(&plain);
  const bool good = check_product_f32(kernel, &x, out, c_stride) && guard_intact(kernel, &at_c);
  product_f32_free(&x);
  return good;
}

/* Every row, column and depth tail up to 70, then random shapes. */
static gemm_case gemm_case_at(size_t i) {
  gemm_case c = {1 + random_below(16), 1 + random_below(70), 1 + random_below(40),
                 random_below(5),      random_below(5),      random_below(3) == 0,
                 random_below(4) == 0, 1 + random_below(4)};
  if (i < 70) c.m = i + 1;
  if (i >= 70 && i < 140) c.n = i - 69;
  if (i >= 140 && i < 210) c.k = i - 139;
  return c;
}

static int parity_all_gemm_f32(const mn_kernel *kernel, size_t *cases) {
  static const gemm_case large[] = {
      {100, 33, 1300, 3, 1, false, false, 1}, {1, 1001, 300, 0, 0, false, true, 1},
      {49, 80, 600, 0, 3, true, false, 1},    {49, 80, 600, 0, 3, true, true, 2},
      {30, 16, 99, 0, 0, false, true, 3},     {29, 17, 257, 1, 0, false, true, 1},
      {1, 64, 1, 0, 0, true, false, 1},       {20000, 3, 2, 1, 2, false, false, 1}};
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

typedef struct strip_case {
  mn_dw_window window;
  size_t height, padded_above, padded_below; /* rows */
  size_t in_gap, out_gap;                    /* how far pixel strides exceed the channels */
  bool special, hard_swish;
} strip_case;

static size_t strip_rows(const strip_case *c) {
  const mn_dw_window *w = &c->window;
  return (c->height - 1) * w->stride_h + (w->kernel_h - 1) * w->dilation_h + 1;
}

/* The strip's input with its padding: pixel (y, x) of the padded map, NULL where y is padded. */
typedef struct strip_f32 {
  product_f32 x; /* x.a is filled from the map: padded columns 0, padded rows left out */
  float *map;    /* [rows][in_width][pixel_stride], ends a page */
  const float **rows;
  float *zeros;
} strip_f32;

static void strip_make(strip_f32 *s, const strip_case *c) {
  static guard at_map, at_rows, at_zeros;
  const mn_dw_window *w = &c->window;
  const size_t stride = w->channels + c->in_gap, count = strip_rows(c);
  const size_t row_floats = (w->in_width - 1) * stride + w->channels;
  s->map = guard_take(&at_map, count * row_floats * sizeof(float));
  random_fill_f32(s->map, count * row_floats);
  static const float values[] = {0.0f, -0.0f, 1e38f, -1e38f, 1e-40f, 3e-39f, NAN, INFINITY};
  for (size_t i = 0; c->special && i < count * row_floats; i++) {
    if (random_below(16) == 0) s->map[i] = values[random_below(8)];
  }
  s->rows = guard_take(&at_rows, count * sizeof *s->rows);
  for (size_t i = 0; i < count; i++) {
    const bool padded = i < c->padded_above || i + c->padded_below >= count;
    s->rows[i] = padded ? NULL : s->map + i * row_floats;
  }
  s->zeros = guard_take(&at_zeros, w->channels * sizeof(float));
  memset(s->zeros, 0, w->channels * sizeof(float));
}

/* The definition, by fmaf: what every kernel that fuses must give to the last bit. */
static float strip_element(const strip_f32 *s, const strip_case *c, size_t y, size_t x, size_t ch,
                           double *magnitude) {
  const mn_dw_window *w = &c->window;
  const float *weights = s->x.b + ch * w->kernel_h * w->kernel_w;
  float sum = s->x.bias[ch];
  *magnitude = fabs((double)sum);
  for (size_t k = 0; k < w->kernel_h; k++) {
    const float *row = s->rows[y * w->stride_h + k * w->dilation_h];
    for (size_t t = 0; row && t < w->kernel_w; t++) {
      const long column = (long)(x * w->stride_w + t * w->dilation_w) - (long)w->pad_left;
      const bool inside = column >= 0 && (size_t)column < w->in_width;
      const float in = inside ? row[(size_t)column * (w->channels + c->in_gap) + ch] : 0.0f;
      const float weight = weights[k * w->kernel_w + t];
      sum = fmaf(in, weight, sum);
      *magnitude += fabs((double)in * (double)weight);
    }
  }
  return sum;
}

static bool strip_check(const mn_kernel *kernel, const strip_f32 *s, const strip_case *c,
                        const float *got, const float *expected) {
  const mn_dw_window *w = &c->window;
  const mn_finish_f32 finish = {s->x.lo, s->x.hi, c->hard_swish};
  const double taps = (double)(w->kernel_h * w->kernel_w);
  for (size_t i = 0; i < c->height * w->width * w->channels; i++) {
    const size_t ch = i % w->channels, x = i / w->channels % w->width;
    const size_t y = i / w->channels / w->width;
    const float out = got[(y * w->width + x) * (w->channels + c->out_gap) + ch];
    double magnitude;
    const float chain = finish_f32(strip_element(s, c, y, x, ch, &magnitude), &finish);
    const bool same = memcmp(&out, &chain, sizeof out) == 0 || (out != out && chain != chain);
    const double bound = ldexp(taps + 8.0, -22) * (magnitude + 1.0) * (c->hard_swish ? 2.0 : 1.0);
    const double apart = fabs((double)out - (double)expected[i]);
    if (kernel_fuses(kernel) ? same : !(magnitude < 1e15) || apart <= bound) continue;
    fprintf(stderr,
            "%s: %zux%zu, stride %zu, dilation %zu, width %zu of %zu, %zu channels: "
            "[%zu][%zu][%zu] is %a, expected %a\n",
            kernel->name, w->kernel_h, w->kernel_w, w->stride_w, w->dilation_w, w->width,
            w->in_width, w->channels, y, x, ch, (double)out, (double)chain);
    return false;
  }
  return true;
}

/* [channels][taps] -> panels [ceil(channels/cols)][taps][cols], the last one moved back until it
 * ends at the last channel. */
static void pack_dw_f32(const product_f32 *x, float *panels, float *bias, size_t cols) {
  memcpy(bias, x->bias, x->n * sizeof(float));
  memset(panels, 0, round_up(x->n, cols) * x->k * sizeof(float));
  for (size_t c = 0; c < x->n; c += cols) {
    const size_t first = x->n < cols ? 0 : x->n - c < cols ? x->n - cols : c;
    for (size_t i = 0; i < x->k; i++, panels += cols) {
      for (size_t j = 0; j < cols && first + j < x->n; j++) {
        panels[j] = x->b[(first + j) * x->k + i];
      }
    }
  }
}

static bool parity_dw_f32(const mn_kernel *kernel, const strip_case *c) {
  static guard at_w, at_bias, at_out;
  const mn_dw_window *w = &c->window;
  const size_t cols = (size_t)kernel->tile.cols, wide = round_up(w->channels, cols);
  const size_t taps = w->kernel_h * w->kernel_w, pixels = c->height * w->width;
  const size_t out_stride = w->channels + c->out_gap;
  strip_f32 s = {.x = {.m = pixels, .n = w->channels, .k = taps}};
  product_f32_make(&s.x, false);
  strip_make(&s, c);
  float *weights = guard_take(&at_w, wide * taps * sizeof(float));
  float *bias = guard_take(&at_bias, wide * sizeof(float));
  pack_dw_f32(&s.x, weights, bias, cols);
  float *out = guard_take(&at_out, ((pixels - 1) * out_stride + w->channels) * sizeof(float));
  mn_dw_f32_args args = {.strip = {.window = w,
                                   .rows = (const void *const *)s.rows,
                                   .pixel_stride = w->channels + c->in_gap,
                                   .zeros = s.zeros,
                                   .out = out,
                                   .out_stride = out_stride,
                                   .out_row_stride = w->width * out_stride,
                                   .height = c->height},
                         .weights = weights,
                         .bias = bias,
                         .finish = {s.x.lo, s.x.hi, c->hard_swish}};
  ((mn_dw_f32_fn *)kernel->function)(&args);
  args.weights = s.x.b, args.bias = s.x.bias, args.strip.out = s.x.expected;
  args.strip.out_stride = w->channels, args.strip.out_row_stride = w->width * w->channels;
  mn_dw_f32_ref(&args);
  bool good = strip_check(kernel, &s, c, out, s.x.expected) && guard_intact(kernel, &at_out);
  for (size_t i = 0; good && i + 1 < pixels; i++) {
    const float *gap = out + i * out_stride + w->channels;
    good = still_filled(kernel, gap, c->out_gap * sizeof(float));
  }
  product_f32_free(&s.x);
  return good;
}

/* The windows of MobileNets over every width and channel tail up to 40; then anything. */
static strip_case strip_case_at(size_t i) {
  static const size_t kernels[] = {3, 5, 3, 5, 1, 2, 7};
  const size_t kernel = kernels[i % (i < 600 ? 4 : 7)], stride = 1 + i / 2 % 2;
  const size_t dilation = i % 5 == 4 ? 1 + random_below(4) : 1;
  strip_case c = {
      .window = {kernel, kernel, stride, stride, dilation, dilation, random_below((uint32_t)kernel),
                 1 + random_below(40), 0, 1 + random_below(40)},
      .height = 1 + random_below(4),
      .in_gap = random_below(4),
      .out_gap = random_below(4),
      .special = random_below(3) == 0,
      .hard_swish = random_below(3) == 0};
  mn_dw_window *w = &c.window;
  if (i < 160) w->in_width = 1 + i / 4;
  if (i >= 160 && i < 320) w->channels = 1 + i / 4 - 40;
  if (i >= 600) w->kernel_w = 1 + random_below(8), w->stride_h = 1 + random_below(3);
  const size_t reach = (w->kernel_w - 1) * w->dilation_w + 1;
  const size_t padded = w->in_width + w->pad_left + random_below((uint32_t)w->kernel_w);
  w->width = padded < reach ? 1 : (padded - reach) / w->stride_w + 1;
  c.padded_above = random_below(3) ? 0 : random_below((uint32_t)strip_rows(&c) + 1);
  c.padded_below = random_below(3) ? 0 : random_below(3);
  return c;
}

static int parity_all_dw_f32(const mn_kernel *kernel, size_t *cases) {
  int failures = 0;
  for (size_t i = 0; i < 2000; i++, (*cases)++) {
    const strip_case c = strip_case_at(i);
    failures += !parity_dw_f32(kernel, &c);
  }
  return failures;
}

#endif
