/* SPDX-License-Identifier: Apache-2.0
 * Parity of the elementwise kernels: equal to the reference's to the last bit (a NaN to any NaN),
 * in float too. Every count up to 200, in place as well. */
#ifndef MN_TESTS_KERNELS_PARITY_ELTWISE_H
#define MN_TESTS_KERNELS_PARITY_ELTWISE_H

#include <math.h>

#include "ops/requantize.h"
#include "parity.h"

enum { ELTWISE_CASES = 800, ELTWISE_MOST = 2000 };

static size_t eltwise_count(size_t i) { return i < 200 ? i + 1 : 1 + random_below(ELTWISE_MOST); }

/* Operands of one case at the ends of pages; `out` is `a` itself every fourth time. */
typedef struct eltwise {
  guard at_a, at_b, at_out;
  void *a, *b, *out;
  size_t count;
} eltwise;

static void eltwise_take(eltwise *x, size_t i, size_t element) {
  x->count = eltwise_count(i);
  x->a = guard_take(&x->at_a, x->count * element);
  x->b = guard_take(&x->at_b, x->count * element);
  x->out = i % 4 == 3 ? x->a : guard_take(&x->at_out, x->count * element);
}

static bool eltwise_intact(const mn_kernel *kernel, const eltwise *x) {
  return guard_intact(kernel, x->out == x->a ? &x->at_a : &x->at_out);
}

/* ---- 8 bit ---------------------------------------------------------------------------------- */

static void random_codes(uint8_t *x, size_t count) {
  const uint32_t style = random_below(4);
  for (size_t i = 0; i < count; i++) {
    x[i] = style ? (uint8_t)random_u32() : random_below(2) ? 255 : 0;
  }
}

static int32_t random_multiplier(void) {
  static const int32_t edges[] = {1 << 30, INT32_MAX, 0, (1 << 30) + 1};
  return random_below(4) ? (1 << 30) + (int32_t)random_below(1 << 30) : edges[random_below(4)];
}

static void random_output(int32_t *zero, int32_t *min, int32_t *max) {
  *min = random_below(2) ? -128 : 0;
  *max = *min + 255;
  *zero = *min + (int32_t)random_below(256);
  if (random_below(3) == 0) *min = *zero;
  if (random_below(8) == 0) *max = *min;
}

static int parity_all_add_q8(const mn_kernel *kernel, size_t *cases) {
  static eltwise x;
  static uint8_t expected[ELTWISE_MOST];
  int failures = 0;
  for (size_t i = 0; i < ELTWISE_CASES; i++, (*cases)++) {
    eltwise_take(&x, i, 1);
    random_codes(x.a, x.count);
    random_codes(x.b, x.count);
    mn_add_q8_args args = {.a = x.a,
                           .b = x.b,
                           .out = expected,
                           .count = x.count,
                           .flip = random_below(2) ? 0x80 : 0,
                           .a_zero = (int32_t)random_below(256),
                           .b_zero = (int32_t)random_below(256),
                           .left_shift = 20,
                           .a_multiplier = random_multiplier(),
                           .a_shift = -(int32_t)random_below(i % 2 ? 3 : 32),
                           .b_multiplier = random_multiplier(),
                           .b_shift = -(int32_t)random_below(3) - 1,
                           .out_multiplier = random_multiplier(),
                           .out_shift = -(int32_t)random_below(i % 2 ? 12 : 2) - 12};
    random_output(&args.out_zero, &args.out_min, &args.out_max);
    mn_add_q8_ref(&args);
    args.out = x.out;
    ((mn_add_q8_fn *)kernel->function)(&args);
    failures += !same_bytes(kernel, "sum", x.out, expected, x.count) || !eltwise_intact(kernel, &x);
  }
  return failures;
}

/* The float form, where there is one. */
static void mul_q8_prove(mn_mul_q8_args *args) {
  const mn_requant codes = {.base = args->out_min < 0 ? 0 : 128,
                            .out_zero = args->out_zero,
                            .out_min = args->out_min,
                            .out_max = args->out_max};
  const mn_sum_range range = {-255 * 255, 255 * 255};
  mn_requant_float found = {0};
  args->proven = mn_requant_prove(&codes, &range, args->multiplier, args->shift, &found);
  args->scale = found.scale, args->above = found.above, args->below = found.below;
}

static int parity_all_mul_q8(const mn_kernel *kernel, size_t *cases) {
  static eltwise x;
  static uint8_t expected[ELTWISE_MOST];
  int failures = 0;
  for (size_t i = 0; i < ELTWISE_CASES; i++, (*cases)++) {
    eltwise_take(&x, i, 1);
    random_codes(x.a, x.count);
    random_codes(x.b, x.count);
    mn_mul_q8_args args = {
        .a = x.a,
        .b = x.b,
        .out = expected,
        .count = x.count,
        .flip = random_below(2) ? 0x80 : 0,
        .a_zero = (int32_t)random_below(256),
        .b_zero = (int32_t)random_below(256),
        .multiplier = random_multiplier(),
        .shift = i % 2 ? -(int32_t)random_below(4) - 5 : (int32_t)random_below(39) - 31};
    random_output(&args.out_zero, &args.out_min, &args.out_max);
    mul_q8_prove(&args);
    mn_mul_q8_ref(&args);
    args.out = x.out;
    ((mn_mul_q8_fn *)kernel->function)(&args);
    failures +=
        !same_bytes(kernel, "product", x.out, expected, x.count) || !eltwise_intact(kernel, &x);
  }
  return failures;
}

/* Also scales for which nothing is left but the clamp, and none that are numbers. */
static float random_real_scale(void) {
  static const float edges[] = {0.0f, 1e-30f, 1e30f, INFINITY, NAN, 0.5f, 0.25f};
  return random_below(8) ? ldexpf(1.0f + random_f32() * 0.5f, (int)random_below(12) - 8)
                         : edges[random_below(7)];
}

static void random_unsigned_output(int32_t *min, int32_t *max) {
  *min = random_below(3) ? 0 : (int32_t)random_below(256);
  *max = random_below(3) ? 255 : *min + (int32_t)random_below(256 - (uint32_t)*min);
}

static int parity_all_add_real_q8(const mn_kernel *kernel, size_t *cases) {
  static eltwise x;
  static uint8_t expected[ELTWISE_MOST];
  int failures = 0;
  for (size_t i = 0; i < ELTWISE_CASES; i++, (*cases)++) {
    eltwise_take(&x, i, 1);
    random_codes(x.a, x.count);
    random_codes(x.b, x.count);
    mn_add_real_q8_args args = {
        .a = x.a,
        .b = x.b,
        .out = expected,
        .count = x.count,
        .flip = random_below(2) ? 0x80 : 0,
        .a_scale = random_real_scale(),
        .b_scale = random_below(2) ? random_real_scale() : -random_real_scale(),
        .constant = i % 4 ? 128.0f * random_f32() : (float)random_below(256) - 0.5f};
    random_unsigned_output(&args.out_min, &args.out_max);
    mn_add_real_q8_ref(&args);
    args.out = x.out;
    ((mn_add_real_q8_fn *)kernel->function)(&args);
    failures += !same_bytes(kernel, "sum", x.out, expected, x.count) || !eltwise_intact(kernel, &x);
  }
  return failures;
}

static int parity_all_mul_real_q8(const mn_kernel *kernel, size_t *cases) {
  static eltwise x;
  static uint8_t expected[ELTWISE_MOST];
  int failures = 0;
  for (size_t i = 0; i < ELTWISE_CASES; i++, (*cases)++) {
    eltwise_take(&x, i, 1);
    random_codes(x.a, x.count);
    random_codes(x.b, x.count);
    mn_mul_real_q8_args args = {.a = x.a,
                                .b = x.b,
                                .out = expected,
                                .count = x.count,
                                .flip = random_below(2) ? 0x80 : 0,
                                .scale = random_real_scale() * (i % 2 ? 0.01f : 0.5f),
                                .a_zero = (int32_t)random_below(256),
                                .b_zero = (int32_t)random_below(256),
                                .out_zero = (int32_t)random_below(256)};
    random_unsigned_output(&args.out_min, &args.out_max);
    mn_mul_real_q8_ref(&args);
    args.out = x.out;
    ((mn_mul_real_q8_fn *)kernel->function)(&args);
    failures +=
        !same_bytes(kernel, "product", x.out, expected, x.count) || !eltwise_intact(kernel, &x);
  }
  return failures;
}

static int parity_all_lut8(const mn_kernel *kernel, size_t *cases) {
  static eltwise x;
  static guard at_table;
  static uint8_t expected[ELTWISE_MOST];
  int failures = 0;
  for (size_t i = 0; i < ELTWISE_CASES; i++, (*cases)++) {
    eltwise_take(&x, i, 1);
    uint8_t *table = guard_take(&at_table, 256), *in = x.a;
    for (size_t j = 0; j < 256; j++) table[j] = (uint8_t)random_u32();
    for (size_t j = 0; j < x.count; j++) in[j] = i % 2 ? (uint8_t)(j + i) : (uint8_t)random_u32();
    mn_lut8_args args = {x.a, expected, x.count, table};
    mn_lut8_ref(&args);
    args.out = x.out;
    ((mn_lut8_fn *)kernel->function)(&args);
    failures +=
        !same_bytes(kernel, "look-up", x.out, expected, x.count) || !eltwise_intact(kernel, &x);
  }
  return failures;
}

/* ---- Float ---------------------------------------------------------------------------------- */

static void random_values(float *x, size_t count) {
  static const float values[] = {0.0f,   -0.0f, 3.0f,     -3.0f,     1e38f,   -1e38f,
                                 1e-40f, NAN,   INFINITY, -INFINITY, 2.9999f, 6.0f};
  for (size_t i = 0; i < count; i++) {
    x[i] = random_below(6) ? 8.0f * random_f32() : values[random_below(12)];
    if (random_below(8) == 0) x[i] *= 16.0f; /* where exp leaves the normal numbers */
  }
}

static bool same_floats(const mn_kernel *kernel, const float *got, const float *expected,
                        size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (memcmp(&got[i], &expected[i], sizeof got[i]) == 0) continue;
    if (isnan(got[i]) && isnan(expected[i])) continue;
    fprintf(stderr, "%s: value %zu of %zu is %a, expected %a\n", kernel->name, i, count,
            (double)got[i], (double)expected[i]);
    return false;
  }
  return true;
}

static int parity_all_binary_f32(const mn_kernel *kernel, size_t *cases) {
  static eltwise x;
  static float expected[ELTWISE_MOST];
  mn_add_f32_fn *const reference = kernel->slot == MN_SLOT_add_f32   ? mn_add_f32_ref
                                   : kernel->slot == MN_SLOT_sub_f32 ? mn_sub_f32_ref
                                                                     : mn_mul_f32_ref;
  int failures = 0;
  for (size_t i = 0; i < ELTWISE_CASES; i++, (*cases)++) {
    eltwise_take(&x, i, sizeof(float));
    random_values(x.a, x.count);
    random_values(x.b, x.count);
    mn_binary_f32_args args = {x.a, x.b, expected, x.count, -INFINITY, INFINITY};
    if (i % 2) args.lo = 0.0f, args.hi = 6.0f;
    reference(&args);
    args.out = x.out;
    ((mn_add_f32_fn *)kernel->function)(&args);
    failures += !same_floats(kernel, x.out, expected, x.count) || !eltwise_intact(kernel, &x);
  }
  return failures;
}

static mn_clamp_f32_fn *unary_reference(mn_slot slot) {
  switch (slot) {
    case MN_SLOT_clamp_f32: return mn_clamp_f32_ref;
    case MN_SLOT_hard_swish_f32: return mn_hard_swish_f32_ref;
    case MN_SLOT_hard_sigmoid_f32: return mn_hard_sigmoid_f32_ref;
    default: return mn_logistic_f32_ref;
  }
}

static int parity_all_unary_f32(const mn_kernel *kernel, size_t *cases) {
  static eltwise x;
  static float expected[ELTWISE_MOST];
  int failures = 0;
  for (size_t i = 0; i < ELTWISE_CASES; i++, (*cases)++) {
    eltwise_take(&x, i, sizeof(float));
    random_values(x.a, x.count);
    mn_unary_f32_args args = {x.a, expected, x.count, -INFINITY, INFINITY};
    if (i % 2) args.lo = -1.0f, args.hi = 1.0f;
    unary_reference(kernel->slot)(&args);
    args.out = x.out;
    ((mn_clamp_f32_fn *)kernel->function)(&args);
    failures += !same_floats(kernel, x.out, expected, x.count) || !eltwise_intact(kernel, &x);
  }
  return failures;
}

#endif
