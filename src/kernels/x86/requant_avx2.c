/* SPDX-License-Identifier: Apache-2.0
 * See requant_avx2.h. Blocks with a channel that has no float form take the integers of
 * ref/requant.h, step by step the same. */
#include "kernels/x86/requant_avx2.h"

void mn_requant_load_avx2(requant_avx2 *x, const mn_requant *from, size_t n) {
  x->from = from, x->n = n, x->fixed = 0;
  MN_UNROLL for (int j = 0; j < 2; j++) {
    const size_t at = n + 8 * (size_t)j;
    x->scale[j] = _mm256_loadu_ps(from->scale + at);
    x->above[j] = _mm256_loadu_ps(from->above + at);
    x->below[j] = _mm256_loadu_ps(from->below + at);
    if (from->multiplier) x->fixed |= _mm256_movemask_ps(x->scale[j]);
  }
  x->out = requant_output_from(from->base, from->out_min, from->out_max);
}

/* 2 x 8 sums in place to codes less the base. */
static void requant_fixed_avx2(__m256i *sums, size_t rows, const mn_requant *from, size_t n) {
  const __m256i offset = _mm256_set1_epi32(from->out_zero - from->base);
  for (size_t j = 0; j < 2; j++, n += 8) {
    const requant_lanes_avx2 by =
        requant_lanes_from(_mm256_loadu_si256((const __m256i *)(from->multiplier + n)),
                           _mm256_loadu_si256((const __m256i *)(from->shift + n)));
    for (size_t i = 0; i < rows; i++) {
      const __m256i x = multiply_quantized_avx2(sums[2 * i + j], &by);
      sums[2 * i + j] = _mm256_add_epi32(x, offset);
    }
  }
}

MN_INLINE __m256i requant_float_avx2(__m256i x, const requant_avx2 *by, const int j) {
  const __m256 offset = _mm256_blendv_ps(by->above[j], by->below[j], _mm256_castsi256_ps(x));
  const __m256 real = _mm256_fmadd_ps(_mm256_cvtepi32_ps(x), by->scale[j], offset);
  /* Beyond an int the conversion would give the least one. */
  return _mm256_cvtps_epi32(_mm256_min_ps(real, _mm256_set1_ps(65536.0f)));
}

void mn_requant_store_avx2(uint8_t *to, size_t stride, __m256i *sums, size_t rows, size_t count,
                           const requant_avx2 *by) {
  if (by->fixed) requant_fixed_avx2(sums, rows, by->from, by->n);
  for (size_t i = 0; i < rows; i += 2) {
    const size_t next = i + 1 < rows ? i + 1 : i;
    __m256i x[4] = {sums[2 * i], sums[2 * i + 1], sums[2 * next], sums[2 * next + 1]};
    if (!by->fixed) {
      MN_UNROLL for (int j = 0; j < 4; j++) x[j] = requant_float_avx2(x[j], by, j % 2);
    }
    const __m256i codes = requant_pack_avx2(x, &by->out);
    store_bytes_avx2(to + i * stride, _mm256_castsi256_si128(codes), count);
    if (next > i) store_bytes_avx2(to + next * stride, _mm256_extracti128_si256(codes, 1), count);
  }
}
