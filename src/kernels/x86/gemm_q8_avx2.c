/* SPDX-License-Identifier: Apache-2.0
 * 8-bit matrix product, tiles of 6 rows x 16 columns, two k at a time: vpmaddwd multiplies pairs
 * of 16-bit values and adds them exactly. A block of rows of a is widened once to 16 bits on the
 * stack and then read as 32-bit broadcasts by every panel of b; broadcasts from memory cost no
 * arithmetic slot, widening in the inner loop would. Sums pass through memory between the product
 * and the requantization, which keeps each loop within the registers. */
#include "kernels/kernels.h"
#include "kernels/x86/fetch_lines.h"
#include "kernels/x86/requant_avx2.h"
#include "kernels/x86/simd_avx2.h"

enum { ROWS = 6, COLS = 16, STAGE_PAIRS = 8192, DEPTH = STAGE_PAIRS / ROWS };

typedef struct stage {
  size_t stride;                  /* pairs of a row */
  int16_t codes[2 * STAGE_PAIRS]; /* [rows][stride][2] */
} stage;

/* 16 bytes -> 16 unsigned codes of 16 bits. */
MN_INLINE void widen_16(int16_t *to, const uint8_t *from, __m128i flips) {
  const __m128i codes = _mm_xor_si128(_mm_loadu_si128((const __m128i *)from), flips);
  _mm256_storeu_si256((__m256i *)to, _mm256_cvtepu8_epi16(codes));
}

/* The last 16 overlap those before them; an odd k ends with a zero. */
static void widen_row(int16_t *to, const uint8_t *from, size_t k, uint8_t flip) {
  const __m128i flips = _mm_set1_epi8((char)flip);
  size_t i = 0;
  for (; k - i >= 16; i += 16) widen_16(to + i, from + i, flips);
  if (i < k && k >= 16) {
    widen_16(to + k - 16, from + k - 16, flips);
  } else {
    for (; i < k; i++) to[i] = from[i] ^ flip;
  }
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

MN_INLINE __m256i broadcast_pair(const int16_t *from) {
  int32_t pair;
  memcpy(&pair, from, sizeof pair);
  return _mm256_set1_epi32(pair);
}

/* sums[rows][16] += `count` pairs of a times one panel of b. */
MN_INLINE void multiply(__m256i *sums, const int16_t *a, size_t stride, const int16_t *b,
                        size_t count, fetch lines, const int rows) {
  __m256i sum[ROWS][2];
  MN_UNROLL for (int i = 0; i < rows; i++) {
    MN_UNROLL for (int j = 0; j < 2; j++) sum[i][j] = sums[2 * i + j];
  }
  for (size_t p = 0; p < count; p++, b += 2 * COLS, lines.at += lines.step) {
    __m256i w[2];
    _mm_prefetch(lines.at, _MM_HINT_T1);
    MN_UNROLL for (int j = 0; j < 2; j++) {
      w[j] = _mm256_loadu_si256((const __m256i *)(b + 16 * j));
    }
    MN_UNROLL for (int i = 0; i < rows; i++) {
      const __m256i x = broadcast_pair(a + 2 * ((size_t)i * stride + p));
      MN_UNROLL for (int j = 0; j < 2; j++) {
        accumulate_avx2(&sum[i][j], _mm256_madd_epi16(x, w[j]));
      }
    }
  }
  MN_UNROLL for (int i = 0; i < rows; i++) {
    MN_UNROLL for (int j = 0; j < 2; j++) sums[2 * i + j] = sum[i][j];
  }
}

MN_INLINE void multiply_rows(__m256i *sums, const int16_t *a, size_t stride, const int16_t *b,
                             size_t count, fetch lines, size_t rows) {
  switch (rows) {
    case 1: multiply(sums, a, stride, b, count, lines, 1); break;
    case 2: multiply(sums, a, stride, b, count, lines, 2); break;
    case 3: multiply(sums, a, stride, b, count, lines, 3); break;
    case 4: multiply(sums, a, stride, b, count, lines, 4); break;
    case 5: multiply(sums, a, stride, b, count, lines, 5); break;
    default: multiply(sums, a, stride, b, count, lines, 6); break;
  }
}

/* What tiles fetch while rows [m, end) meet the panel at column n: the next one, or the first again
 * for the rows after these. */
static fetch fetch_after(const mn_gemm_q8_args *args, size_t m, size_t end, size_t n) {
  const size_t tiles = (end - m + ROWS - 1) / ROWS, pairs = (args->k + 1) / 2;
  const bool again = n + COLS >= args->n && end < args->m;
  const int16_t *next = (const int16_t *)args->b + (again ? 0 : (n + COLS) * 2 * pairs);
  return fetch_panel_by(tiles, next, 2 * COLS * sizeof *next);
}

/* Rows [m, end) of the panel at column n. A depth beyond the stage is done in parts. */
static void panel(const mn_gemm_q8_args *args, stage *staged, size_t m, size_t end, size_t n) {
  const int16_t *b = (const int16_t *)args->b + n * ((args->k + 1) & ~(size_t)1);
  requant_avx2 requant;
  mn_requant_load_avx2(&requant, &args->requant, n);
  const __m256i bias[2] = {_mm256_loadu_si256((const __m256i *)(args->bias + n)),
                           _mm256_loadu_si256((const __m256i *)(args->bias + n + 8))};
  const size_t count = args->n - n < COLS ? args->n - n : COLS;
  fetch lines = fetch_after(args, m, end, n);
  for (size_t i = m; i < end; i += ROWS) {
    const size_t rows = end - i < ROWS ? end - i : ROWS;
    __m256i sums[2 * ROWS];
    for (size_t j = 0; j < rows; j++) sums[2 * j] = bias[0], sums[2 * j + 1] = bias[1];
    for (size_t k = 0; k < args->k; k += 2 * DEPTH) {
      const size_t depth = args->k - k < 2 * DEPTH ? args->k - k : 2 * DEPTH;
      if (args->k > 2 * DEPTH) stage_fill(staged, args, m, end, k, depth);
      const int16_t *a = staged->codes + (i - m) * staged->stride * 2;
      multiply_rows(sums, a, staged->stride, b + k * COLS, (depth + 1) / 2, lines, rows);
      lines.at += (depth + 1) / 2 * lines.step;
    }
    uint8_t *c = args->c + i * args->c_stride + n;
    mn_requant_store_avx2(c, args->c_stride, sums, rows, count, &requant);
  }
}

void mn_gemm_q8_6x16_avx2(const mn_gemm_q8_args *args) {
  stage staged;
  const size_t fit = STAGE_PAIRS / ((args->k + 1) / 2 + 1) / ROWS * ROWS;
  const size_t step = fit > ROWS ? fit : ROWS;
  for (size_t m = 0; m < args->m; m += step) {
    const size_t end = args->m - m > step ? m + step : args->m;
    if (args->k <= 2 * DEPTH) stage_fill(&staged, args, m, end, 0, args->k);
    for (size_t n = 0; n < args->n; n += COLS) panel(args, &staged, m, end, n);
  }
}
