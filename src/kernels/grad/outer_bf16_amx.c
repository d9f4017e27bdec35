/* SPDX-License-Identifier: Apache-2.0
 * Gradients of weights in tiles: blocks of up to 32 x 32 weights, four tiles of sums and two of
 * each operand. A tile product sums over 16 pairs: here of pixels. Pairs of `b` lie side by side as
 * they come; those of `a` are turned, so that a row is one output's. */
#include "kernels/grad/outer_bf16.h"
#include "kernels/x86/tiles_amx.h"

enum { SIDE = 16, TWO = 2 * SIDE, STEP = TWO /* pixels of a tile product */, TILE = SIDE * SIDE };

/* Of some pixels: [m / 16] or [n / 16] groups of [steps] tiles. */
typedef struct sides {
  const uint32_t *a; /* tiles [outputs][pairs] */
  const uint32_t *b; /* tiles [pairs][inputs] */
  size_t steps;
} sides;

/* ---- Operands ------------------------------------------------------------------------------- */

/* Channels of `pixels` pixels that are to be tiles. */
typedef struct map {
  const float *from;
  size_t stride, pixels, channels;
} map;

/* Pixels p and p + 1 of up to 16 channels, side by side; those that are not there are zeros. */
MN_INLINE __m512i pair_at(const map *x, size_t p, size_t channel) {
  static const uint16_t order[TWO] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __mmask16 live = first_lanes_avx512(x->channels - channel);
  const float *at = x->from + p * x->stride + channel;
  const __m512 low = _mm512_maskz_loadu_ps(p < x->pixels ? live : 0, at);
  const __m512 high = _mm512_maskz_loadu_ps(p + 1 < x->pixels ? live : 0, at + x->stride);
  const __m512i words = (__m512i)_mm512_cvtne2ps_pbh(high, low);
  return _mm512_permutexvar_epi16(_mm512_loadu_si512(order), words);
}

static void lay_side_by_side(const map *x, size_t steps, uint32_t *to) {
  for (size_t c = 0; c < x->channels; c += SIDE) {
    for (size_t p = 0; p < steps * STEP; p += 2, to += SIDE) {
      _mm512_storeu_si512(to, pair_at(x, p, c));
    }
  }
}

/* Row i becomes column i, in steps of pieces that move together: of 4, 8 and 16 bytes. */
MN_INLINE void turn(__m512i rows[SIDE]) {
  __m512i t[SIDE], u[SIDE];
  MN_UNROLL for (int i = 0; i < SIDE; i += 2) {
    t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  MN_UNROLL for (int i = 0; i < SIDE; i += 4) {
    u[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    u[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    u[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    u[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  MN_UNROLL for (int j = 0; j < 4; j++) {
    const __m512i even = _mm512_shuffle_i32x4(u[j], u[4 + j], 0x88);
    const __m512i odd = _mm512_shuffle_i32x4(u[j], u[4 + j], 0xdd);
    const __m512i more_even = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0x88);
    const __m512i more_odd = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0xdd);
    rows[j] = _mm512_shuffle_i32x4(even, more_even, 0x88);
    rows[8 + j] = _mm512_shuffle_i32x4(even, more_even, 0xdd);
    rows[4 + j] = _mm512_shuffle_i32x4(odd, more_odd, 0x88);
    rows[12 + j] = _mm512_shuffle_i32x4(odd, more_odd, 0xdd);
  }
}

static void lay_turned(const map *x, size_t steps, uint32_t *to) {
  for (size_t c = 0; c < x->channels; c += SIDE) {
    for (size_t p = 0; p < steps * STEP; p += STEP, to += TILE) {
      __m512i rows[SIDE];
      MN_UNROLL for (size_t i = 0; i < SIDE; i++) rows[i] = pair_at(x, p + 2 * i, c);
      turn(rows);
      MN_UNROLL for (size_t i = 0; i < SIDE; i++) _mm512_storeu_si512(to + i * SIDE, rows[i]);
    }
  }
}

/* ---- Products ------------------------------------------------------------------------------- */

/* Weights from [m][n] on: one row of tiles or two, one column or two. */
MN_INLINE void add_block(const mn_outer_args *args, const sides *s, size_t m, size_t n,
                         const bool tall, const bool wide) {
  float *c = args->c + m * args->c_stride + n, *below = c + SIDE * args->c_stride;
  const size_t stride = args->c_stride * sizeof *c, group = s->steps * TILE;
  const uint32_t *a = s->a + m / SIDE * group, *b = s->b + n / SIDE * group;
  _tile_loadd(0, c, stride);
  if (wide) _tile_loadd(1, c + SIDE, stride);
  if (tall) _tile_loadd(2, below, stride);
  if (tall && wide) _tile_loadd(3, below + SIDE, stride);
  for (const uint32_t *end = a + group; a < end; a += TILE, b += TILE) {
    _tile_loadd(4, a, 4 * SIDE);
    _tile_loadd(6, b, 4 * SIDE);
    _tile_dpbf16ps(0, 4, 6);
    if (wide) _tile_loadd(7, b + group, 4 * SIDE);
    if (wide) _tile_dpbf16ps(1, 4, 7);
    if (tall) _tile_loadd(5, a + group, 4 * SIDE);
    if (tall) _tile_dpbf16ps(2, 5, 6);
    if (tall && wide) _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, stride);
  if (wide) _tile_stored(1, c + SIDE, stride);
  if (tall) _tile_stored(2, below, stride);
  if (tall && wide) _tile_stored(3, below + SIDE, stride);
}

/* Tiles of a block of so many rows and columns, at most 32. */
static void shape_tiles(size_t rows, size_t cols) {
  const size_t r[2] = {rows < SIDE ? rows : SIDE, rows < SIDE ? 0 : rows - SIDE};
  const size_t c[2] = {cols < SIDE ? cols : SIDE, cols < SIDE ? 0 : cols - SIDE};
  tiles_amx config = {.palette = 1};
  for (int i = 0; i < 2; i++) {
    for (int j = 0; j < 2; j++) tiles_shape(&config, 2 * i + j, c[j] ? r[i] : 0, 4 * c[j]);
    tiles_shape(&config, 4 + i, r[i], 4 * SIDE);
    tiles_shape(&config, 6 + i, c[i] ? SIDE : 0, 4 * c[i]);
  }
  tiles_load(&config);
}

typedef struct range {
  size_t begin, end;
} range;

/* Weights of a range of rows and one of columns, each whole blocks or less than one. */
static void add_region(const mn_outer_args *args, const sides *s, range m, range n) {
  if (m.begin == m.end || n.begin == n.end) return;
  const size_t rows = m.end - m.begin < TWO ? m.end - m.begin : TWO;
  const size_t cols = n.end - n.begin < TWO ? n.end - n.begin : TWO;
  shape_tiles(rows, cols);
  for (size_t j = n.begin; j < n.end; j += TWO) {
    for (size_t i = m.begin; i < m.end; i += TWO) {
      if (rows > SIDE && cols > SIDE) {
        add_block(args, s, i, j, true, true);
      } else if (rows > SIDE) {
        add_block(args, s, i, j, true, false);
      } else if (cols > SIDE) {
        add_block(args, s, i, j, false, true);
      } else {
        add_block(args, s, i, j, false, false);
      }
    }
  }
}

void mn_outer_bf16_amx(const mn_outer_args *args, const mn_grad_kernels *kernels, void *scratch) {
  const size_t m = args->m / TWO * TWO, n = args->n / TWO * TWO;
  const range rows[2] = {{0, m}, {m, args->m}}, cols[2] = {{0, n}, {n, args->n}};
  (void)kernels;
  for (size_t p = 0, count; p < args->pixels; p += count) {
    count = args->pixels - p < MN_OUTER_BF16_PIXELS ? args->pixels - p : MN_OUTER_BF16_PIXELS;
    const size_t steps = (count + STEP - 1) / STEP;
    const map a = {args->a + p * args->a_stride, args->a_stride, count, args->m};
    const map b = {args->b + p * args->b_stride, args->b_stride, count, args->n};
    uint32_t *of_a = scratch, *of_b = of_a + (args->m + SIDE - 1) / SIDE * steps * TILE;
    const sides s = {of_a, of_b, steps};
    lay_turned(&a, steps, of_a);
    lay_side_by_side(&b, steps, of_b);
    __asm__ volatile("" ::: "memory"); /* tile loads do not say what they read */
    for (int i = 0; i < 4; i++) add_region(args, &s, rows[i / 2], cols[i % 2]);
    __asm__ volatile("" ::: "memory");
  }
  tiles_release();
}
