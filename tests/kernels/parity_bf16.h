/* SPDX-License-Identifier: Apache-2.0
 * Parity of the bf16 matrix product, against sums in double of the same rounded operands. Their
 * products are exact in float, so a kernel errs by rounding sums only: k + 1 times at most by 2^-24
 * of sum |a b| + |bias|, and once more in hard-swish, whose slope is below 1.5; and by products and
 * operands that are denormal, which may count as zeros. Kernels that have no instructions of bf16
 * must equal a chain over ascending k to the last bit. And whatever the kernel, an element is the
 * same to the bit when only some rows and panels are computed, and when scratch holds fewer. */
#ifndef MN_TESTS_KERNELS_PARITY_BF16_H
#define MN_TESTS_KERNELS_PARITY_BF16_H

#include <float.h>

#include "base/half.h"
#include "parity_f32.h" /* the shapes */

static float rounded_bf16(float x) { return mn_bfloat_to_float(mn_bfloat_of_float(x)); }

/* What rounding must get right: ties, the edges of the range, what is no number. */
static void make_special_bf16(product_f32 *x) {
  static const float values[] = {0.0f,     -0.0f,  0x1.01p0f, 0x1.03p0f, 0x1.0100001p0f, FLT_MAX,
                                 -FLT_MAX, 1e-40f, FLT_MIN,   NAN,       INFINITY,       -INFINITY};
  const uint32_t count = sizeof values / sizeof values[0];
  for (size_t i = 0; i < x->m * x->k; i++) {
    if (random_below(32) == 0) x->a[i] = values[random_below(count)];
  }
}

/* Panels [ceil(n/cols)][padded k/2][cols][2]; the bias padded likewise. */
static void pack_bf16(const product_f32 *x, mn_tile tile, uint16_t *panels, float *bias) {
  const size_t cols = (size_t)tile.cols, depth = round_up(x->k, (size_t)tile.deep);
  for (size_t c = 0; c < round_up(x->n, cols); c++) {
    bias[c] = c < x->n ? x->bias[c] : 0.0f;
    for (size_t i = 0; i < depth; i++) {
      const float weight = c < x->n && i < x->k ? x->b[c * x->k + i] : 0.0f;
      panels[(c / cols * depth + i / 2 * 2) * cols + 2 * (c % cols) + i % 2] =
          mn_bfloat_of_float(weight);
    }
  }
}

static bool fail_bf16(const mn_kernel *kernel, const product_f32 *x, size_t i, size_t j,
                      const float *values) {
  fprintf(stderr, "%s: [%zu][%zu] of %zux%zu, k %zu: %a, expected %a\n", kernel->name, i, j, x->m,
          x->n, x->k, (double)values[0], (double)values[1]);
  return false;
}

static bool check_element_bf16(const mn_kernel *kernel, const product_f32 *x, size_t i, size_t j,
                               float got) {
  float chain = x->bias[j];
  double sum = (double)chain, magnitude = fabs(sum);
  for (size_t k = 0; k < x->k; k++) {
    const float a = rounded_bf16(x->a[i * x->k + k]), b = rounded_bf16(x->b[j * x->k + k]);
    chain += a * b;
    sum += (double)a * (double)b;
    magnitude += fabs((double)a * (double)b);
  }
  const bool instructions = (kernel->needs & (MN_AVX512BF16 | MN_BFMMLA)) != 0;
  const float expected = finish_f32(instructions ? (float)sum : chain, &x->finish);
  const bool same = got == expected || (got != got && expected != expected);
  if (same) return true;
  const double bound = ldexp((double)x->k + 3.0, -23) * magnitude + 1e-35;
  const bool near = fabs((double)got - (double)expected) <= bound && magnitude <= FLT_MAX;
  return (instructions && near) || fail_bf16(kernel, x, i, j, (float[]){got, expected});
}

static bool check_product_bf16(const mn_kernel *kernel, const product_f32 *x, const float *got,
                               size_t stride) {
  for (size_t i = 0; i < x->m; i++) {
    for (size_t j = 0; j < x->n; j++) {
      if (!check_element_bf16(kernel, x, i, j, got[i * stride + j])) return false;
    }
    const size_t gap = i + 1 < x->m ? stride - x->n : 0;
    if (!still_filled(kernel, got + i * stride + x->n, gap * sizeof(float))) return false;
  }
  return true;
}

/* The rows from `m` on and the panels from column `n` on, with the least scratch. */
static bool check_slice_bf16(const mn_kernel *kernel, const mn_gemm_bf16_args *whole, size_t m,
                             size_t n) {
  static guard at_c, at_scratch;
  const size_t depth = round_up(whole->f32.k, (size_t)kernel->tile.deep);
  const float *at[8];
  mn_gemm_bf16_args part = *whole;
  for (size_t i = 0; i < part.f32.segments; i++) at[i] = whole->f32.a[i] + m * part.f32.a_stride;
  part.f32.a = at;
  part.f32.m -= m;
  part.f32.n -= n;
  part.f32.bias += n;
  part.b += n * depth;
  part.scratch_rows = (size_t)kernel->tile.rows;
  part.scratch = guard_take(
      &at_scratch, (part.scratch_rows + (size_t)kernel->tile.cols) * depth * sizeof(float));
  part.f32.c_stride = part.f32.n;
  part.f32.c = guard_take(&at_c, part.f32.m * part.f32.n * sizeof(float));
  ((mn_gemm_bf16_fn *)kernel->function)(&part);
  bool good = guard_intact(kernel, &at_c) && guard_intact(kernel, &at_scratch);
  for (size_t i = 0; i < part.f32.m && good; i++) {
    good = same_bytes(kernel, "a slice", part.f32.c + i * part.f32.n,
                      whole->f32.c + (m + i) * whole->f32.c_stride + n, part.f32.n * sizeof(float));
  }
  return good;
}

static bool parity_gemm_bf16(const mn_kernel *kernel, const gemm_case *c) {
  static guard at_a, at_b, at_bias, at_c, at_scratch;
  const size_t cols = (size_t)kernel->tile.cols, rows = (size_t)kernel->tile.rows;
  const size_t wide = round_up(c->n, cols), depth = round_up(c->k, (size_t)kernel->tile.deep);
  const size_t a_stride = c->k + c->a_gap, c_stride = c->n + c->c_gap;
  product_f32 x = {.m = c->m, .n = c->n, .k = c->k};
  product_f32_make(&x, false);
  if (c->special) make_special_bf16(&x);
  float *a = guard_take(&at_a, ((c->m - 1) * a_stride + c->k) * sizeof(float));
  for (size_t i = 0; i < c->m; i++) memcpy(a + i * a_stride, x.a + i * c->k, c->k * sizeof *a);
  uint16_t *panels = guard_take(&at_b, wide * depth * sizeof *panels);
  float *bias = guard_take(&at_bias, wide * sizeof(float));
  pack_bf16(&x, kernel->tile, panels, bias);
  const size_t segments = c->segments > 1 && c->k % c->segments == 0 ? c->segments : 1;
  const float *at[8];
  for (size_t i = 0; i < segments; i++) at[i] = a + i * (c->k / segments);
  mn_gemm_bf16_args args = {
      .f32 = {.a = at,
              .segments = segments,
              .segment = c->k / segments,
              .a_stride = a_stride,
              .bias = bias,
              .c = guard_take(&at_c, ((c->m - 1) * c_stride + c->n) * sizeof(float)),
              .c_stride = c_stride,
              .m = c->m,
              .n = c->n,
              .k = c->k,
              .finish = {x.lo, x.hi, c->hard_swish}},
      .b = panels,
      .scratch_rows = round_up(c->m < 200 ? c->m : 200, rows)};
  const size_t scratch_bytes = (args.scratch_rows + cols) * depth * sizeof(float);
  args.scratch = guard_take(&at_scratch, scratch_bytes);
  memset(args.scratch, 0xff, scratch_bytes); /* NaN, as what was there before may be */
  ((mn_gemm_bf16_fn *)kernel->function)(&args);
  x.finish = args.f32.finish;
  const bool good = check_product_bf16(kernel, &x, args.f32.c, c_stride) &&
                    guard_intact(kernel, &at_c) && guard_intact(kernel, &at_scratch) &&
                    check_slice_bf16(kernel, &args, random_below((uint32_t)c->m),
                                     random_below((uint32_t)(wide / cols)) * cols);
  product_f32_free(&x);
  return good;
}

static int parity_all_gemm_bf16(const mn_kernel *kernel, size_t *cases) {
  static const gemm_case large[] = {
      {100, 33, 1300, 3, 1, false, false, 1}, {1, 1001, 300, 0, 0, false, true, 1},
      {49, 80, 600, 0, 3, true, false, 1},    {49, 80, 600, 0, 3, true, true, 2},
      {30, 16, 99, 0, 0, false, true, 3},     {65, 64, 32, 0, 0, true, false, 1},
      {1, 64, 1, 0, 0, true, false, 1},       {20000, 3, 2, 1, 2, false, false, 1}};
  int failures = 0;
  for (size_t i = 0; i < 1000; i++, (*cases)++) {
    const gemm_case c = gemm_case_at(i);
    failures += !parity_gemm_bf16(kernel, &c);
  }
  for (size_t i = 0; i < sizeof large / sizeof large[0]; i++, (*cases)++) {
    failures += !parity_gemm_bf16(kernel, &large[i]);
  }
  return failures;
}

#endif
