/* SPDX-License-Identifier: Apache-2.0
 * 8-bit fully connected layer: four outputs at a time, each a dot product along its own weights. A
 * row of a is widened to 16 bits on the stack once and serves them all; weights are widened as they
 * are read, which costs less than reading twice as many bytes. */
#include "kernels/x86/dense_finish.h"

enum { OUTPUTS = 4, LANES = 16, DEPTH = 4096 };

typedef struct stage {
  int16_t codes[DEPTH]; /* zeros up to a whole vector */
  int32_t sum;
} stage;

static void stage_fill(stage *staged, const uint8_t *from, size_t depth, uint8_t flip) {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i sum = _mm256_setzero_si256();
  for (size_t i = 0; i < depth; i += LANES) {
    __m128i bytes;
    if (depth - i >= LANES) {
      const __m128i flips = _mm_set1_epi8((char)flip);
      bytes = _mm_xor_si128(_mm_loadu_si128((const __m128i *)(const void *)(from + i)), flips);
    } else {
      uint8_t rest[LANES] = {0};
      for (size_t j = i; j < depth; j++) rest[j - i] = from[j] ^ flip;
      bytes = _mm_loadu_si128((const __m128i *)(const void *)rest);
    }
    const __m256i codes = _mm256_cvtepu8_epi16(bytes);
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(codes, ones));
    _mm256_storeu_si256((__m256i *)(void *)(staged->codes + i), codes);
  }
  const __m256i sums[4] = {sum, sum, sum, sum};
  staged->sum = _mm_cvtsi128_si32(sum_four_avx2(sums));
}

/* sums += the staged codes times `depth` weights of each output. */
static void multiply(__m256i sums[OUTPUTS], const stage *staged, const int8_t *const w[OUTPUTS],
                     size_t depth) {
  __m256i sum[OUTPUTS];
  MN_UNROLL for (int j = 0; j < OUTPUTS; j++) sum[j] = sums[j];
  for (size_t i = 0; i < depth; i += LANES) {
    const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(staged->codes + i));
    MN_UNROLL for (int j = 0; j < OUTPUTS; j++) {
      const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(w[j] + i));
      accumulate_avx2(&sum[j], _mm256_madd_epi16(x, _mm256_cvtepi8_epi16(bytes)));
    }
  }
  MN_UNROLL for (int j = 0; j < OUTPUTS; j++) sums[j] = sum[j];
}

/* Outputs [n, n + 4); where there are fewer, the last one again. */
static void outputs(const mn_dense_q8_args *args, stage *staged, size_t m, size_t n) {
  const uint8_t *a = args->a + m * args->a_stride; /* [k] */
  const size_t padded = (args->k + LANES - 1) / LANES * LANES;
  __m256i sums[OUTPUTS] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                           _mm256_setzero_si256()};
  int32_t row_sum = 0;
  for (size_t k = 0; k < args->k; k += DEPTH) {
    const size_t depth = args->k - k < DEPTH ? args->k - k : DEPTH;
    const int8_t *w[OUTPUTS];
    for (size_t j = 0; j < OUTPUTS; j++) {
      w[j] = args->weights + (n + j < args->n ? n + j : args->n - 1) * padded + k;
    }
    if (args->k > DEPTH) stage_fill(staged, a + k, depth, args->flip);
    multiply(sums, staged, w, depth);
    row_sum = (int32_t)((uint32_t)row_sum + (uint32_t)staged->sum);
  }
  dense_finish_avx2(args, m, n, sum_four_avx2(sums), row_sum);
}

void mn_dense_q8_avx2(const mn_dense_q8_args *args) {
  stage staged;
  for (size_t m = 0; m < args->m; m++) {
    if (args->k <= DEPTH) stage_fill(&staged, args->a + m * args->a_stride, args->k, args->flip);
    for (size_t n = 0; n < args->n; n += OUTPUTS) outputs(args, &staged, m, n);
  }
}
