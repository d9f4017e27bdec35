/* SPDX-License-Identifier: Apache-2.0
 * 8-bit matrix product by SMMLA, tiles of up to 8 rows x 8 columns, 8 k a step: one instruction
 * multiplies two rows by two columns. Rows are copied in pairs, 8 bytes of one and 8 of the other,
 * which every panel then reads as they are; an odd last row has a partner of zeros. */
#include "kernels/arm/gemm_q8s_blocks.h"

enum { ROWS = 8, PAIRS = ROWS / 2, STEP = 8 };

MN_INLINE uint8x8_t eight_codes(const mn_gemm_q8_args *args, size_t m, size_t at, size_t left) {
  const uint8x8_t bytes = load_bytes_neon(args->a + m * args->a_stride + at, left);
  return veor_u8(bytes, vdup_n_u8(args->flip ^ 0x80));
}

/* [pairs][steps][2][8]: half of a pair's bytes is the stride. What lies behind a row's last code
 * meets weights of zero. */
static size_t copy(int8_t *to, const mn_gemm_q8_args *args, size_t m, size_t rows, size_t k,
                   size_t depth) {
  for (size_t i = 0; i < rows; i += 2) {
    const uint8_t *first = args->a + (m + i) * args->a_stride + k;
    const uint8_t *second = first + args->a_stride;
    const uint8x16_t flips = vdupq_n_u8(args->flip ^ 0x80);
    size_t j = 0;
    for (; i + 1 < rows && depth - j >= 16; j += 16, to += 32) {
      const uint8x16_t x = veorq_u8(vld1q_u8(first + j), flips);
      const uint8x16_t y = veorq_u8(vld1q_u8(second + j), flips);
      const uint64x2_t a = vreinterpretq_u64_u8(x), b = vreinterpretq_u64_u8(y);
      vst1q_s8(to, vreinterpretq_s8_u64(vzip1q_u64(a, b)));
      vst1q_s8(to + 16, vreinterpretq_s8_u64(vzip2q_u64(a, b)));
    }
    for (; j < depth; j += STEP, to += 2 * STEP) {
      const uint8x8_t x = eight_codes(args, m + i, k + j, depth - j);
      uint8x8_t y = vdup_n_u8(0);
      if (i + 1 < rows) y = eight_codes(args, m + i + 1, k + j, depth - j);
      vst1q_s8(to, vreinterpretq_s8_u8(vcombine_u8(x, y)));
    }
  }
  return (depth + STEP - 1) / STEP * STEP;
}

MN_INLINE int32x4_t low_halves(int32x4_t a, int32x4_t b) {
  return vreinterpretq_s32_s64(vzip1q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

MN_INLINE int32x4_t high_halves(int32x4_t a, int32x4_t b) {
  return vreinterpretq_s32_s64(vzip2q_s64(vreinterpretq_s64_s32(a), vreinterpretq_s64_s32(b)));
}

/* sums of a pair of rows [2][8] as SMMLA has them, [4] pairs of columns, and back. */
MN_INLINE void to_squares(int32x4_t *square, int32x4_t first[2], int32x4_t second[2]) {
  MN_UNROLL for (int j = 0; j < 4; j++) {
    square[j] =
        j % 2 ? high_halves(first[j / 2], second[j / 2]) : low_halves(first[j / 2], second[j / 2]);
  }
}

MN_INLINE void to_rows(const int32x4_t *square, int32x4_t first[2], int32x4_t second[2]) {
  MN_UNROLL for (int j = 0; j < 2; j++) {
    first[j] = low_halves(square[2 * j], square[2 * j + 1]);
    second[j] = high_halves(square[2 * j], square[2 * j + 1]);
  }
}

/* `rows` of which the last may be none. */
MN_INLINE void tile(const mn_q8s_tile *x, const int rows) {
  const int pairs = (rows + 1) / 2;
  const int8_t *b = x->b, *a = x->a;
  int32x4_t sum[ROWS][2], square[PAIRS][4];
  MN_UNROLL for (int i = 0; i < rows; i++) begin_row(x, (size_t)i, sum[i]);
  MN_UNROLL for (int i = 0; i < pairs; i++) {
    to_squares(square[i], sum[2 * i], sum[2 * i + 1 < rows ? 2 * i + 1 : 2 * i]);
  }
  const size_t stride = 2 * x->stride;
  for (size_t steps = (x->depth + STEP - 1) / STEP; steps > 0; steps--, a += 16, b += 64) {
    int8x16_t codes[PAIRS], w[4];
    MN_UNROLL for (int i = 0; i < pairs; i++) codes[i] = vld1q_s8(a + (size_t)i * stride);
    MN_UNROLL for (int j = 0; j < 4; j++) w[j] = vld1q_s8(b + 16 * j);
    MN_UNROLL for (int j = 0; j < 4; j++) {
      MN_UNROLL for (int i = 0; i < pairs; i++) {
        square[i][j] = vmmlaq_s32(square[i][j], codes[i], w[j]);
      }
    }
  }
  int32x4_t none[2];
  MN_UNROLL for (int i = 0; i < pairs; i++) {
    to_rows(square[i], sum[2 * i], 2 * i + 1 < rows ? sum[2 * i + 1] : none);
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

void mn_gemm_q8s_8x8_i8mm(const mn_gemm_q8_args *args) {
  static void (*const run[ROWS])(const mn_q8s_tile *) = {tile_1, tile_2, tile_3, tile_4,
                                                         tile_5, tile_6, tile_7, tile_8};
  static const mn_q8s_form form = {ROWS, STEP, 2, copy, run};
  mn_gemm_q8s_blocks(args, &form, false);
}
