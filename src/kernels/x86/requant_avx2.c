/* SPDX-License-Identifier: Apache-2.0
 * See requant_avx2.h. Vectors of 8 channels without a float form take the integers. */
#include "kernels/x86/requant_avx2.h"

void mn_requant_load_avx2(requant_avx2 *x, const mn_requant *from, size_t n) {
  int signs = 0;
  x->fixed = 0;
  MN_UNROLL for (int j = 0; j < 2; j++) {
    const size_t at = n + 8 * (size_t)j;
    x->scale[j] = _mm256_loadu_ps(from->scale + at);
    x->above[j] = _mm256_loadu_ps(from->above + at);
    x->below[j] = _mm256_loadu_ps(from->below + at);
    signs |= _mm256_movemask_ps(_mm256_cmp_ps(x->above[j], x->below[j], _CMP_NEQ_UQ));
    if (!from->multiplier || !_mm256_movemask_ps(x->scale[j])) continue;
    x->fixed |= 1u << j;
    x->lanes[j] = requant_lanes_from(_mm256_loadu_si256((const __m256i *)(from->multiplier + at)),
                                     _mm256_loadu_si256((const __m256i *)(from->shift + at)),
                                     from->out_zero - from->base);
  }
  x->out = requant_output_from(from->base, from->out_min, from->out_max);
  x->kind = !from->multiplier ? REQUANT_REAL
            : x->fixed        ? REQUANT_EXACT
            : signs           ? REQUANT_SIGNS
                              : REQUANT_PLAIN;
}

MN_INLINE __m256i requant_vector(__m256i x, const requant_avx2 *by, const int j, const int kind) {
  if (kind == REQUANT_EXACT && by->fixed >> j & 1) return multiply_quantized_avx2(x, &by->lanes[j]);
  __m256 offset = by->above[j];
  if (kind) offset = _mm256_blendv_ps(offset, by->below[j], _mm256_castsi256_ps(x));
  __m256 real = _mm256_fmadd_ps(_mm256_cvtepi32_ps(x), by->scale[j], offset);
  /* Beyond an int the conversion would give the least one; proven constants never get there. */
  if (kind == REQUANT_REAL) real = _mm256_min_ps(real, _mm256_set1_ps(65536.0f));
  return _mm256_cvtps_epi32(real);
}

MN_INLINE void requant_rows(uint8_t *to, size_t stride, const __m256i *sums, size_t rows,
                            size_t count, const requant_avx2 *by, const int kind) {
  for (size_t i = 0; i < rows; i += 2, to += 2 * stride, sums += 4) {
    const size_t next = i + 1 < rows ? 2 : 0;
    __m256i x[4];
    MN_UNROLL for (int j = 0; j < 2; j++) {
      x[j] = requant_vector(sums[j], by, j, kind);
      x[2 + j] = requant_vector(sums[next + (size_t)j], by, j, kind);
    }
    const __m256i codes = requant_pack_avx2(x, &by->out);
    store_bytes_avx2(to, _mm256_castsi256_si128(codes), count);
    if (next) store_bytes_avx2(to + stride, _mm256_extracti128_si256(codes, 1), count);
  }
}

void mn_requant_store_avx2(uint8_t *to, size_t stride, const __m256i *sums, size_t rows,
                           size_t count, const requant_avx2 *by) {
  switch (by->kind) {
    case REQUANT_PLAIN: requant_rows(to, stride, sums, rows, count, by, REQUANT_PLAIN); break;
    case REQUANT_SIGNS: requant_rows(to, stride, sums, rows, count, by, REQUANT_SIGNS); break;
    case REQUANT_EXACT: requant_rows(to, stride, sums, rows, count, by, REQUANT_EXACT); break;
    default: requant_rows(to, stride, sums, rows, count, by, REQUANT_REAL); break;
  }
}
