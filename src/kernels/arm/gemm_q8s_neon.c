/* SPDX-License-Identifier: Apache-2.0
 * 8-bit matrix product without dot products, tiles of up to 2 rows x 8 columns, 16 k a step: two
 * products of signed bytes are added in 16 bits, and pairs of these to sums of 32. -128 times -128
 * twice is one too many for 16 bits: weights that hold a -128 add each product for itself. */
#include "kernels/arm/gemm_q8s_blocks.h"

enum { ROWS = 2, COLS = MN_Q8S_COLS, STEP = 16 };
enum { TWO_PRODUCTS, ONE_PRODUCT };

static size_t copy(int8_t *to, const mn_gemm_q8_args *args, size_t m, size_t rows, size_t k,
                   size_t depth) {
  return mn_gemm_q8s_copy(to, args->a + m * args->a_stride + k, args->a_stride, rows, depth, STEP,
                          args->flip);
}

/* [rows][8 columns] of four partial sums += 16 k. Two columns at a time, so that a CPU that does
 * not reorder has four products to work on while it waits for one. */
MN_INLINE void multiply_step(int32x4_t sum[ROWS][COLS], const int8x16_t *a, const int8_t *b,
                             const int rows, const int form) {
  MN_UNROLL for (int j = 0; j < COLS; j += 2) {
    int8x16_t w[2];
    int16x8_t products[2 * ROWS];
    MN_UNROLL for (int c = 0; c < 2; c++) w[c] = vld1q_s8(b + 16 * (j + c));
    MN_UNROLL for (int i = 0; i < 2 * rows; i++) {
      products[i] = vmull_s8(vget_low_s8(a[i / 2]), vget_low_s8(w[i % 2]));
    }
    MN_UNROLL for (int i = 0; i < 2 * rows; i++) {
      if (form == ONE_PRODUCT) {
        sum[i / 2][j + i % 2] = vpadalq_s16(sum[i / 2][j + i % 2], products[i]);
        products[i] = vmull_high_s8(a[i / 2], w[i % 2]);
      } else {
        products[i] = vmlal_high_s8(products[i], a[i / 2], w[i % 2]);
      }
    }
    MN_UNROLL for (int i = 0; i < 2 * rows; i++) {
      sum[i / 2][j + i % 2] = vpadalq_s16(sum[i / 2][j + i % 2], products[i]);
    }
  }
}

MN_INLINE int32x4_t sum_four(const int32x4_t *x) {
  return vpaddq_s32(vpaddq_s32(x[0], x[1]), vpaddq_s32(x[2], x[3]));
}

MN_INLINE void tile(const mn_q8s_tile *x, const int rows, const int form) {
  const int8_t *a = x->a, *b = x->b;
  const size_t stride = x->stride;
  int32x4_t part[ROWS][COLS], sum[ROWS][2];
  MN_UNROLL for (int i = 0; i < rows * COLS; i++) part[i / COLS][i % COLS] = vdupq_n_s32(0);
  for (size_t steps = (x->depth + STEP - 1) / STEP; steps > 0; steps--) {
    int8x16_t codes[ROWS];
    MN_UNROLL for (int i = 0; i < rows; i++) codes[i] = vld1q_s8(a + (size_t)i * stride);
    multiply_step(part, codes, b, rows, form);
    a += STEP;
    b += STEP * COLS;
  }
  MN_UNROLL for (int i = 0; i < rows; i++) {
    begin_row(x, (size_t)i, sum[i]);
    sum[i][0] = vaddq_s32(sum[i][0], sum_four(part[i]));
    sum[i][1] = vaddq_s32(sum[i][1], sum_four(part[i] + 4));
  }
  end_tile(x, sum, rows);
}

/* A call a panel, not one a tile. */
MN_INLINE void tiles(const mn_q8s_tile *x, const int rows, const int form) {
  mn_q8s_tile now = *x;
  for (size_t i = x->repeat; i > 0; i--, next_tile(&now, (size_t)rows)) tile(&now, rows, form);
}

static void tile_1(const mn_q8s_tile *x) { tiles(x, 1, TWO_PRODUCTS); }
static void tile_2(const mn_q8s_tile *x) { tiles(x, 2, TWO_PRODUCTS); }
static void careful_tile_1(const mn_q8s_tile *x) { tiles(x, 1, ONE_PRODUCT); }
static void careful_tile_2(const mn_q8s_tile *x) { tiles(x, 2, ONE_PRODUCT); }

/* Whether one of `count` weights, a multiple of 16, is -128. */
static bool has_least(const int8_t *w, size_t count) {
  uint8x16_t found = vdupq_n_u8(0);
  for (size_t i = 0; i < count; i += 16) {
    found = vorrq_u8(found, vceqq_s8(vld1q_s8(w + i), vdupq_n_s8(INT8_MIN)));
  }
  return vmaxvq_u8(found) != 0;
}

void mn_gemm_q8s_2x8_neon(const mn_gemm_q8_args *args) {
  static void (*const run[ROWS])(const mn_q8s_tile *) = {tile_1, tile_2};
  static void (*const run_carefully[ROWS])(const mn_q8s_tile *) = {careful_tile_1, careful_tile_2};
  static const mn_q8s_form form = {ROWS, STEP, 1, copy, run};
  static const mn_q8s_form careful = {ROWS, STEP, 1, copy, run_carefully};
  const size_t wide = (args->n + COLS - 1) / COLS * COLS;
  const size_t padded = (args->k + STEP - 1) / STEP * STEP;
  const bool least = has_least(args->b, wide * padded);
  mn_gemm_q8s_blocks(args, least ? &careful : &form, args->flip != 0 && args->k % STEP == 0);
}
