/* SPDX-License-Identifier: Apache-2.0
 * 8-bit matrix product by SDOT, tiles of up to 8 rows x 8 columns: a vector is four columns of four
 * k, or 16 k of a row, each quad of which meets two vectors of weights. 64 SDOT take 16 loads. */
#include "kernels/arm/gemm_q8s_blocks.h"

enum { ROWS = 8, COLS = MN_Q8S_COLS, STEP = 4 };

static size_t copy(int8_t *to, const mn_gemm_q8_args *args, size_t m, size_t rows, size_t k,
                   size_t depth) {
  return mn_gemm_q8s_copy(to, args->a + m * args->a_stride + k, args->a_stride, rows, depth, STEP,
                          args->flip);
}

/* sum += quad `lane` of every row times 8 columns. */
#define MULTIPLY(lane)                                        \
  do {                                                        \
    const int8x16_t w0 = vld1q_s8(b + 32 * lane);             \
    const int8x16_t w1 = vld1q_s8(b + 32 * lane + 16);        \
    MN_UNROLL for (int i = 0; i < rows; i++) {                \
      sum[i][0] = vdotq_laneq_s32(sum[i][0], w0, a[i], lane); \
      sum[i][1] = vdotq_laneq_s32(sum[i][1], w1, a[i], lane); \
    }                                                         \
  } while (0)

MN_INLINE void tile(const mn_q8s_tile *x, const int rows) {
  const int8_t *row[ROWS], *b = x->b;
  int32x4_t sum[ROWS][2];
  int8x16_t a[ROWS];
  MN_UNROLL for (int i = 0; i < rows; i++) {
    row[i] = i ? row[i - 1] + x->stride : x->a;
    begin_row(x, (size_t)i, sum[i]);
  }
  size_t quads = (x->depth + STEP - 1) / STEP;
  for (; quads >= 4; quads -= 4, b += 16 * COLS) {
    MN_UNROLL for (int i = 0; i < rows; i++) a[i] = vld1q_s8(row[i]), row[i] += 16;
    MULTIPLY(0);
    MULTIPLY(1);
    MULTIPLY(2);
    MULTIPLY(3);
  }
  for (; quads > 0; quads--, b += 4 * COLS) {
    MN_UNROLL for (int i = 0; i < rows; i++) {
      int32_t quad;
      memcpy(&quad, row[i], sizeof quad);
      a[i] = vreinterpretq_s8_s32(vdupq_n_s32(quad));
      row[i] += 4;
    }
    MULTIPLY(0);
  }
  end_tile(x, sum, rows);
}

/* A call a panel, not one a tile. */
MN_INLINE void tiles(const mn_q8s_tile *x, const int rows) {
  mn_q8s_tile now = *x;
  for (size_t i = x->repeat; i > 0; i--, next_tile(&now, (size_t)rows)) tile(&now, rows);
}

static void tile_1(const mn_q8s_tile *x) { tiles(x, 1); }
static void tile_2(const mn_q8s_tile *x) { tiles(x, 2); }
static void tile_3(const mn_q8s_tile *x) { tiles(x, 3); }
static void tile_4(const mn_q8s_tile *x) { tiles(x, 4); }
static void tile_5(const mn_q8s_tile *x) { tiles(x, 5); }
static void tile_6(const mn_q8s_tile *x) { tiles(x, 6); }
static void tile_7(const mn_q8s_tile *x) { tiles(x, 7); }
static void tile_8(const mn_q8s_tile *x) { tiles(x, 8); }

void mn_gemm_q8s_8x8_dotprod(const mn_gemm_q8_args *args) {
  static void (*const run[ROWS])(const mn_q8s_tile *) = {tile_1, tile_2, tile_3, tile_4,
                                                         tile_5, tile_6, tile_7, tile_8};
  static const mn_q8s_form form = {ROWS, STEP, 1, copy, run};
  mn_gemm_q8s_blocks(args, &form, args->flip != 0 && args->k % STEP == 0);
}
