/* SPDX-License-Identifier: Apache-2.0
 * Parity of softmax and of the largest: to the last bit. Every length, equal elements, NaN,
 * infinities, sums that saturate. */
#ifndef MN_TESTS_KERNELS_PARITY_SOFTMAX_H
#define MN_TESTS_KERNELS_PARITY_SOFTMAX_H

#include <math.h>

#include "kernels/ref/ref.h"
#include "parity.h"

enum { MOST_CLASSES = 5000 };

/* Mostly short, some thousands long. */
static size_t random_length(size_t i) {
  return i % 8 == 7 ? 1 + random_below(MOST_CLASSES) : 1 + i / 8 % 80;
}

/* Numbers within `range`, some of them odd ones. */
static void random_row_f32(float *x, size_t count, size_t i) {
  static const float odd[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 3e38f, -3e38f, 1e-40f};
  const float range = i % 3 == 0 ? 4.0f : i % 3 == 1 ? 60.0f : 400.0f;
  for (size_t k = 0; k < count; k++) {
    x[k] = random_f32() * range;
    if (i % 5 == 1) x[k] = (float)(int32_t)(x[k] / range * 2); /* many are equal */
    if (i % 5 == 2 && random_below(4) == 0) x[k] = odd[random_below(sizeof odd / sizeof *odd)];
    if (i % 50 == 3) x[k] = odd[i / 50 % 3]; /* nothing but NaN, infinity */
  }
}

static void random_row_q8(uint8_t *x, size_t count, size_t i) {
  const uint32_t least = random_below(256), codes = 1 + random_below(256 - least);
  for (size_t k = 0; k < count; k++) {
    x[k] = (uint8_t)(i % 4 == 0 ? random_below(256) : least + random_below(codes));
  }
}

/* NaN has many bits. */
static void settle_nan(float *x, size_t count) {
  for (size_t k = 0; k < count; k++) x[k] = x[k] == x[k] ? x[k] : 12345.0f;
}

static bool same_softmax_f32(const mn_kernel *kernel, size_t i) {
  static guard at;
  static float in[MOST_CLASSES], expected[MOST_CLASSES];
  const size_t count = random_length(i);
  const float beta = i % 2 ? 1.0f : 0.5f + (float)random_below(100) / 50;
  float *row = guard_take(&at, count * sizeof *row);
  random_row_f32(in, count, i);
  mn_softmax_f32_ref(&(mn_softmax_f32_args){in, expected, count, beta});
  memcpy(row, in, count * sizeof *row); /* in place */
  ((mn_softmax_f32_fn *)kernel->function)(&(mn_softmax_f32_args){row, row, count, beta});
  settle_nan(row, count);
  settle_nan(expected, count);
  return same_bytes(kernel, "softmax", row, expected, count * sizeof *row) &&
         guard_intact(kernel, &at);
}

static bool same_softmax_q8(const mn_kernel *kernel, size_t i) {
  static guard at_in, at_out;
  static uint8_t expected[MOST_CLASSES];
  int32_t table[256];
  const size_t count = random_length(i);
  const uint8_t flip = random_below(2) ? 0x80 : 0;
  uint8_t *in = guard_take(&at_in, count), *out = guard_take(&at_out, count);
  random_row_q8(in, count, i);
  mn_softmax_table_ref(table, (1 << 30) + (int32_t)random_below(1 << 30),
                       (int32_t)random_below(27));
  mn_softmax_q8_ref(&(mn_softmax_q8_args){in, expected, count, flip, table});
  ((mn_softmax_q8_fn *)kernel->function)(&(mn_softmax_q8_args){in, out, count, flip, table});
  return same_bytes(kernel, "softmax", out, expected, count) && guard_intact(kernel, &at_out);
}

static int parity_all_softmax(const mn_kernel *kernel, size_t *cases) {
  const bool is_float = kernel->slot == MN_SLOT_softmax_f32;
  int failures = 0;
  for (size_t i = 0; i < 4000; i++, (*cases)++) {
    failures += !(is_float ? same_softmax_f32(kernel, i) : same_softmax_q8(kernel, i));
  }
  return failures;
}

/* Rows side by side, some with a gap between them; the last ends where memory does. */
static bool same_arg_max(const mn_kernel *kernel, size_t i, bool is_float) {
  enum { ROWS = 5 };
  static guard at_in, at_out;
  const size_t element = is_float ? sizeof(float) : 1;
  int64_t expected[ROWS];
  mn_arg_max_args args = {.rows = 1 + random_below(ROWS),
                          .count = random_length(i),
                          .flip = !is_float && random_below(2) ? 0x80 : 0,
                          .wide = random_below(2)};
  args.apart = (args.count + random_below(3)) * element;
  const size_t size = (args.rows - 1) * args.apart + args.count * element;
  const size_t out_size = args.rows * (args.wide ? sizeof(int64_t) : sizeof(int32_t));
  uint8_t *in = guard_take(&at_in, size);
  void *out = guard_take(&at_out, out_size);
  if (is_float) {
    random_row_f32((float *)(void *)in, size / element, i);
  } else {
    random_row_q8(in, size, i);
  }
  args.in = in;
  args.out = expected;
  (is_float ? mn_arg_max_f32_ref : mn_arg_max_q8_ref)(&args);
  args.out = out;
  ((mn_arg_max_f32_fn *)kernel->function)(&args);
  return same_bytes(kernel, "indices", out, expected, out_size) && guard_intact(kernel, &at_out);
}

static int parity_all_arg_max(const mn_kernel *kernel, size_t *cases) {
  int failures = 0;
  for (size_t i = 0; i < 4000; i++, (*cases)++) {
    failures += !same_arg_max(kernel, i, kernel->slot == MN_SLOT_arg_max_f32);
  }
  return failures;
}

#endif
