/* SPDX-License-Identifier: Apache-2.0
 * 8-bit fully connected layer by SDOT: four outputs at a time, each along its own weights. A row of
 * a is copied to the stack once, as signed bytes 128 less than its codes; weights are summed beside
 * their products, which makes up for it. */
#include "kernels/arm/dense_finish_neon.h"

enum { OUTPUTS = 4, LANES = 16, DEPTH = 8192 };

typedef struct stage {
  int8_t codes[DEPTH]; /* -128, which means 0, up to a whole step */
  uint32_t sum;        /* of codes */
} stage;

static void stage_fill(stage *staged, const uint8_t *from, size_t depth, uint8_t flip) {
  const uint8x16_t flips = vdupq_n_u8(flip);
  uint32_t sum = 0;
  size_t i = 0;
  for (; depth - i >= LANES; i += LANES) {
    const uint8x16_t codes = veorq_u8(vld1q_u8(from + i), flips);
    vst1q_s8(staged->codes + i, vreinterpretq_s8_u8(veorq_u8(codes, vdupq_n_u8(0x80))));
    sum += vaddlvq_u8(codes);
  }
  for (; i < depth; i++) {
    staged->codes[i] = (int8_t)(from[i] ^ flip ^ 0x80);
    sum += from[i] ^ flip;
  }
  for (; i % LANES; i++) staged->codes[i] = INT8_MIN;
  staged->sum = sum;
}

/* sums += the staged codes times `depth` weights of each output. */
static void multiply(int32x4_t sums[OUTPUTS], const stage *staged, const int8_t *const w[OUTPUTS],
                     size_t depth) {
  const int8x16_t half = vdupq_n_s8(64); /* twice: 128 */
  int32x4_t sum[OUTPUTS], weights[OUTPUTS];
  MN_UNROLL for (int j = 0; j < OUTPUTS; j++) sum[j] = sums[j], weights[j] = vdupq_n_s32(0);
  for (size_t i = 0; i < depth; i += LANES) {
    const int8x16_t x = vld1q_s8(staged->codes + i);
    MN_UNROLL for (int j = 0; j < OUTPUTS; j++) {
      const int8x16_t bytes = vld1q_s8(w[j] + i);
      sum[j] = vdotq_s32(sum[j], x, bytes);
      weights[j] = vdotq_s32(weights[j], half, bytes);
    }
  }
  MN_UNROLL for (int j = 0; j < OUTPUTS; j++) {
    sums[j] = vaddq_s32(sum[j], vaddq_s32(weights[j], weights[j]));
  }
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

void mn_dense_q8_dotprod(const mn_dense_q8_args *args) {
  stage staged;
  for (size_t m = 0; m < args->m; m++) {
    if (args->k <= DEPTH) stage_fill(&staged, args->a + m * args->a_stride, args->k, args->flip);
    for (size_t n = 0; n < args->n; n += OUTPUTS) outputs(args, &staged, m, n);
  }
}
