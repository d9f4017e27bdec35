/* SPDX-License-Identifier: Apache-2.0
 * 8-bit fully connected layer without dot products: four outputs at a time, each along its own
 * weights. A row of a is widened to 16 bits on the stack once and serves them all; weights are
 * widened as they are read, which costs less than reading twice as many bytes. */
#include "kernels/arm/dense_finish_neon.h"

enum { OUTPUTS = 4, LANES = 16, DEPTH = 4096 };

typedef struct stage {
  int16_t codes[DEPTH]; /* zeros up to a whole step */
  uint32_t sum;
} stage;

static void stage_fill(stage *staged, const uint8_t *from, size_t depth, uint8_t flip) {
  uint32_t sum = 0;
  size_t i = 0;
  for (; depth - i >= 8; i += 8) {
    const uint8x8_t codes = veor_u8(vld1_u8(from + i), vdup_n_u8(flip));
    vst1q_s16(staged->codes + i, vreinterpretq_s16_u16(vmovl_u8(codes)));
    sum += vaddlv_u8(codes);
  }
  for (; i < depth; i++) {
    staged->codes[i] = from[i] ^ flip;
    sum += from[i] ^ flip;
  }
  for (; i % LANES; i++) staged->codes[i] = 0;
  staged->sum = sum;
}

/* sums += the staged codes times `depth` weights of each output. */
static void multiply(int32x4_t sums[OUTPUTS], const stage *staged, const int8_t *const w[OUTPUTS],
                     size_t depth) {
  int32x4_t sum[OUTPUTS];
  MN_UNROLL for (int j = 0; j < OUTPUTS; j++) sum[j] = sums[j];
  for (size_t i = 0; i < depth; i += LANES) {
    const int16x8_t x = vld1q_s16(staged->codes + i), y = vld1q_s16(staged->codes + i + 8);
    MN_UNROLL for (int j = 0; j < OUTPUTS; j++) {
      const int8x16_t bytes = vld1q_s8(w[j] + i);
      const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
      sum[j] = vmlal_s16(sum[j], vget_low_s16(x), vget_low_s16(low));
      sum[j] = vmlal_high_s16(sum[j], x, low);
      sum[j] = vmlal_s16(sum[j], vget_low_s16(y), vget_low_s16(high));
      sum[j] = vmlal_high_s16(sum[j], y, high);
    }
  }
  MN_UNROLL for (int j = 0; j < OUTPUTS; j++) sums[j] = sum[j];
}

/* Outputs [n, n + 4); where there are fewer, the last one again. */
static void outputs(const mn_dense_q8_args *args, stage *staged, size_t m, size_t n) {
  const uint8_t *a = args->a + m * args->a_stride; /* [k] */
  const size_t padded = (args->k + LANES - 1) / LANES * LANES;
  const int32x4_t none = vdupq_n_s32(0);
  int32x4_t sums[OUTPUTS] = {none, none, none, none};
  uint32_t row_sum = 0;
  for (size_t k = 0; k < args->k; k += DEPTH) {
    const size_t depth = args->k - k < DEPTH ? args->k - k : DEPTH;
    const int8_t *w[OUTPUTS];
    for (size_t j = 0; j < OUTPUTS; j++) {
      w[j] = args->weights + (n + j < args->n ? n + j : args->n - 1) * padded + k;
    }
    if (args->k > DEPTH) stage_fill(staged, a + k, depth, args->flip);
    multiply(sums, staged, w, depth);
    row_sum += staged->sum;
  }
  const int32x4_t all = vpaddq_s32(vpaddq_s32(sums[0], sums[1]), vpaddq_s32(sums[2], sums[3]));
  dense_finish_neon(args, m, n, all, (int32_t)((uint32_t)args->w_zero * row_sum));
}

void mn_dense_q8_neon(const mn_dense_q8_args *args) {
  stage staged;
  for (size_t m = 0; m < args->m; m++) {
    if (args->k <= DEPTH) stage_fill(&staged, args->a + m * args->a_stride, args->k, args->flip);
    for (size_t n = 0; n < args->n; n += OUTPUTS) outputs(args, &staged, m, n);
  }
}
