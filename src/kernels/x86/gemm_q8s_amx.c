/* SPDX-License-Identifier: Apache-2.0
 * 8-bit matrix product on AMX tiles: blocks of 32 rows x 64 columns, 64 k a step. Activations are
 * read where they lie, signed ones as signed bytes (bias_signed makes up for it), and weights as
 * vpdpbusd's panels have them: 16 columns of 16 quads are a tile, its rows 256 bytes apart.
 *
 * Tile instructions hardly pass one another, and their results come late: while a block is
 * multiplied, the sums of the one before it are stored, each tile just before it is needed again,
 * and vectors requantize the one before that, a few rows after each product. Weights of a network
 * exceed the L2 cache, so that a panel's are fetched while the one before it is multiplied. */
#include "kernels/kernels.h"
#include "kernels/x86/requant_avx512.h"
#include "kernels/x86/tiles_amx.h"

enum {
  TILE = 16, /* rows, and columns of sums */
  SIDE = 2 * TILE,
  COLS = 64,        /* of a panel */
  QUADS = 4 * COLS, /* bytes of a quad of k of all columns */
  DEPTH = 64,       /* most k of a step */
  MOST_ROWS = 512,
  FETCHED_K = 512,
  FEW_ROWS = 4 /* are not worth a configuration */
};

/* Tiles 0 to 3 are sums, [upper, lower rows][left, right columns]; the others are operands. */
#define UPPER 4
#define LOWER 5
#define LEFT 6
#define RIGHT 7

/* Rows times a panel's columns, on their way to codes. */
typedef struct block {
  const requant_avx512 *requant;
  __m512i *sums; /* [rows][vectors] */
  uint8_t *c;
  size_t vectors, count; /* 1, 2 or 4 vectors of columns, of which `count` are live */
} block;

/* What is constant while some rows meet all weights, and what is under way. */
typedef struct product {
  const mn_gemm_q8_args *args;
  const uint8_t *a;
  size_t rows;            /* of a block, at most SIDE */
  size_t depth, steps;    /* k of a step; the last step ends at the end of k and may overlap */
  const int8_t *b, *last; /* a panel, and its last step's weights */
  const int8_t *ahead;    /* what is fetched next, so many lines with each step */
  size_t fetches;
  block now, before;
  __m512i *left;      /* where sums go that tiles still hold; NULL: none */
  size_t left_stride; /* in vectors */
  bool left_wide;
  int32_t extra[MOST_ROWS];       /* w_zero times a row's codes */
  int8_t tail[DEPTH / 4 * QUADS]; /* weights of an overlapping step, those of its overlap zero */
} product;

/* As many equal steps as there must be; where quads do not divide so, full ones. */
static void choose_steps(product *x, size_t k) {
  x->steps = (k + DEPTH - 1) / DEPTH;
  x->depth = k / 4 % x->steps == 0 ? k / x->steps : DEPTH;
}

static void shape_tiles(const product *x) {
  tiles_amx config = {0};
  const size_t upper = x->rows < TILE ? x->rows : TILE;
  for (int i = 0; i < 2; i++) {
    tiles_shape(&config, i, upper, 64);
    tiles_shape(&config, 2 + i, x->rows - upper, 64);
    tiles_shape(&config, LEFT + i, x->depth / 4, 64);
  }
  tiles_shape(&config, UPPER, upper, x->depth);
  tiles_shape(&config, LOWER, x->rows - upper, x->depth);
  tiles_load(&config);
}

/* The last step of a panel whose steps are not equal begins before the one before it ends. */
static void prepare_tail(product *x) {
  const size_t k = x->args->k, before = (x->steps - 1) * x->depth;
  const size_t overlap = x->steps * x->depth - k;
  x->last = x->b + before * COLS;
  if (overlap == 0) return;
  memset(x->tail, 0, overlap * COLS);
  memcpy(x->tail + overlap * COLS, x->last, (k - before) * COLS);
  x->last = x->tail;
}

/* bias - w_zero * the row's codes: modulo 2^32 on the way, exact at the end. */
static void start_sums(const product *x, const int32_t *bias, size_t row) {
  __m512i *sums = x->now.sums;
  for (size_t i = 0; i < x->rows; i++, sums += x->now.vectors) {
    const __m512i less = _mm512_set1_epi32(x->extra[row + i]);
    for (size_t j = 0; j < x->now.vectors; j++) {
      sums[j] = _mm512_sub_epi32(_mm512_loadu_si512(bias + 16 * j), less);
    }
  }
}

/* As many as all steps of a panel need to fetch the next one. Those of many k take long to read as
 * it is: nothing is won where what is waited for is their own lines. */
static void fetch_panel(product *x, const int8_t *next, size_t blocks) {
  x->ahead = next;
  x->fetches = x->args->k <= FETCHED_K ? (x->depth + 2 * blocks - 1) / (2 * blocks) : 0;
}

MN_INLINE void fetch_some(product *x) {
  for (size_t i = 0; i < x->fetches; i++, x->ahead += 64) {
    _mm_prefetch((const char *)x->ahead, _MM_HINT_T1);
  }
}

#define DOT(sums, rows, weights)         \
  do {                                   \
    if (is_signed) {                     \
      _tile_dpbssd(sums, rows, weights); \
    } else {                             \
      _tile_dpbusd(sums, rows, weights); \
    }                                    \
  } while (0)

/* A tile of sums, [upper or lower rows][left or right columns]: what is left in it is stored. */
#define STORE(tile, row, column)                                                          \
  do {                                                                                    \
    if (x->left && ((column) == 0 || x->left_wide)) {                                     \
      _tile_stored(tile, x->left + (row)*x->left_stride + (column), 64 * x->left_stride); \
    }                                                                                     \
  } while (0)

/* And it begins anew. */
#define BEGIN(tile, row, column)                                                  \
  do {                                                                            \
    STORE(tile, row, column);                                                     \
    _tile_loadd(tile, from + (row)*from_stride / 4 + 16 * (column), from_stride); \
  } while (0)

/* Columns [column, column + 32) of the block `now`: its sums begin with `from`, whose rows are
 * `from_stride` bytes apart. */
static void multiply(product *x, const uint8_t *a, size_t column, const int32_t *from,
                     size_t from_stride) {
  const bool is_signed = x->args->flip != 0;
  const size_t a_stride = x->args->a_stride, k = x->args->k, depth = x->depth;
  const bool wide = column + 1 < x->now.vectors, tall = x->rows > TILE;
  const int8_t *b = x->b + 64 * column;
  const uint8_t *last = a + k - depth;
  __asm__ volatile("" : : : "memory"); /* what tiles read is written */
  for (size_t i = 0; i < x->steps; i++, a += depth, b += depth * COLS) {
    if (i + 1 == x->steps) a = last, b = x->last + 64 * column;
    _tile_loadd(UPPER, a, a_stride);
    _tile_loadd(LEFT, b, QUADS);
    fetch_some(x);
    if (i == 0) BEGIN(0, 0, 0);
    DOT(0, UPPER, LEFT);
    if (wide) _tile_loadd(RIGHT, b + 64, QUADS);
    if (i == 0) BEGIN(1, 0, 1);
    if (wide) DOT(1, UPPER, RIGHT);
    if (tall) {
      _tile_loadd(LOWER, a + TILE * a_stride, a_stride);
      if (i == 0) BEGIN(2, TILE, 0);
      DOT(2, LOWER, LEFT);
      if (i == 0) BEGIN(3, TILE, 1);
      if (wide) DOT(3, LOWER, RIGHT);
    }
  }
  x->left = x->now.sums + column;
  x->left_stride = x->now.vectors;
  x->left_wide = wide;
}

/* The sums in tiles go to memory. */
static void store_left(product *x) {
  STORE(0, 0, 0);
  STORE(1, 0, 1);
  if (x->rows > TILE) STORE(2, TILE, 0);
  if (x->rows > TILE) STORE(3, TILE, 1);
  x->left = NULL;
}

static void finish(const product *x, const block *done) {
  if (!done->c) return;
  mn_requant_store_avx512(done->c, x->args->c_stride, done->sums, x->rows, (int)done->vectors,
                          done->count, done->requant);
}

/* Rows from `row` on times the panel of columns from n on: the block `now`. */
static void run_block(product *x, size_t row, size_t n) {
  const mn_gemm_q8_args *args = x->args;
  const uint8_t *a = x->a + row * args->a_stride;
  const int32_t *from = (args->flip ? args->bias_signed : args->bias) + n;
  size_t stride = 0;
  if (args->w_zero) {
    start_sums(x, from, row);
    from = (const int32_t *)(const void *)x->now.sums, stride = 64 * x->now.vectors;
  }
  for (size_t column = 0; 16 * column < x->now.count; column += 2) {
    multiply(x, a, column, from + 16 * column, stride);
  }
  finish(x, &x->before);
  x->before = x->now;
}

/* Rows [m, m + count). Blocks are alike; the last one of a panel ends at the last row and
 * overlaps. */
static void run_rows(product *x, size_t m, size_t count) {
  const mn_gemm_q8_args *args = x->args;
  const size_t blocks = (count + SIDE - 1) / SIDE, panel = args->k * COLS;
  __m512i sums[2][SIDE * 4];
  requant_avx512 requant[2];
  size_t turn = 0;
  x->a = args->a + m * args->a_stride;
  x->rows = (count + blocks - 1) / blocks;
  x->before.c = NULL;
  shape_tiles(x);
  for (size_t i = 0; args->w_zero && i < count; i++) {
    const uint32_t sum = mn_sum_codes_avx512(x->a + i * args->a_stride, args->k, args->flip);
    x->extra[i] = (int32_t)((uint32_t)args->w_zero * sum);
  }
  x->b = args->b;
  for (size_t n = 0; n < args->n; n += COLS, x->b += panel) {
    prepare_tail(x);
    fetch_panel(x, x->b + panel, blocks);
    x->now.count = args->n - n < COLS ? args->n - n : COLS;
    x->now.vectors = x->now.count > 32 ? 4 : x->now.count > 16 ? 2 : 1;
    x->now.requant = &requant[n / COLS % 2];
    mn_requant_load_avx512(&requant[n / COLS % 2], &args->requant, n, (int)x->now.vectors);
    for (size_t i = 0; i < blocks; i++, turn ^= 1) {
      const size_t row = i + 1 < blocks ? i * x->rows : count - x->rows;
      x->now.sums = sums[turn];
      x->now.c = args->c + (m + row) * args->c_stride + n;
      run_block(x, row, n);
    }
  }
  store_left(x);
  finish(x, &x->before);
}

void mn_gemm_q8s_32x64_amx(const mn_gemm_q8_args *args) {
  if (args->k % 4 || args->m <= FEW_ROWS) {
    mn_gemm_q8s_6x64_avx512vnni(args);
    return;
  }
  product x;
  x.args = args, x.left = NULL;
  choose_steps(&x, args->k);
  for (size_t m = 0; m < args->m; m += MOST_ROWS) {
    run_rows(&x, m, args->m - m < MOST_ROWS ? args->m - m : MOST_ROWS);
  }
  tiles_release();
}
