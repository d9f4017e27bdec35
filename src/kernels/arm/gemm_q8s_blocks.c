/* SPDX-License-Identifier: Apache-2.0
 * See gemm_q8s_blocks.h. */
#include "kernels/arm/gemm_q8s_blocks.h"

enum { COLS = MN_Q8S_COLS, STAGE_BYTES = 32 << 10, BLOCK_ROWS = 96 };

/* What is constant while some rows meet all weights. */
typedef struct block {
  const mn_gemm_q8_args *args;
  const mn_q8s_form *form;
  size_t m, rows;
  size_t most; /* k of rows that are copied */
  bool in_place;
  size_t stride;
  size_t tile_rows[BLOCK_ROWS]; /* of each tile of a panel */
  size_t tiles;
  int32_t extra[BLOCK_ROWS]; /* w_zero times a row's codes */
  int8_t codes[STAGE_BYTES];
} block;

static size_t whole(size_t x, size_t step) { return (x + step - 1) / step * step; }

size_t mn_gemm_q8s_copy(int8_t *to, const uint8_t *from, size_t from_stride, size_t rows,
                        size_t depth, size_t step, uint8_t flip) {
  const size_t stride = whole(depth, step);
  const uint8x16_t flips = vdupq_n_u8(flip ^ 0x80);
  for (size_t i = 0; i < rows; i++, to += stride, from += from_stride) {
    size_t j = 0;
    for (; depth - j >= 16; j += 16) {
      vst1q_s8(to + j, vreinterpretq_s8_u8(veorq_u8(vld1q_u8(from + j), flips)));
    }
    for (; j < depth; j++) to[j] = (int8_t)(from[j] ^ flip ^ 0x80);
    for (; j < stride; j++) to[j] = 0;
  }
  return stride;
}

/* The sum of a row's codes. */
static uint32_t sum_codes(const uint8_t *from, size_t k, uint8_t flip) {
  const uint8x16_t flips = vdupq_n_u8(flip);
  uint32_t sum = 0;
  size_t i = 0;
  for (; k - i >= 16; i += 16) sum += vaddlvq_u8(veorq_u8(vld1q_u8(from + i), flips));
  for (; i < k; i++) sum += from[i] ^ flip;
  return sum;
}

/* `repeat` tiles of so many rows, from row `first` of the block on. */
static void multiply_rows(block *x, mn_q8s_tile *tile, size_t first, size_t rows, size_t repeat) {
  const mn_gemm_q8_args *args = x->args;
  const size_t m = x->m + first;
  const int8_t *panel = tile->b;
  tile->extra = args->w_zero ? x->extra + first : NULL;
  tile->repeat = repeat;
  if (x->in_place || args->k <= x->most) {
    tile->begun = false, tile->last = true, tile->depth = args->k;
    tile->a =
        x->in_place ? (const int8_t *)args->a + m * args->a_stride : x->codes + first * x->stride;
    tile->stride = x->stride;
    x->form->run[rows - 1](tile);
    return;
  }
  for (size_t k = 0; k < args->k; k += x->most) {
    tile->begun = k > 0, tile->last = args->k - k <= x->most;
    tile->depth = tile->last ? args->k - k : x->most;
    tile->stride = x->form->copy(x->codes, args, m, rows, k, tile->depth);
    tile->a = x->codes;
    x->form->run[rows - 1](tile);
    tile->b += x->most * COLS;
  }
  tile->b = panel;
}

/* Rows are dealt evenly to the tiles of a panel. */
static void deal_rows(block *x) {
  size_t tiles = (x->rows + x->form->rows - 1) / x->form->rows, left = x->rows;
  for (x->tiles = 0; left > 0; x->tiles++, tiles--) {
    const size_t rows = whole((left + tiles - 1) / tiles, x->form->unit);
    x->tile_rows[x->tiles] = rows < left ? rows : left;
    left -= x->tile_rows[x->tiles];
  }
}

/* Tiles of one height at once, unless their rows are too long to be there together. */
static void multiply_panel(block *x, mn_q8s_tile *tile, uint8_t *c) {
  const bool together = x->in_place || x->args->k <= x->most;
  for (size_t i = 0, first = 0, repeat; i < x->tiles; i += repeat) {
    const size_t rows = x->tile_rows[i];
    for (repeat = 1; together && i + repeat < x->tiles && x->tile_rows[i + repeat] == rows;) {
      repeat++;
    }
    tile->c = c + (x->m + first) * tile->c_stride;
    multiply_rows(x, tile, first, rows, repeat);
    first += rows * repeat;
  }
}

static void multiply_block(block *x) {
  const mn_gemm_q8_args *args = x->args;
  const size_t panel = whole(args->k, x->form->step) * COLS;
  int32x4_t sums[2 * MN_Q8S_ROWS];
  mn_q8s_tile tile = {.b = args->b, .sums = sums, .c_stride = args->c_stride};
  for (size_t i = 0; args->w_zero && i < x->rows; i++) {
    const uint8_t *row = args->a + (x->m + i) * args->a_stride;
    x->extra[i] = (int32_t)((uint32_t)args->w_zero * sum_codes(row, args->k, args->flip));
  }
  deal_rows(x);
  for (size_t n = 0; n < args->n; n += COLS, tile.b += panel) {
    tile.bias = args->bias_signed + n;
    tile.count = args->n - n < COLS ? args->n - n : COLS;
    requant_load_neon(&tile.requant, &args->requant, n);
    multiply_panel(x, &tile, args->c + n);
  }
}

/* Blocks of rows whose copies fit the stack. */
void mn_gemm_q8s_blocks(const mn_gemm_q8_args *args, const mn_q8s_form *form, bool in_place) {
  block x; /* large: its arrays are written before they are read */
  const size_t fit = STAGE_BYTES / whole(args->k, form->step) / form->rows * form->rows;
  const size_t rows = in_place || fit > BLOCK_ROWS ? BLOCK_ROWS : fit;
  const size_t step = rows > form->rows ? rows : form->rows;
  x.args = args;
  x.form = form;
  x.most = STAGE_BYTES / form->rows;
  x.in_place = in_place;
  x.stride = args->a_stride;
  for (x.m = 0; x.m < args->m; x.m += step) {
    x.rows = args->m - x.m < step ? args->m - x.m : step;
    if (!in_place && args->k <= x.most) {
      x.stride = form->copy(x.codes, args, x.m, x.rows, 0, args->k);
    }
    multiply_block(&x);
  }
}
