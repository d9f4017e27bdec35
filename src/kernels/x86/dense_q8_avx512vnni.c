/* SPDX-License-Identifier: Apache-2.0
 * 8-bit fully connected layer by vpdpbusd: four outputs at a time, each a dot product along its own
 * weights, 64 of them a step. A row of a is copied to the stack once, as unsigned codes with zeros
 * up to a whole vector. */
#include "kernels/x86/dense_finish.h"
#include "kernels/x86/simd_avx512.h"

enum { OUTPUTS = 4, LANES = 64, DEPTH = 8192 };

typedef struct stage {
  uint8_t codes[DEPTH];
  int32_t sum;
} stage;

static void stage_fill(stage *staged, const uint8_t *from, size_t depth, uint8_t flip) {
  const __m256i flips = _mm256_set1_epi8((char)flip), none = _mm256_setzero_si256();
  __m256i sums = none;
  size_t i = 0;
  for (; depth - i >= 32; i += 32) {
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(from + i));
    const __m256i codes = _mm256_xor_si256(bytes, flips);
    _mm256_storeu_si256((__m256i *)(void *)(staged->codes + i), codes);
    sums = _mm256_add_epi64(sums, _mm256_sad_epu8(codes, none));
  }
  const __m128i half =
      _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  staged->sum = _mm_cvtsi128_si32(half) + _mm_extract_epi32(half, 2);
  for (; i < depth; i++) staged->sum += staged->codes[i] = from[i] ^ flip;
  for (; i % LANES; i++) staged->codes[i] = 0;
}

/* sums += the staged codes times `depth` weights of each output. */
static void multiply(__m512i sums[OUTPUTS], const stage *staged, const int8_t *const w[OUTPUTS],
                     size_t depth) {
  __m512i sum[OUTPUTS];
  MN_UNROLL for (int j = 0; j < OUTPUTS; j++) sum[j] = sums[j];
  for (size_t i = 0; i < depth; i += LANES) {
    const __m512i x = _mm512_loadu_si512(staged->codes + i);
    MN_UNROLL for (int j = 0; j < OUTPUTS; j++) {
      dot_avx512(&sum[j], x, _mm512_loadu_si512(w[j] + i));
    }
  }
  MN_UNROLL for (int j = 0; j < OUTPUTS; j++) sums[j] = sum[j];
}

/* Outputs [n, n + 4); where there are fewer, the last one again. */
static void outputs(const mn_dense_q8_args *args, stage *staged, size_t m, size_t n) {
  const uint8_t *a = args->a + m * args->a_stride; /* [k] */
  const size_t padded = (args->k + LANES - 1) / LANES * LANES;
  __m512i sums[OUTPUTS] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                           _mm512_setzero_si512()};
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
  __m256i halves[OUTPUTS];
  MN_UNROLL for (int j = 0; j < OUTPUTS; j++) {
    halves[j] =
        _mm256_add_epi32(_mm512_castsi512_si256(sums[j]), _mm512_extracti64x4_epi64(sums[j], 1));
  }
  dense_finish_avx2(args, m, n, sum_four_avx2(halves), row_sum);
}

void mn_dense_q8_avx512vnni(const mn_dense_q8_args *args) {
  stage staged;
  for (size_t m = 0; m < args->m; m++) {
    if (args->k <= DEPTH) stage_fill(&staged, args->a + m * args->a_stride, args->k, args->flip);
    for (size_t n = 0; n < args->n; n += OUTPUTS) outputs(args, &staged, m, n);
  }
}
