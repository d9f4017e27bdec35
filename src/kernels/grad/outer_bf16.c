/* SPDX-License-Identifier: Apache-2.0
 * See outer_bf16.h. Without instructions of bf16: operands are rounded to floats, and summed as in
 * f32. */
#include "kernels/grad/outer_bf16.h"

#include "base/alloc.h"
#include "base/cpu.h"

/* Rows of `width` of a map, rounded and end to end. */
static void round_rows(const float *from, size_t stride, size_t width, size_t rows, float *to,
                       const mn_grad_kernels *kernels) {
  for (size_t i = 0; i < rows; i++) kernels->round(from + i * stride, width, to + i * width);
}

void mn_outer_bf16_plain(const mn_outer_args *args, const mn_grad_kernels *kernels, void *scratch) {
  mn_outer_args part = *args;
  float *a = scratch, *b = a + MN_OUTER_BF16_PIXELS * args->m;
  part.a = a;
  part.b = b;
  part.a_stride = args->m;
  part.b_stride = args->n;
  for (size_t p = 0; p < args->pixels; p += part.pixels) {
    part.pixels = args->pixels - p < MN_OUTER_BF16_PIXELS ? args->pixels - p : MN_OUTER_BF16_PIXELS;
    round_rows(args->a + p * args->a_stride, args->a_stride, args->m, part.pixels, a, kernels);
    round_rows(args->b + p * args->b_stride, args->b_stride, args->n, part.pixels, b, kernels);
    kernels->outer(&part);
  }
}

size_t mn_outer_bf16_scratch(size_t m, size_t n) {
  return (mn_whole(m, 16) + mn_whole(n, 16)) * MN_OUTER_BF16_PIXELS * sizeof(float);
}

mn_outer_bf16_fn *mn_outer_bf16_select(uint32_t features) {
#if defined(MN_HAVE_X86) && defined(MN_HAVE_AMX)
  const uint32_t needs = MN_AVX512 | MN_AVX512BF16 | MN_AMXBF16;
  if ((features & needs) == needs) return mn_outer_bf16_amx;
#endif
  (void)features;
  return mn_outer_bf16_plain;
}
