/* SPDX-License-Identifier: Apache-2.0
 * Float matrix product, the same for every width of vector. A tile is ROWS rows by two vectors of
 * columns, its sums in registers; a panel with one vector of columns is done by twice the rows, and
 * where there are 32 registers any panel is, which halves what beginning and ending a tile costs. A
 * panel of weights goes by DEPTH products at a time, few enough for the piece to stay in L1 while
 * rows pass; meanwhile sums wait in c, which changes no bit of them. Rows go in blocks that stay in
 * L2 while all panels pass. One row (dense layers) takes four panels at once, to have enough sums
 * in flight. The including file brings lanes_avx512.h, or this one lanes_avx2.h. */
#ifndef MN_KERNELS_X86_GEMM_F32_TILE_H
#define MN_KERNELS_X86_GEMM_F32_TILE_H

#include "kernels/kernels.h"
#include "kernels/x86/fetch_lines.h"
#ifdef MN_KERNELS_X86_LANES_AVX512_H
enum { ROWS = 7, SHORT = 0, TALL_WIDE = 1, SWISH_APART = 1, BLOCK_FLOATS = 96 * 1024 };
#else
#include "kernels/x86/lanes_avx2.h"
enum { ROWS = 6, SHORT = 5, TALL_WIDE = 0, SWISH_APART = 0, BLOCK_FLOATS = 40 * 1024 };
#endif

enum { COLS = 2 * LANES, TALL = 2 * ROWS, DEPTH = 256, LINE = 64, ALIAS = 4096 };

/* What later layers need, to be fetched meanwhile. */
typedef struct fetches {
  const char *at, *end;
} fetches;

/* Products of the panel at column n: of `segments` segments from `segment` on the products [from,
 * to). */
typedef struct piece {
  const mn_gemm_f32_args *args;
  size_t n, segment, segments, from, to;
  bool last;        /* nothing is left to add */
  const char *next; /* where the next piece's weights are fetched from, bytes of them for each */
  size_t next_step; /* product of a tile that fetches them, */
  size_t tiles;     /* and tiles so far */
  fetches *ahead;
  lanes_live live[2]; /* of the panel's vectors */
} piece;

/* Some of its rows; those that do not exist repeat the last. */
typedef struct piece_rows {
  size_t m, count;
} piece_rows;

MN_INLINE piece panel_at(const mn_gemm_f32_args *args, fetches *ahead, size_t n) {
  const size_t left = args->n - n;
  piece x = {.args = args, .n = n, .ahead = ahead, .live = {first_lanes(left)}};
  x.live[1] = first_lanes(left > LANES ? left - LANES : 0);
  return x;
}

/* The first weights of a piece. */
MN_INLINE const float *weights_of(const piece *x) {
  return x->args->b + x->n * x->args->k + (x->segment * x->args->segment + x->from) * COLS;
}

/* Sums before the first product of a piece: the bias, or what the piece before left in c; a panel
 * that is not full is one piece, since it cannot be read in whole vectors. */
MN_INLINE void begin_sums(const piece *x, piece_rows at, lanes *sum, const int height,
                          const int vectors) {
  const mn_gemm_f32_args *args = x->args;
  if (vectors == 1 || (x->from == 0 && x->segment == 0)) {
    MN_UNROLL for (int i = 0; i < height * vectors; i++) {
      sum[i] = load_lanes(args->bias + x->n + i % vectors * LANES);
    }
    return;
  }
  const float *from = args->c + at.m * args->c_stride + x->n;
  MN_UNROLL for (int i = 0; i < height; i++) {
    MN_UNROLL for (int j = 0; j < vectors; j++) sum[vectors * i + j] = load_lanes(from + LANES * j);
    if ((size_t)i + 1 < at.count) from += args->c_stride;
    __asm__("" : "+r"(from)); /* one pointer that moves, not one for each row */
  }
}

/* Where the lines lie that a tile fetches, one with each product: those of the next piece by every
 * other tile, spread over all of these; and what is ahead by the others. */
static __attribute__((noinline)) fetch fetch_of_tile(piece *x, size_t products) {
  const bool other = x->tiles++ % 2 == 1 && x->ahead->at < x->ahead->end;
  const fetch lines = {other ? x->ahead->at : x->next, other ? LINE : x->next_step};
  *(other ? &x->ahead->at : &x->next) += products * lines.step;
  return lines;
}

/* Rows of sums, COLS apart, through the layer's activation into c: `count` columns. */
static __attribute__((noinline)) void finish_rows(const mn_gemm_f32_args *args, const float *sums,
                                                  float *c, size_t rows, size_t count) {
  const lanes lo = set_lanes(args->finish.lo), hi = set_lanes(args->finish.hi);
  const lanes_live live[2] = {first_lanes(count), first_lanes(count > LANES ? count - LANES : 0)};
  for (size_t i = 0; i < rows; i++, sums += COLS, c += args->c_stride) {
    MN_UNROLL for (int j = 0; j < 2; j++) {
      if (j == 1 && count <= LANES) break;
      const lanes x = load_lanes(sums + LANES * j);
      const lanes y = args->finish.hard_swish ? hard_swish_lanes(x) : clamp_lanes(x, lo, hi);
      store_first(c + LANES * j, y, live[j]);
    }
  }
}

/* Sums after the last product of a piece, into c; by way of the stack where a panel is not full and
 * writing a part of a vector is slow, and for hard-swish where 28 sums would be a kilobyte of code
 * that is no faster. */
MN_INLINE void end_sums(const piece *x, piece_rows at, lanes *sum, const int height,
                        const int vectors) {
  const mn_gemm_f32_args *args = x->args;
  const size_t count = args->n - x->n, most = (size_t)(vectors * LANES);
  const bool partial = WHOLE_IS_FASTER && count < most;
  const lanes_live first = x->live[0], second = x->live[1];
  const size_t stride = args->c_stride;
  float *c = args->c + at.m * args->c_stride + x->n, sums[TALL * COLS];
  if (partial || (SWISH_APART && x->last && args->finish.hard_swish)) {
    float *to = sums;
    MN_UNROLL for (int i = 0; i < height; i++, to += COLS) {
      MN_UNROLL for (int j = 0; j < vectors; j++) store_lanes(to + LANES * j, sum[vectors * i + j]);
    }
    finish_rows(args, sums, c, at.count, count < most ? count : most);
    return;
  }
  if (!SWISH_APART && x->last && args->finish.hard_swish) {
    MN_UNROLL for (int i = 0; i < height * vectors; i++) sum[i] = hard_swish_lanes(sum[i]);
  } else if (x->last) {
    const lanes lo = set_lanes(args->finish.lo), hi = set_lanes(args->finish.hi);
    MN_UNROLL for (int i = 0; i < height * vectors; i++) sum[i] = clamp_lanes(sum[i], lo, hi);
  }
  MN_UNROLL for (int i = 0; i < height; i++, c += stride) {
    if ((size_t)i >= at.count) break;
    __asm__("" : "+r"(c));
    if (WHOLE_IS_FASTER) {
      store_lanes(c, sum[vectors * i]);
      if (vectors == 2) store_lanes(c + LANES, sum[2 * i + 1]);
    } else {
      store_first(c, sum[vectors * i], first);
      if (vectors == 2) store_first(c + LANES, sum[2 * i + 1], second);
    }
  }
}

/* At most `rows` rows by two vectors. */
MN_INLINE void wide_tile(piece *x, piece_rows at, const int rows) {
  const mn_gemm_f32_args *args = x->args;
  const size_t depth = x->to - x->from;
  const float *b = weights_of(x);
  fetch lines = fetch_of_tile(x, x->segments * depth);
  const float *row[ROWS];
  lanes sum[ROWS * 2];
  begin_sums(x, at, sum, rows, 2);
  for (size_t s = x->segment; s < x->segment + x->segments; s++) {
    row[0] = args->a[s] + at.m * args->a_stride + x->from;
    MN_UNROLL for (int i = 1; i < rows; i++) {
      row[i] = row[i - 1] + ((size_t)i < at.count ? args->a_stride : 0);
    }
    for (size_t p = 0; p < depth; p++, b += COLS, lines.at += lines.step) {
      const lanes w0 = load_lanes(b), w1 = load_lanes(b + LANES);
      _mm_prefetch(lines.at, _MM_HINT_T1);
      MN_UNROLL for (int i = 0; i < rows; i++) {
        const lanes value = set_lanes(row[i][p]);
        sum[2 * i] = multiply_add(value, w0, sum[2 * i]);
        sum[2 * i + 1] = multiply_add(value, w1, sum[2 * i + 1]);
      }
    }
  }
  end_sums(x, at, sum, rows, 2);
}
static __attribute__((noinline)) void tile(piece *x, piece_rows at) { wide_tile(x, at, ROWS); }
static __attribute__((noinline)) void short_tile(piece *x, piece_rows at) {
  wide_tile(x, at, SHORT);
}

/* TALL rows by one or two vectors. So many row pointers would not fit the registers: five rows are
 * reached from one base by multiples of two strides. */
MN_INLINE void tall_tile(piece *x, size_t m, const int vectors) {
  const mn_gemm_f32_args *args = x->args;
  const piece_rows at = {m, TALL};
  const float *b = weights_of(x);
  fetch lines = fetch_of_tile(x, x->segments * (x->to - x->from));
  size_t stride = args->a_stride * sizeof(float), thrice = 3 * stride;
  __asm__("" : "+r"(stride), "+r"(thrice)); /* not to be undone */
  lanes sum[TALL * 2];
  begin_sums(x, at, sum, TALL, vectors);
  for (size_t s = x->segment; s < x->segment + x->segments; s++) {
    const char *base[3] = {(const char *)(args->a[s] + m * args->a_stride + x->from)};
    const char *end = base[0] + (x->to - x->from) * sizeof(float);
    base[1] = base[0] + 5 * stride;
    base[2] = base[1] + 5 * stride;
    __asm__("" : "+r"(base[1]), "+r"(base[2]));
    for (; base[0] < end; b += COLS, lines.at += lines.step) {
      const lanes w0 = load_lanes(b), w1 = load_lanes(b + LANES);
      _mm_prefetch(lines.at, _MM_HINT_T1);
      MN_UNROLL for (int i = 0; i < TALL; i++) {
        const char *from = base[i / 5] + (i % 5 == 3 ? thrice : (size_t)(i % 5) * stride);
        const lanes value = set_lanes(*(const float *)(const void *)from);
        sum[vectors * i] = multiply_add(value, w0, sum[vectors * i]);
        if (vectors == 2) sum[2 * i + 1] = multiply_add(value, w1, sum[2 * i + 1]);
      }
      MN_UNROLL for (int i = 0; i < 3; i++) base[i] += sizeof(float);
    }
  }
  end_sums(x, at, sum, TALL, vectors);
}

/* Rows [m, end) of a piece, as far as whole tiles go; the row after them. */
MN_INLINE size_t tall_tiles(piece *x, size_t m, size_t end, const int vectors) {
  for (; end - m >= TALL; m += TALL) tall_tile(x, m, vectors);
  return m;
}
static __attribute__((noinline)) size_t tall_narrow(piece *x, size_t m, size_t end) {
  return tall_tiles(x, m, end, 1);
}
static __attribute__((noinline)) size_t tall_wide(piece *x, size_t m, size_t end) {
  return TALL_WIDE ? tall_tiles(x, m, end, 2) : m;
}

/* How many short tiles make whole ones of the others' rows. */
MN_INLINE size_t short_tiles(size_t rows) {
  const size_t count = (ROWS - rows % ROWS) % ROWS;
  return SHORT > 0 && count * SHORT <= rows ? count : 0;
}

/* Whether all rows lie in one set of L1, which has 8 to 12 lines: tall tiles, of more rows than
 * that, would find their lines gone each time. Of 7x7 with 1024 channels this costs a fifth. */
MN_INLINE bool rows_collide(const mn_gemm_f32_args *args) {
  return args->a_stride * sizeof(float) % ALIAS == 0;
}

/* Rows [m, end) of a piece. */
static void rows_of_piece(piece *x, size_t m, size_t end) {
  if (!rows_collide(x->args)) {
    m = x->args->n - x->n <= LANES ? tall_narrow(x, m, end) : tall_wide(x, m, end);
  }
  for (size_t left = short_tiles(end - m); left > 0; left--, m += SHORT) {
    short_tile(x, (piece_rows){m, SHORT});
  }
  for (; m < end; m += ROWS) tile(x, (piece_rows){m, end - m < ROWS ? end - m : ROWS});
}

/* Row m, four panels from column n; those that do not exist repeat the last, unseen. */
static void one_row(const mn_gemm_f32_args *args, size_t m, size_t n) {
  const size_t k = args->k, left = (args->n - n + COLS - 1) / COLS;
  const float *a = args->a[0] + m * args->a_stride;
  const float *b[4];
  lanes sum[8];
  MN_UNROLL for (int j = 0; j < 4; j++) {
    const size_t panel = n + ((size_t)j < left ? (size_t)j : left - 1) * COLS;
    b[j] = args->b + panel * k;
    sum[2 * j] = load_lanes(args->bias + panel);
    sum[2 * j + 1] = load_lanes(args->bias + panel + LANES);
  }
  for (size_t p = 0; p < k; p++) {
    const lanes x = set_lanes(a[p]);
    MN_UNROLL for (int j = 0; j < 8; j++) {
      const float *w = b[j / 2] + p * COLS + LANES * (j % 2);
      sum[j] = multiply_add(x, load_lanes(w), sum[j]);
    }
  }
  float sums[4 * COLS];
  MN_UNROLL for (int j = 0; j < 8; j++) store_lanes(sums + LANES * j, sum[j]);
  for (size_t j = 0; j < 4 * COLS && n + j < args->n; j += COLS) {
    const size_t count = args->n - n - j < COLS ? args->n - n - j : COLS;
    finish_rows(args, sums + j, args->c + m * args->c_stride + n + j, 1, count);
  }
}

/* One panel for rows [m, end): all segments at once when they are short, else DEPTH products of
 * one at a time. */
static __attribute__((noinline)) void panel(piece x, size_t m, size_t end) {
  const mn_gemm_f32_args *args = x.args;
  const bool whole = args->k <= DEPTH || args->n - x.n < COLS;
  const size_t pieces = whole ? 1 : (args->segment + DEPTH - 1) / DEPTH;
  const size_t depth = (args->segment + pieces - 1) / pieces;
  const size_t height = TALL_WIDE || args->n - x.n <= LANES ? TALL : ROWS;
  size_t tiles = (end - m + height - 1) / height;
  if (x.ahead->at < x.ahead->end) tiles = (tiles + 1) / 2;
  x.next_step = (COLS * sizeof(float) + tiles - 1) / tiles;
  x.segments = whole ? args->segments : 1;
  for (; x.segment < args->segments; x.segment += x.segments) {
    for (x.from = 0; x.from < args->segment; x.from = x.to) {
      x.to = args->segment - x.from < depth ? args->segment : x.from + depth;
      x.last = x.segment + x.segments == args->segments && x.to == args->segment;
      x.next = (const char *)(weights_of(&x) + x.segments * (x.to - x.from) * COLS);
      x.tiles = 0;
      rows_of_piece(&x, m, end);
    }
  }
}

/* Rows [m, end), all columns. */
static void block(const mn_gemm_f32_args *args, fetches *ahead, size_t m, size_t end) {
  if (end - m == 1 && args->segments == 1) {
    for (size_t n = 0; n < args->n; n += 4 * COLS) one_row(args, m, n);
    return;
  }
  for (size_t n = 0; n < args->n; n += COLS) panel(panel_at(args, ahead, n), m, end);
}

MN_INLINE void product(const mn_gemm_f32_args *args) {
  const size_t fit = BLOCK_FLOATS / (args->k + 1) / TALL * TALL;
  const size_t step = fit > TALL ? fit : TALL;
  fetches ahead = {args->ahead, args->ahead};
  if (args->ahead_bytes > 0) ahead.end += args->ahead_bytes;
  for (size_t m = 0; m < args->m; m += step) {
    block(args, &ahead, m, args->m - m > step ? m + step : args->m);
  }
}
#endif
