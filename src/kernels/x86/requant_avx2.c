/* SPDX-License-Identifier: Apache-2.0
 * See requant_avx2.h. */
#include "kernels/x86/requant_avx2.h"

enum { TOGETHER = 8 }; /* rows of fewer than 16 channels */

void mn_requant_load_avx2(requant_avx2 *x, const mn_requant *from, size_t n) {
  const int32_t middle = from->multiplier ? from->base : requant_middle(from->out_min);
  int signs = 0, doubt = 0;
  MN_UNROLL for (int j = 0; j < 2; j++) {
    const size_t at = n + 8 * (size_t)j;
    const __m256 scale = _mm256_loadu_ps(from->scale + at);
    x->above[j] = _mm256_loadu_ps(from->above + at);
    x->below[j] = _mm256_loadu_ps(from->below + at);
    x->scale[j] = scale;
    signs |= _mm256_movemask_ps(_mm256_cmp_ps(x->above[j], x->below[j], _CMP_NEQ_UQ)) != 0;
    if (!from->multiplier) continue;
    doubt |= _mm256_movemask_ps(scale) != 0;
    x->scale[j] = _mm256_andnot_ps(_mm256_set1_ps(-0.0f), scale);
    x->multiplier[j] = _mm256_loadu_si256((const __m256i *)(from->multiplier + at));
    x->shift[j] = _mm256_loadu_si256((const __m256i *)(from->shift + at));
  }
  x->kind = !from->multiplier ? REQUANT_REAL
            : doubt           ? REQUANT_DOUBT + signs
                              : REQUANT_PLAIN + signs;
  x->zero = from->out_zero - from->base;
  x->out = requant_output_from(from->base, middle, from->out_min, from->out_max);
}

MN_INLINE __m256 requant_real(__m256i x, const requant_avx2 *by, const int j, const int kind) {
  __m256 offset = by->above[j];
  if (kind != REQUANT_PLAIN && kind != REQUANT_DOUBT) {
    offset = _mm256_blendv_ps(offset, by->below[j], _mm256_castsi256_ps(x));
  }
  const __m256 real = _mm256_fmadd_ps(_mm256_cvtepi32_ps(x), by->scale[j], offset);
  /* Beyond an int the conversion would give the least one; other constants never get there. */
  return kind == REQUANT_REAL ? _mm256_min_ps(real, _mm256_set1_ps(65536.0f)) : real;
}

/* The larger distance from an integer, `most` or how far `real` is, which was rounded to x. */
MN_INLINE __m256 farther(__m256 most, __m256 real, __m256i x) {
  const __m256 rest = _mm256_sub_ps(real, _mm256_cvtepi32_ps(x));
  return _mm256_max_ps(most, _mm256_andnot_ps(_mm256_set1_ps(-0.0f), rest));
}

/* Whether that is within MN_REQUANT_DOUBT of the middle between two. */
MN_INLINE int in_doubt(__m256 most) {
  const __m256 limit = _mm256_set1_ps(0.5f - MN_REQUANT_DOUBT);
  return _mm256_movemask_ps(_mm256_cmp_ps(most, limit, _CMP_GE_OQ));
}

/* Two rows of sums by the fixed form. */
static __attribute__((noinline)) void fixed_rows(__m256i *codes, const __m256i *first,
                                                 const __m256i *second, const requant_avx2 *by) {
  for (int j = 0; j < 2; j++) {
    const requant_lanes_avx2 lanes = requant_lanes_from(by->multiplier[j], by->shift[j], by->zero);
    codes[j] = multiply_quantized_avx2(first[j], &lanes);
    codes[2 + j] = multiply_quantized_avx2(second[j], &lanes);
  }
}

/* Two rows a turn; the last of an odd number is its own neighbour. */
MN_INLINE void requant_rows(uint8_t *to, size_t stride, const __m256i *sums, size_t rows,
                            const requant_avx2 *from, const int kind) {
  const bool doubts = kind == REQUANT_DOUBT || kind == REQUANT_DOUBT_SIGNS;
  const requant_avx2 by = *from; /* in registers, whatever the stores may reach */
  for (size_t i = 0; i < rows; i += 2, to += 2 * stride, sums += 4) {
    const bool single = i + 1 == rows;
    const __m256i *next = single ? sums : sums + 2;
    __m256 most = _mm256_setzero_ps();
    __m256i x[4];
    MN_UNROLL for (int j = 0; j < 4; j++) {
      const __m256 real = requant_real(j < 2 ? sums[j] : next[j - 2], &by, j % 2, kind);
      x[j] = _mm256_cvtps_epi32(real);
      if (doubts) most = farther(most, real, x[j]);
    }
    if (doubts && in_doubt(most)) fixed_rows(x, sums, next, from);
    const __m256i codes = requant_pack_avx2(x, &by.out, kind != REQUANT_REAL);
    _mm_storeu_si128((__m128i *)(void *)(single ? to : to + stride),
                     _mm256_extracti128_si256(codes, 1));
    _mm_storeu_si128((__m128i *)(void *)to, _mm256_castsi256_si128(codes));
  }
}

static void whole_rows(uint8_t *to, size_t stride, const __m256i *sums, size_t rows,
                       const requant_avx2 *by) {
  switch (by->kind) {
    case REQUANT_PLAIN: requant_rows(to, stride, sums, rows, by, REQUANT_PLAIN); break;
    case REQUANT_SIGNS: requant_rows(to, stride, sums, rows, by, REQUANT_SIGNS); break;
    case REQUANT_DOUBT: requant_rows(to, stride, sums, rows, by, REQUANT_DOUBT); break;
    case REQUANT_REAL: requant_rows(to, stride, sums, rows, by, REQUANT_REAL); break;
    default: requant_rows(to, stride, sums, rows, by, REQUANT_DOUBT_SIGNS); break;
  }
}

void mn_requant_store_avx2(uint8_t *to, size_t stride, const __m256i *sums, size_t rows,
                           size_t count, const requant_avx2 *by) {
  if (count >= 16) {
    whole_rows(to, stride, sums, rows, by);
    return;
  }
  for (size_t i = 0; i < rows; i += TOGETHER) {
    const size_t some = rows - i < TOGETHER ? rows - i : TOGETHER;
    uint8_t codes[TOGETHER][16];
    whole_rows(codes[0], 16, sums + 2 * i, some, by);
    for (size_t r = 0; r < some; r++, to += stride) {
      if (count == 8) {
        memcpy(to, codes[r], 8);
      } else {
        memcpy(to, codes[r], count);
      }
    }
  }
}
