/* SPDX-License-Identifier: Apache-2.0
 * 8-bit matrix product for CPUs with vpdpbusd and no AVX-512: tiles of 6 rows x 16 columns, four k
 * at a time. Rows that are whole quads of unsigned codes are read in place; others are copied to
 * the stack first, a block of them once for all panels. */
#include "kernels/kernels.h"
#include "kernels/x86/dot_avxvnni.h"
#include "kernels/x86/requant_avx2.h"
#include "kernels/x86/simd_avx2.h"
#include "kernels/x86/stage_quads.h"

enum { ROWS = 6, COLS = 16, STAGE_BYTES = 32768, DEPTH = STAGE_BYTES / ROWS & ~3 };

static void copy_row(uint8_t *to, const uint8_t *from, size_t k, uint8_t flip) {
  const __m256i flips = _mm256_set1_epi8((char)flip);
  size_t i = 0;
  for (; k - i >= 32; i += 32) {
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(from + i));
    _mm256_storeu_si256((__m256i *)(void *)(to + i), _mm256_xor_si256(bytes, flips));
  }
  for (; i < k; i++) to[i] = from[i] ^ flip;
  for (; i % 4; i++) to[i] = 0;
}

static uint32_t sum_codes(const uint8_t *from, size_t k, uint8_t flip) {
  const __m256i flips = _mm256_set1_epi8((char)flip), none = _mm256_setzero_si256();
  __m256i sums = none;
  size_t i = 0;
  for (; k - i >= 32; i += 32) {
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(from + i));
    sums = _mm256_add_epi64(sums, _mm256_sad_epu8(_mm256_xor_si256(bytes, flips), none));
  }
  uint64_t part[4];
  memcpy(part, &sums, sizeof part);
  uint64_t sum = part[0] + part[1] + part[2] + part[3];
  for (; i < k; i++) sum += from[i] ^ flip;
  return (uint32_t)sum;
}

/* sums[rows][16] += `count` quads of a times one panel of b. */
MN_INLINE void multiply(__m256i *sums, const uint8_t *a, size_t stride, const int8_t *b,
                        size_t count, const int rows) {
  __m256i sum[ROWS][2];
  MN_UNROLL for (int i = 0; i < rows; i++) {
    MN_UNROLL for (int j = 0; j < 2; j++) sum[i][j] = sums[2 * i + j];
  }
  for (size_t p = 0; p < count; p++, a += 4, b += 4 * COLS) {
    const __m256i left = _mm256_loadu_si256((const __m256i *)(const void *)b);
    const __m256i right = _mm256_loadu_si256((const __m256i *)(const void *)(b + 32));
    MN_UNROLL for (int i = 0; i < rows; i++) {
      int32_t quad;
      memcpy(&quad, a + (size_t)i * stride, sizeof quad);
      const __m256i x = _mm256_set1_epi32(quad);
      dot_avxvnni(&sum[i][0], x, left);
      dot_avxvnni(&sum[i][1], x, right);
    }
  }
  MN_UNROLL for (int i = 0; i < rows; i++) {
    MN_UNROLL for (int j = 0; j < 2; j++) sums[2 * i + j] = sum[i][j];
  }
}

static void multiply_rows(__m256i *sums, const uint8_t *a, size_t stride, const int8_t *b,
                          size_t count, size_t rows) {
  switch (rows) {
    case 1: multiply(sums, a, stride, b, count, 1); break;
    case 2: multiply(sums, a, stride, b, count, 2); break;
    case 3: multiply(sums, a, stride, b, count, 3); break;
    case 4: multiply(sums, a, stride, b, count, 4); break;
    case 5: multiply(sums, a, stride, b, count, 5); break;
    default: multiply(sums, a, stride, b, count, 6); break;
  }
}

/* Rows [m, end) of the panel at column n. A depth beyond the stage is done in parts: then there is
 * but one tile of rows. */
static void panel(const mn_gemm_q8_args *args, stage *staged, size_t m, size_t end, size_t n) {
  const int8_t *b = (const int8_t *)args->b + n * ((args->k + 3) / 4 * 4);
  requant_avx2 requant;
  mn_requant_load_avx2(&requant, &args->requant, n);
  const __m256i bias[2] = {_mm256_loadu_si256((const __m256i *)(args->bias + n)),
                           _mm256_loadu_si256((const __m256i *)(args->bias + n + 8))};
  const size_t columns = args->n - n < COLS ? args->n - n : COLS;
  for (size_t i = m; i < end; i += ROWS) {
    const size_t rows = end - i < ROWS ? end - i : ROWS;
    __m256i sums[2 * ROWS];
    for (size_t j = 0; j < rows; j++) {
      const __m256i less = _mm256_set1_epi32(staged->extra[i - m + j]);
      sums[2 * j] = _mm256_sub_epi32(bias[0], less);
      sums[2 * j + 1] = _mm256_sub_epi32(bias[1], less);
    }
    for (size_t k = 0; k < args->k; k += DEPTH) {
      const size_t depth = args->k - k < DEPTH ? args->k - k : DEPTH;
      if (args->k > DEPTH) stage_fill(staged, args, m, end, k, depth);
      multiply_rows(sums, staged->rows + (i - m) * staged->stride, staged->stride, b + k * COLS,
                    (depth + 3) / 4, rows);
    }
    mn_requant_store_avx2(args->c + i * args->c_stride + n, args->c_stride, sums, rows, columns,
                          &requant);
  }
}

static void run_block(const mn_gemm_q8_args *args, stage *staged, size_t m, size_t end) {
  if (args->k <= DEPTH) stage_fill(staged, args, m, end, 0, args->k);
  for (size_t i = m; i < end; i++) {
    const uint8_t *row = args->a + i * args->a_stride;
    const uint32_t sum = args->w_zero ? sum_codes(row, args->k, args->flip) : 0;
    staged->extra[i - m] = (int32_t)((uint32_t)args->w_zero * sum);
  }
  for (size_t n = 0; n < args->n; n += COLS) panel(args, staged, m, end, n);
}

void mn_gemm_q8s_6x16_avxvnni(const mn_gemm_q8_args *args) {
  uint8_t codes[STAGE_BYTES];
  stage staged;
  staged.rows = staged.codes = codes;
  staged.stride = 0;
  staged.copy_row = copy_row;
  const size_t step = stage_rows(STAGE_BYTES, args, ROWS);
  for (size_t m = 0; m < args->m; m += step) {
    run_block(args, &staged, m, args->m - m > step ? m + step : args->m);
  }
}
