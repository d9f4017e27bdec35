/* SPDX-License-Identifier: Apache-2.0
 * Matrix product of bf16 where no instruction multiplies them: rows are rounded to scratch, and for
 * a block of rows each panel of weights is widened there once; then they are floats, for the float
 * kernel. */
#include "kernels/arm/simd_neon.h"
#include "kernels/kernels.h"

enum { COLS = 8 };

/* As mn_bfloat_of_float, in place. */
MN_INLINE float32x4_t round_4(float32x4_t x) {
  const uint32x4_t bits = vreinterpretq_u32_f32(x), one = vdupq_n_u32(1);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), one);
  const uint32x4_t up = vaddq_u32(vaddq_u32(bits, vdupq_n_u32(0x7fff)), odd);
  const float32x4_t kept = vreinterpretq_f32_u32(vbicq_u32(up, vdupq_n_u32(0xffff)));
  return vbslq_f32(vceqq_f32(x, x), kept, x);
}

/* [count] floats rounded to bf16. */
static void round_floats(const float *from, size_t count, float *to) {
  size_t i = 0;
  for (; count - i >= 4; i += 4) vst1q_f32(to + i, round_4(vld1q_f32(from + i)));
  store_f32_neon(to + i, round_4(load_f32_neon(from + i, count - i)), count - i);
}

static void round_rows(const mn_gemm_f32_args *args, size_t m, size_t rows, float *to) {
  for (size_t i = m; i < m + rows; i++) {
    for (size_t s = 0; s < args->segments; s++, to += args->segment) {
      round_floats(args->a[s] + i * args->a_stride, args->segment, to);
    }
  }
}

MN_INLINE float32x4_t widen_low(uint16x8_t x) {
  return vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(x), 16));
}
MN_INLINE float32x4_t widen_high(uint16x8_t x) {
  return vreinterpretq_f32_u32(vshll_high_n_u16(x, 16));
}

/* Pairs of k side by side to rows of COLS floats. */
static void widen_panel(const uint16_t *panel, size_t k, float *to) {
  for (size_t i = 0; i < k; i += 2, panel += 2 * COLS, to += 2 * COLS) {
    const uint16x8x2_t pairs = vld2q_u16(panel);
    MN_UNROLL for (int j = 0; j < 2; j++) {
      vst1q_f32(to + COLS * j, widen_low(pairs.val[j]));
      vst1q_f32(to + COLS * j + 4, widen_high(pairs.val[j]));
    }
  }
}

void mn_gemm_bf16_8x8_neon(const mn_gemm_bf16_args *args) {
  mn_gemm_f32_args part = args->f32;
  const size_t k = part.k, m = part.m, n = part.n;
  float *panel = args->scratch + args->scratch_rows * (k + k % 2);
  const float *rows[1] = {args->scratch};
  part.a = rows;
  part.a_stride = part.segment = k;
  part.segments = 1;
  part.b = panel;
  for (size_t i = 0; i < m; i += part.m) {
    part.m = m - i < args->scratch_rows ? m - i : args->scratch_rows;
    round_rows(&args->f32, i, part.m, args->scratch);
    for (size_t j = 0; j < n; j += COLS) {
      widen_panel(args->b + j * (k + k % 2), k, panel);
      part.n = n - j < COLS ? n - j : COLS;
      part.bias = args->f32.bias + j;
      part.c = args->f32.c + i * part.c_stride + j;
      mn_gemm_f32_8x8_neon(&part);
    }
  }
}
