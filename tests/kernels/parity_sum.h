/* SPDX-License-Identifier: Apache-2.0
 * Parity of the sums over windows: to the last bit, since every channel is summed in one order. */
#ifndef MN_TESTS_KERNELS_PARITY_SUM_H
#define MN_TESTS_KERNELS_PARITY_SUM_H

#include "parity_eltwise.h"

enum { SUM_CHANNELS = 100 };

/* Every count of channels; windows of more pixels than 16-bit sums hold, too. */
static mn_sum_args random_window(size_t i) {
  mn_sum_args args = {.rows = 1 + random_below(9),
                      .cols = 1 + random_below(9),
                      .channels = 1 + i % SUM_CHANNELS,
                      .flip = random_below(2) ? 0x80 : 0};
  if (i % 7 == 6) args.rows = 1 + random_below(40), args.cols = 1 + random_below(40);
  args.pixel_stride = args.channels + random_below(3);
  args.row_stride = args.cols * args.pixel_stride + random_below(3);
  return args;
}

static void random_sums(void *sums, size_t count, bool is_float) {
  for (size_t c = 0; c < count; c++) {
    if (is_float) {
      ((float *)sums)[c] = random_f32();
    } else {
      ((int32_t *)sums)[c] = (int32_t)random_below(2000) - 1000;
    }
  }
}

static int parity_all_sum(const mn_kernel *kernel, size_t *cases) {
  static guard at_in, at_sums;
  static int32_t expected[SUM_CHANNELS]; /* or floats */
  const bool is_float = kernel->slot == MN_SLOT_sum_f32;
  int failures = 0;
  for (size_t i = 0; i < 2000; i++, (*cases)++) {
    mn_sum_args args = random_window(i);
    const size_t count =
        (args.rows - 1) * args.row_stride + (args.cols - 1) * args.pixel_stride + args.channels;
    const size_t bytes = args.channels * sizeof *expected;
    void *in = guard_take(&at_in, count * (is_float ? sizeof(float) : 1));
    void *sums = guard_take(&at_sums, bytes);
    if (is_float) {
      random_fill_f32(in, count);
    } else {
      random_codes(in, count);
    }
    random_sums(sums, args.channels, is_float);
    memcpy(expected, sums, bytes);
    args.in = in;
    args.sums = expected;
    (is_float ? mn_sum_f32_ref : mn_sum_q8_ref)(&args);
    args.sums = sums;
    ((mn_sum_f32_fn *)kernel->function)(&args);
    failures +=
        !same_bytes(kernel, "sums", sums, expected, bytes) || !guard_intact(kernel, &at_sums);
  }
  return failures;
}

#endif
