/* SPDX-License-Identifier: Apache-2.0
 * 8-bit matrix product, tiles of 7 rows x 32 columns, four k at a time by vpdpbusd: unsigned codes
 * of a times signed weights, whose zero point is taken back by the row's sum. Rows are read where
 * they lie when they need no flip and no padding to a multiple of four; otherwise a block of them
 * is copied to the stack first. */
#include "kernels/kernels.h"
#include "kernels/x86/requant_avx512.h"
#include "kernels/x86/simd_avx512.h"

enum { ROWS = 7, COLS = 32, STAGE_QUADS = 8192, DEPTH = STAGE_QUADS / ROWS };

/* Rows to multiply, quads of codes; `codes` holds those that had to be copied. */
typedef struct stage {
  const uint8_t *rows;
  size_t stride;                  /* bytes */
  uint8_t codes[4 * STAGE_QUADS]; /* [rows][ceil(depth/4)][4] */
} stage;

static void copy_row(uint8_t *to, const uint8_t *from, size_t k, uint8_t flip) {
  const __m256i flips = _mm256_set1_epi8((char)flip);
  size_t i = 0;
  for (; k - i >= 32; i += 32) {
    const __m256i codes = _mm256_loadu_si256((const __m256i *)(const void *)(from + i));
    _mm256_storeu_si256((__m256i *)(void *)(to + i), _mm256_xor_si256(codes, flips));
  }
  for (; i < k; i++) to[i] = from[i] ^ flip;
  for (; i % 4; i++) to[i] = 0;
}

/* Rows [m, end), depths [k, k + depth). */
static void stage_fill(stage *staged, const mn_gemm_q8_args *args, size_t m, size_t end, size_t k,
                       size_t depth) {
  if (args->flip == 0 && depth % 4 == 0) {
    staged->rows = args->a + m * args->a_stride + k;
    staged->stride = args->a_stride;
    return;
  }
  staged->rows = staged->codes;
  staged->stride = (depth + 3) / 4 * 4;
  for (size_t i = m; i < end; i++) {
    copy_row(staged->codes + (i - m) * staged->stride, args->a + i * args->a_stride + k, depth,
             args->flip);
  }
}

/* sums[rows][2] += `count` quads of a times one panel of b; `vectors` of 16 columns are live. */
MN_INLINE void multiply(__m512i (*sums)[2], const uint8_t *a, size_t stride, const int8_t *b,
                        size_t count, const int rows, const int vectors) {
  __m512i sum[ROWS][2];
  MN_UNROLL for (int i = 0; i < rows; i++) {
    MN_UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = sums[i][j];
  }
  for (size_t p = 0; p < count; p++, b += 4 * COLS) {
    __m512i w[2];
    MN_UNROLL for (int j = 0; j < vectors; j++) w[j] = _mm512_loadu_si512(b + 64 * j);
    MN_UNROLL for (int i = 0; i < rows; i++) {
      int32_t quad;
      memcpy(&quad, a + (size_t)i * stride + 4 * p, sizeof quad);
      const __m512i x = _mm512_set1_epi32(quad);
      MN_UNROLL for (int j = 0; j < vectors; j++) dot_avx512(&sum[i][j], x, w[j]);
    }
  }
  MN_UNROLL for (int i = 0; i < rows; i++) {
    MN_UNROLL for (int j = 0; j < vectors; j++) sums[i][j] = sum[i][j];
  }
}

MN_INLINE void multiply_rows(__m512i (*sums)[2], const uint8_t *a, size_t stride, const int8_t *b,
                             size_t count, size_t rows, const int vectors) {
  switch (rows) {
    case 1: multiply(sums, a, stride, b, count, 1, vectors); break;
    case 2: multiply(sums, a, stride, b, count, 2, vectors); break;
    case 3: multiply(sums, a, stride, b, count, 3, vectors); break;
    case 4: multiply(sums, a, stride, b, count, 4, vectors); break;
    case 5: multiply(sums, a, stride, b, count, 5, vectors); break;
    case 6: multiply(sums, a, stride, b, count, 6, vectors); break;
    default: multiply(sums, a, stride, b, count, 7, vectors); break;
  }
}

/* bias - w_zero * row_sum: modulo 2^32 on the way, exact at the end. */
MN_INLINE void sums_start(__m512i *sums, const mn_gemm_q8_args *args, size_t row, size_t n,
                          const int vectors) {
  const uint32_t sum = args->w_zero ? (uint32_t)args->row_sum[row] : 0;
  const __m512i extra = _mm512_set1_epi32((int32_t)((uint32_t)args->w_zero * sum));
  MN_UNROLL for (int v = 0; v < vectors; v++) {
    sums[v] = _mm512_sub_epi32(_mm512_loadu_si512(args->bias + n + 16 * v), extra);
  }
}

/* Rows [m, end) of the panel at column n. A depth beyond the stage is done in parts. */
MN_INLINE void panel(const mn_gemm_q8_args *args, stage *staged, size_t m, size_t end, size_t n,
                     const int vectors) {
  const int8_t *b = (const int8_t *)args->b + n * ((args->k + 3) & ~(size_t)3);
  const requant_avx512 requant = requant_load_avx512(&args->requant, n, vectors);
  const __mmask16 last = first_lanes_avx512(args->n - n - (size_t)(16 * (vectors - 1)));
  for (size_t i = m; i < end; i += ROWS) {
    const size_t rows = end - i < ROWS ? end - i : ROWS;
    __m512i sums[ROWS][2];
    for (size_t j = 0; j < rows; j++) sums_start(sums[j], args, i + j, n, vectors);
    for (size_t k = 0; k < args->k; k += 4 * DEPTH) {
      const size_t depth = args->k - k < 4 * DEPTH ? args->k - k : 4 * DEPTH;
      if (args->k > 4 * DEPTH) stage_fill(staged, args, m, end, k, depth);
      const uint8_t *a = staged->rows + (i - m) * staged->stride;
      multiply_rows(sums, a, staged->stride, b + k * COLS, (depth + 3) / 4, rows, vectors);
    }
    for (size_t j = 0; j < rows; j++) {
      uint8_t *c = args->c + (i + j) * args->c_stride + n;
      requant_store_avx512(c, sums[j], &requant, last, vectors);
    }
  }
}

void mn_gemm_q8s_7x32_avx512vnni(const mn_gemm_q8_args *args) {
  stage staged;
  const size_t fit = STAGE_QUADS / ((args->k + 3) / 4 + 1) / ROWS * ROWS;
  const size_t step = fit > ROWS ? fit : ROWS;
  for (size_t m = 0; m < args->m; m += step) {
    const size_t end = args->m - m > step ? m + step : args->m;
    if (args->k <= 4 * DEPTH) stage_fill(&staged, args, m, end, 0, args->k);
    for (size_t n = 0; n < args->n; n += COLS) {
      if (args->n - n > 16) {
        panel(args, &staged, m, end, n, 2);
      } else {
        panel(args, &staged, m, end, n, 1);
      }
    }
  }
}
