/* SPDX-License-Identifier: Apache-2.0
 * Parity of bilinear interpolation: to the last bit, in float too. Weights beyond 0 and 1 occur
 * where both neighbours are the same pixel, next to an edge. */
#ifndef MN_TESTS_KERNELS_PARITY_RESIZE_H
#define MN_TESTS_KERNELS_PARITY_RESIZE_H

#include "parity_eltwise.h"

enum { RESIZE_WIDTH = 40, RESIZE_CHANNELS = 40 };

static mn_resize_tap random_tap(size_t width) {
  mn_resize_tap tap = {.lower = (int32_t)random_below((uint32_t)width)};
  const bool edge = random_below(2) == 0;
  tap.upper = edge || tap.lower + 1 == (int32_t)width ? tap.lower : tap.lower + 1;
  tap.fixed = (int32_t)random_below(1025);
  if (tap.upper == tap.lower) tap.fixed = (int32_t)random_below(2048) - 512;
  tap.weight = (float)tap.fixed / 1024.0f + random_f32() / 4096.0f;
  return tap;
}

typedef struct resize_case {
  guard at_lower, at_upper, at_out, at_columns, at_scratch;
  mn_resize_tap row;
  mn_resize_row_args args;
} resize_case;

static void resize_take(resize_case *x, size_t i, size_t element, size_t cols) {
  mn_resize_row_args *args = &x->args;
  *args = (mn_resize_row_args){.in_width = 1 + random_below(20),
                               .out_width = 1 + random_below(RESIZE_WIDTH),
                               .channels = 1 + i % RESIZE_CHANNELS};
  args->in_stride = args->channels + (random_below(2) ? random_below(4) : 0);
  args->out_stride = args->channels + (random_below(2) ? random_below(4) : 0);
  const size_t in_count = (args->in_width - 1) * args->in_stride + args->channels;
  const size_t wide = round_up(args->channels, cols);
  mn_resize_tap *columns = guard_take(&x->at_columns, args->out_width * sizeof *columns);
  for (size_t j = 0; j < args->out_width; j++) columns[j] = random_tap(args->in_width);
  void *lower = guard_take(&x->at_lower, in_count * element);
  void *upper = guard_take(&x->at_upper, in_count * element);
  if (element == 1) {
    random_codes(lower, in_count);
    random_codes(upper, in_count);
  } else {
    random_fill_f32(lower, in_count);
    random_fill_f32(upper, in_count);
  }
  x->row = random_tap(2);
  args->lower = lower, args->upper = x->row.upper == x->row.lower ? lower : upper,
  args->columns = columns, args->row = &x->row;
  args->scratch = guard_take(&x->at_scratch, 2 * args->in_width * wide * sizeof(float));
}

/* What lies between the pixels of the result must stay as guard_take filled it. */
static int parity_all_resize(const mn_kernel *kernel, size_t *cases) {
  static resize_case x;
  static uint8_t expected[RESIZE_WIDTH * (RESIZE_CHANNELS + 4) * sizeof(float)];
  const size_t element = kernel->slot == MN_SLOT_resize_f32 ? sizeof(float) : 1;
  mn_resize_f32_fn *const reference = kernel->slot == MN_SLOT_resize_f32  ? mn_resize_f32_ref
                                      : kernel->slot == MN_SLOT_resize_u8 ? mn_resize_u8_ref
                                                                          : mn_resize_i8_ref;
  int failures = 0;
  for (size_t i = 0; i < 4000; i++, (*cases)++) {
    resize_take(&x, i, element, (size_t)kernel->tile.cols);
    const size_t bytes = ((x.args.out_width - 1) * x.args.out_stride + x.args.channels) * element;
    memset(expected, GUARD_FILL, bytes);
    x.args.out = expected;
    reference(&x.args);
    x.args.out = guard_take(&x.at_out, bytes);
    ((mn_resize_f32_fn *)kernel->function)(&x.args);
    failures += !same_bytes(kernel, "row", x.args.out, expected, bytes) ||
                !guard_intact(kernel, &x.at_out) || !guard_intact(kernel, &x.at_scratch);
  }
  return failures;
}

#endif
