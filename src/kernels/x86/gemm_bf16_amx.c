/* SPDX-License-Identifier: Apache-2.0
 * Matrix product of bf16 in tiles: blocks of 32 rows by 32 columns, four tiles of sums and two of
 * each operand. A sum is the same wherever in a tile it lies, so no element depends on slices. */
#include "kernels/x86/bf16_blocks.h"
#include "kernels/x86/tiles_amx.h"

enum { SIDE = 16, DEEP = 32, HEIGHT = 2 * SIDE, COLS = MN_BF16_COLS };

/* One row of tiles or two. */
MN_INLINE void tiles(const mn_bf16_block *at, const bool tall) {
  float sums[HEIGHT * COLS] __attribute__((aligned(64)));
  const uint16_t *a = at->a, *below = a + SIDE * at->depth, *b = at->b;
  const size_t stride = at->depth * sizeof *a;
  _tile_zero(0);
  _tile_zero(1);
  if (tall) _tile_zero(2);
  if (tall) _tile_zero(3);
  for (const uint16_t *end = a + at->depth; a < end; a += DEEP, below += DEEP, b += DEEP * COLS) {
    _tile_loadd(4, a, stride);
    _tile_loadd(6, b, 4 * COLS);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(7, b + 2 * SIDE, 4 * COLS);
    _tile_dpbf16ps(1, 4, 7);
    if (tall) {
      _tile_loadd(5, below, stride);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  _tile_stored(0, sums, 4 * COLS);
  _tile_stored(1, sums + SIDE, 4 * COLS);
  if (tall) _tile_stored(2, sums + SIDE * COLS, 4 * COLS);
  if (tall) _tile_stored(3, sums + SIDE * COLS + SIDE, 4 * COLS);
  __asm__ volatile("" ::: "memory");
  mn_bf16_finish(at, sums);
}

static void multiply(const mn_bf16_block *at) {
  if (at->rows > SIDE) {
    tiles(at, true);
  } else {
    tiles(at, false);
  }
}

void mn_gemm_bf16_32x32_amx(const mn_gemm_bf16_args *args) {
  static const tiles_amx config = {.palette = 1,
                                   .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                                   .rows = {SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE, SIDE}};
  tiles_load(&config);
  mn_bf16_product(args, DEEP, HEIGHT, multiply);
  tiles_release();
}
