/* SPDX-License-Identifier: Apache-2.0
 * 8-bit matrix product, tiles of 7 rows x 32 columns, two k at a time by vpmaddwd on 16-bit pairs.
 * A block of rows of a is widened once to 16 bits on the stack; see gemm_q8_avx2.c. */
#include "kernels/kernels.h"
#include "kernels/x86/requant_avx512.h"
#include "kernels/x86/simd_avx512.h"

enum { ROWS = 7, COLS = 32, STAGE_PAIRS = 8192, DEPTH = STAGE_PAIRS / ROWS };

typedef struct stage {
  size_t stride;                  /* pairs of a row */
  int16_t codes[2 * STAGE_PAIRS]; /* [rows][stride][2] */
} stage;

static void widen_row(int16_t *to, const uint8_t *from, size_t k, uint8_t flip) {
  const __m256i flips = _mm256_set1_epi8((char)flip);
  size_t i = 0;
  for (; k - i >= 32; i += 32) {
    const __m256i codes = _mm256_loadu_si256((const __m256i *)(const void *)(from + i));
    _mm512_storeu_si512(to + i, _mm512_cvtepu8_epi16(_mm256_xor_si256(codes, flips)));
  }
  for (; i < k; i++) to[i] = from[i] ^ flip;
  if (k % 2) to[k] = 0;
}

/* Rows [m, end), depths [k, k + depth). */
static void stage_fill(stage *staged, const mn_gemm_q8_args *args, size_t m, size_t end, size_t k,
                       size_t depth) {
  staged->stride = (depth + 1) / 2;
  for (size_t i = m; i < end; i++) {
    widen_row(staged->codes + (i - m) * staged->stride * 2, args->a + i * args->a_stride + k, depth,
              args->flip);
  }
}

/* sums[rows][2] += `count` pairs of a times one panel of b; `vectors` of 16 columns are live. */
MN_INLINE void multiply(__m512i (*sums)[2], const int16_t *a, size_t stride, const int16_t *b,
                        size_t count, const int rows, const int vectors) {
  __m512i sum[ROWS][2];
  MN_UNROLL for (int i = 0; i < rows; i++) {
    MN_UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = sums[i][j];
  }
  for (size_t p = 0; p < count; p++, b += 2 * COLS) {
    __m512i w[2];
    MN_UNROLL for (int j = 0; j < vectors; j++) w[j] = _mm512_loadu_si512(b + 32 * j);
    MN_UNROLL for (int i = 0; i < rows; i++) {
      int32_t pair;
      memcpy(&pair, a + 2 * ((size_t)i * stride + p), sizeof pair);
      const __m512i x = _mm512_set1_epi32(pair);
      MN_UNROLL for (int j = 0; j < vectors; j++) {
        accumulate_avx512(&sum[i][j], _mm512_madd_epi16(x, w[j]));
      }
    }
  }
  MN_UNROLL for (int i = 0; i < rows; i++) {
    MN_UNROLL for (int j = 0; j < vectors; j++) sums[i][j] = sum[i][j];
  }
}

MN_INLINE void multiply_rows(__m512i (*sums)[2], const int16_t *a, size_t stride, const int16_t *b,
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

/* Rows [m, end) of the panel at column n. A depth beyond the stage is done in parts. */
MN_INLINE void panel(const mn_gemm_q8_args *args, stage *staged, size_t m, size_t end, size_t n,
                     const int vectors) {
  const int16_t *b = (const int16_t *)args->b + n * ((args->k + 1) & ~(size_t)1);
  const requant_avx512 requant = requant_load_avx512(&args->requant, n, vectors);
  const __mmask16 last = first_lanes_avx512(args->n - n - (size_t)(16 * (vectors - 1)));
  for (size_t i = m; i < end; i += ROWS) {
    const size_t rows = end - i < ROWS ? end - i : ROWS;
    __m512i sums[ROWS][2];
    for (size_t j = 0; j < rows; j++) {
      MN_UNROLL for (int v = 0; v < vectors; v++) {
        sums[j][v] = _mm512_loadu_si512(args->bias + n + 16 * v);
      }
    }
    for (size_t k = 0; k < args->k; k += 2 * DEPTH) {
      const size_t depth = args->k - k < 2 * DEPTH ? args->k - k : 2 * DEPTH;
      if (args->k > 2 * DEPTH) stage_fill(staged, args, m, end, k, depth);
      const int16_t *a = staged->codes + (i - m) * staged->stride * 2;
      multiply_rows(sums, a, staged->stride, b + k * COLS, (depth + 1) / 2, rows, vectors);
    }
    for (size_t j = 0; j < rows; j++) {
      uint8_t *c = args->c + (i + j) * args->c_stride + n;
      requant_store_avx512(c, sums[j], &requant, last, vectors);
    }
  }
}

void mn_gemm_q8_7x32_avx512(const mn_gemm_q8_args *args) {
  stage staged;
  const size_t fit = STAGE_PAIRS / ((args->k + 1) / 2 + 1) / ROWS * ROWS;
  const size_t step = fit > ROWS ? fit : ROWS;
  for (size_t m = 0; m < args->m; m += step) {
    const size_t end = args->m - m > step ? m + step : args->m;
    if (args->k <= 2 * DEPTH) stage_fill(&staged, args, m, end, 0, args->k);
    for (size_t n = 0; n < args->n; n += COLS) {
      if (args->n - n > 16) {
        panel(args, &staged, m, end, n, 2);
      } else {
        panel(args, &staged, m, end, n, 1);
      }
    }
  }
}
