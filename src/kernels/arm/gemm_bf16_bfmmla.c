/* SPDX-License-Identifier: Apache-2.0
 * Matrix product of bf16 by BFMMLA, tiles of up to 8 rows x 8 columns, 4 k a step: one instruction
 * multiplies two rows by two columns. Rows are rounded to scratch in pairs, four values of one and
 * four of the other; weights lie in pairs of k, two of which are zipped as they are read, once for
 * eight rows. */
#include "kernels/arm/simd_neon.h"
#include "kernels/kernels.h"

enum { ROWS = 8, PAIRS = ROWS / 2, COLS = 8, STEP = 4 };

/* Row `m` of a, rounded: every other four values of `to`, zeros up to whole steps. */
static void round_row(const mn_gemm_f32_args *args, size_t m, bfloat16_t *to) {
  bfloat16_t rest[STEP];
  size_t held = 0; /* a segment may end within a step */
  for (size_t s = 0; s < args->segments; s++) {
    const float *from = args->a[s] + m * args->a_stride;
    size_t i = 0;
    for (; held == 0 && args->segment - i >= STEP; i += STEP, to += 2 * STEP) {
      vst1_bf16(to, vcvt_bf16_f32(vld1q_f32(from + i)));
    }
    for (; i < args->segment; i++) {
      rest[held++] = vcvth_bf16_f32(from[i]);
      if (held < STEP) continue;
      vst1_bf16(to, vld1_bf16(rest));
      to += 2 * STEP;
      held = 0;
    }
  }
  if (held == 0) return;
  while (held < STEP) rest[held++] = vcvth_bf16_f32(0.0f);
  vst1_bf16(to, vld1_bf16(rest));
}

static void round_rows(const mn_gemm_f32_args *args, size_t m, size_t rows, bfloat16_t *to,
                       size_t depth) {
  for (size_t i = 0; i < rows; i++) {
    round_row(args, m + i, to + i / 2 * 2 * depth + i % 2 * STEP);
  }
}

/* Some rows times the panel at column n. */
typedef struct piece {
  const mn_gemm_f32_args *args;
  const bfloat16_t *a; /* [pairs][steps][2][4] */
  const uint16_t *b;
  size_t m, n, depth;
} piece;

MN_INLINE float32x4_t low_halves(float32x4_t a, float32x4_t b) {
  return vreinterpretq_f32_f64(vzip1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}

MN_INLINE float32x4_t high_halves(float32x4_t a, float32x4_t b) {
  return vreinterpretq_f32_f64(vzip2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}

/* Four k of 8 columns, two columns a vector. */
MN_INLINE void load_weights(bfloat16x8_t *w, const uint16_t *b) {
  uint32x4_t pairs[4];
  MN_UNROLL for (int i = 0; i < 4; i++) pairs[i] = vreinterpretq_u32_u16(vld1q_u16(b + 8 * i));
  MN_UNROLL for (int i = 0; i < 2; i++) {
    w[2 * i] = vreinterpretq_bf16_u32(vzip1q_u32(pairs[i], pairs[i + 2]));
    w[2 * i + 1] = vreinterpretq_bf16_u32(vzip2q_u32(pairs[i], pairs[i + 2]));
  }
}

/* One row of sums into c. */
MN_INLINE void end_row(const piece *x, size_t m, float32x4_t left, float32x4_t right) {
  const mn_gemm_f32_args *args = x->args;
  const size_t count = args->n - x->n;
  float *c = args->c + m * args->c_stride + x->n;
  if (args->finish.hard_swish) {
    left = hard_swish_neon(left);
    right = hard_swish_neon(right);
  } else {
    const float32x4_t lo = vdupq_n_f32(args->finish.lo), hi = vdupq_n_f32(args->finish.hi);
    left = clamp_f32_neon(left, lo, hi);
    right = clamp_f32_neon(right, lo, hi);
  }
  store_f32_neon(c, left, count);
  if (count > 4) store_f32_neon(c + 4, right, count - 4);
}

MN_INLINE void tile(const piece *x, const int rows) {
  const int pairs = (rows + 1) / 2;
  const bfloat16_t *a = x->a;
  const uint16_t *b = x->b;
  const float *bias = x->args->bias + x->n;
  float32x4_t square[PAIRS][4];
  MN_UNROLL for (int j = 0; j < 4; j++) {
    const float32x2_t two = vld1_f32(bias + 2 * j);
    MN_UNROLL for (int i = 0; i < pairs; i++) square[i][j] = vcombine_f32(two, two);
  }
  for (size_t k = 0; k < x->depth; k += STEP, a += 2 * STEP, b += STEP * COLS) {
    bfloat16x8_t w[4];
    load_weights(w, b);
    MN_UNROLL for (int i = 0; i < pairs; i++) {
      const bfloat16x8_t values = vld1q_bf16(a + (size_t)i * 2 * x->depth);
      MN_UNROLL for (int j = 0; j < 4; j++) {
        square[i][j] = vbfmmlaq_f32(square[i][j], values, w[j]);
      }
    }
  }
  MN_UNROLL for (int i = 0; i < rows; i++) {
    const float32x4_t *s = square[i / 2];
    if (i % 2 == 0) {
      end_row(x, x->m + (size_t)i, low_halves(s[0], s[1]), low_halves(s[2], s[3]));
    } else {
      end_row(x, x->m + (size_t)i, high_halves(s[0], s[1]), high_halves(s[2], s[3]));
    }
  }
}

static void tile_1(const piece *x) { tile(x, 1); }
static void tile_2(const piece *x) { tile(x, 2); }
static void tile_3(const piece *x) { tile(x, 3); }
static void tile_4(const piece *x) { tile(x, 4); }
static void tile_5(const piece *x) { tile(x, 5); }
static void tile_6(const piece *x) { tile(x, 6); }
static void tile_7(const piece *x) { tile(x, 7); }
static void tile_8(const piece *x) { tile(x, 8); }

/* Rows [m, m + rows) are in scratch; they are dealt evenly to their tiles, in pairs. */
static void panel(piece *x, const bfloat16_t *scratch, size_t m, size_t rows) {
  static void (*const run[ROWS])(const piece *) = {tile_1, tile_2, tile_3, tile_4,
                                                   tile_5, tile_6, tile_7, tile_8};
  size_t tiles = (rows + ROWS - 1) / ROWS, count;
  for (size_t i = 0; i < rows; i += count, tiles--) {
    const size_t left = rows - i, share = ((left + tiles - 1) / tiles + 1) / 2 * 2;
    count = share < left ? share : left;
    x->a = scratch + i * x->depth;
    x->m = m + i;
    run[count - 1](x);
  }
}

void mn_gemm_bf16_8x8_bfmmla(const mn_gemm_bf16_args *args) {
  bfloat16_t *const scratch = (bfloat16_t *)args->scratch;
  piece x = {.args = &args->f32, .depth = (args->f32.k + STEP - 1) / STEP * STEP};
  for (size_t m = 0; m < args->f32.m; m += args->scratch_rows) {
    const size_t left = args->f32.m - m;
    const size_t rows = left < args->scratch_rows ? left : args->scratch_rows;
    round_rows(&args->f32, m, rows, scratch, x.depth);
    x.b = args->b;
    for (x.n = 0; x.n < args->f32.n; x.n += COLS, x.b += x.depth * COLS) {
      panel(&x, scratch, m, rows);
    }
  }
}
