/* SPDX-License-Identifier: Apache-2.0
 * 8-bit matrix product, tiles of 6 rows x 64 columns, four k at a time by vpdpbusd. Where rows are
 * whole quads of unsigned codes they are read in place; otherwise a block of them is copied to the
 * stack first. 6 x 4 sums, 4 vectors of weights and one of codes fill the registers; the weights of
 * a quad are read once for six rows. */
#include "kernels/kernels.h"
#include "kernels/x86/requant_avx512.h"
#include "kernels/x86/simd_avx512.h"
#include "kernels/x86/stage_quads.h"

enum { ROWS = 6, COLS = 64, STAGE_BYTES = 65536, STRIP = 24, DEPTH = STAGE_BYTES / ROWS & ~63 };

static void copy_row(uint8_t *to, const uint8_t *from, size_t k, uint8_t flip) {
  const __m512i flips = _mm512_set1_epi8((char)flip);
  for (size_t i = 0; i < k; i += 64) {
    const __mmask64 live = first_bytes_avx512(k - i);
    const __m512i codes = _mm512_maskz_loadu_epi8(live, from + i);
    _mm512_mask_storeu_epi8(to + i, live, _mm512_xor_si512(codes, flips));
  }
  for (; k % 4; k++) to[k] = 0;
}

/* Sums to begin with: from[rows][vectors], rows `from_stride` vectors apart. Where all are one row,
 * as biases are, it is read once: copies of registers cost nothing, another load each would. */
MN_INLINE void begin_sums(__m512i sum[ROWS][4], const __m512i *from, size_t from_stride,
                          const int rows, const int vectors) {
  MN_UNROLL for (int j = 0; j < vectors; j++) sum[0][j] = _mm512_loadu_si512(from + j);
  if (from_stride > 0) {
    MN_UNROLL for (int i = 1; i < rows; i++) {
      from += from_stride;
      MN_UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = _mm512_loadu_si512(from + j);
    }
    return;
  }
  MN_UNROLL for (int i = 1; i < rows; i++) {
    MN_UNROLL for (int j = 0; j < vectors; j++) sum[i][j] = copy_avx512(sum[0][j]);
  }
}

/* A quad of a row times the weights. */
MN_INLINE void add_quad(__m512i *sum, const uint8_t *a, const __m512i *w, const int vectors) {
  int32_t quad;
  memcpy(&quad, a, sizeof quad);
  const __m512i x = _mm512_set1_epi32(quad);
  MN_UNROLL for (int j = 0; j < vectors; j++) dot_avx512(&sum[j], x, w[j]);
}

/* sums[rows][vectors] = from[rows][vectors] + `count` quads of a times one panel of b. `vectors` of
 * 16 columns are live. With the last quad every row is written as soon as it is done: 24 vectors in
 * a row would keep the next tile's products out of the processor's queues for as many cycles. */
MN_INLINE void multiply(__m512i *sums, const __m512i *from, size_t from_stride, const uint8_t *a,
                        size_t stride, const int8_t *b, size_t count, const int rows,
                        const int vectors) {
  __m512i sum[ROWS][4], w[4];
  begin_sums(sum, from, from_stride, rows, vectors);
  for (size_t p = 1; p < count; p++, a += 4, b += 4 * COLS) {
    MN_UNROLL for (int j = 0; j < vectors; j++) w[j] = _mm512_loadu_si512(b + 64 * j);
    MN_UNROLL for (int i = 0; i < rows; i++) {
      add_quad(sum[i], a + (size_t)i * stride, w, vectors);
    }
  }
  MN_UNROLL for (int j = 0; j < vectors; j++) w[j] = _mm512_loadu_si512(b + 64 * j);
  MN_UNROLL for (int i = 0; i < rows; i++) {
    add_quad(sum[i], a + (size_t)i * stride, w, vectors);
    MN_UNROLL for (int j = 0; j < vectors; j++) sums[i * vectors + j] = sum[i][j];
    __asm__("" : : : "memory"); /* now, not later */
  }
}

/* One loop for every tile. */
typedef void multiply_fn(__m512i *sums, const __m512i *from, size_t from_stride, const uint8_t *a,
                         size_t stride, const int8_t *b, size_t count);
/* clang-format off */
#define MULTIPLY(rows, vectors)                                                                   \
  static void multiply_##rows##x##vectors(__m512i *sums, const __m512i *from, size_t from_stride, \
                                          const uint8_t *a, size_t stride, const int8_t *b,       \
                                          size_t count) {                                         \
    multiply(sums, from, from_stride, a, stride, b, count, rows, vectors);                        \
  }
MULTIPLY(6, 1) MULTIPLY(6, 2) MULTIPLY(6, 4) MULTIPLY(5, 4) MULTIPLY(1, 4)

/* Single rows are few: they take all four vectors, the rows after them write over the excess. */
static multiply_fn *multiply_of(size_t rows, size_t vectors) {
  if (rows < ROWS) return rows == 1 ? multiply_1x4 : multiply_5x4;
  return vectors == 1 ? multiply_6x1 : vectors == 2 ? multiply_6x2 : multiply_6x4;
}
/* clang-format on */

/* One panel, columns [n, n + count), and the strip of it that waits to become codes: rows
 * [first, end) of the block. */
typedef struct panel {
  const mn_gemm_q8_args *args;
  stage *staged;
  size_t m; /* the block's first row */
  const int8_t *b;
  size_t n, count;
  size_t vectors; /* 1, 2 or 4 that hold them */
  requant_avx512 requant;
  size_t first, end;
  __m512i sums[4 * STRIP + 4];
} panel;

static void flush(panel *x) {
  const mn_gemm_q8_args *args = x->args;
  uint8_t *c = args->c + (x->m + x->first) * args->c_stride + x->n;
  mn_requant_store_avx512(c, args->c_stride, x->sums, x->end - x->first, (int)x->vectors, x->count,
                          &x->requant);
  x->first = x->end;
}

/* bias - w_zero * the row's codes: modulo 2^32 on the way, exact at the end. */
static void start_sums(const panel *x, size_t row, size_t rows, __m512i *sums) {
  const int32_t *bias = x->args->bias + x->n;
  for (size_t i = 0; i < rows; i++, sums += x->vectors) {
    const __m512i less = _mm512_set1_epi32(x->staged->extra[row + i]);
    for (size_t j = 0; j < x->vectors; j++) {
      sums[j] = _mm512_sub_epi32(_mm512_loadu_si512(bias + 16 * j), less);
    }
  }
}

/* Rows [end, end + rows) of the block join the strip. */
static void tile(panel *x, size_t rows) {
  const mn_gemm_q8_args *args = x->args;
  stage *staged = x->staged;
  multiply_fn *const run = multiply_of(rows, x->vectors);
  if (x->end + rows - x->first > STRIP) flush(x);
  const size_t row = x->end;
  __m512i *sums = x->sums + (row - x->first) * x->vectors;
  const __m512i *from = (const __m512i *)(const void *)(args->bias + x->n);
  if (args->w_zero) start_sums(x, row, rows, sums), from = sums;
  for (size_t k = 0; k < args->k; k += DEPTH) {
    const size_t depth = args->k - k < DEPTH ? args->k - k : DEPTH;
    const uint8_t *a = staged->rows + row * staged->stride;
    if (args->k > DEPTH) {
      stage_fill(staged, args, x->m + row, x->m + row + rows, k, depth);
      a = staged->rows;
    }
    const size_t apart = from == sums ? x->vectors : 0;
    run(sums, from, apart, a, staged->stride, x->b + k * COLS, (depth + 3) / 4);
    from = sums;
  }
  x->end = row + rows;
}

/* Fives and sixes make any count from 20 up. Where they do not, or with few columns, the last six
 * rows overlap those before them: they are written twice, alike. */
static void run_panel(panel *x, size_t count) {
  const size_t fives = count % ROWS && x->vectors == 4 ? ROWS - count % ROWS : 0;
  x->first = x->end = 0;
  for (size_t i = 0; i < fives && 5 * fives <= count; i++) tile(x, 5);
  while (count - x->end >= ROWS) tile(x, ROWS);
  if (x->end < count && count >= ROWS) {
    flush(x);
    x->first = x->end = count - ROWS;
    tile(x, ROWS);
  }
  while (x->end < count) tile(x, 1);
  flush(x);
}

static void run_block(const mn_gemm_q8_args *args, stage *staged, size_t m, size_t count) {
  if (args->k <= DEPTH) stage_fill(staged, args, m, m + count, 0, args->k);
  for (size_t i = 0; i < count; i++) {
    const uint8_t *row = args->a + (m + i) * args->a_stride;
    const uint32_t sum = args->w_zero ? (uint32_t)mn_sum_codes_avx512(row, args->k, args->flip) : 0;
    staged->extra[i] = (int32_t)((uint32_t)args->w_zero * sum);
  }
  const size_t panel_bytes = (args->k + 3) / 4 * 4 * COLS;
  panel x; /* large: its sums are written before they are read */
  x.args = args, x.staged = staged, x.m = m, x.b = args->b;
  for (x.n = 0; x.n < args->n; x.n += COLS, x.b += panel_bytes) {
    x.count = args->n - x.n < COLS ? args->n - x.n : COLS;
    x.vectors = x.count > 32 ? 4 : x.count > 16 ? 2 : 1;
    mn_requant_load_avx512(&x.requant, &args->requant, x.n, (int)x.vectors);
    run_panel(&x, count);
  }
}

void mn_gemm_q8s_6x64_avx512vnni(const mn_gemm_q8_args *args) {
  uint8_t codes[STAGE_BYTES];
  stage staged;
  staged.rows = staged.codes = codes;
  staged.stride = 0;
  staged.copy_row = copy_row;
  /* Fives are for whole panels. */
  const size_t step = stage_rows(STAGE_BYTES, args, args->n % COLS ? ROWS : 1);
  for (size_t m = 0; m < args->m; m += step) {
    run_block(args, &staged, m, args->m - m > step ? step : args->m - m);
  }
}
