/* SPDX-License-Identifier: Apache-2.0
 * 8-bit matrix product, what is the same for every instruction that multiplies: blocks of rows,
 * panels of 8 columns, tiles of some rows. Codes are multiplied as signed bytes, 128 less than they
 * are, with bias_signed. Rows are read where they lie or copied to the stack, and those too long
 * for it go a part at a time while sums wait. */
#ifndef MN_KERNELS_ARM_GEMM_Q8S_BLOCKS_H
#define MN_KERNELS_ARM_GEMM_Q8S_BLOCKS_H

#include "kernels/arm/requant_neon.h"
#include "kernels/kernels.h"

enum { MN_Q8S_COLS = 8, MN_Q8S_ROWS = 8 };

/* Some rows times a panel, or a part of their k; `repeat` times, of so many rows each. */
typedef struct mn_q8s_tile {
  size_t repeat;
  const int8_t *a; /* rows `stride` bytes apart, or as the form copies them */
  size_t stride;
  const int8_t *b;
  size_t depth; /* k, of which b has whole steps */
  const int32_t *bias;
  const int32_t *extra; /* [rows] to be subtracted; NULL: nothing */
  int32x4_t *sums;      /* [rows][2] of the k before, and for those behind */
  bool begun, last;     /* there are k before; there are none behind */
  uint8_t *c;
  size_t c_stride, count; /* columns that exist */
  requant_neon requant;
} mn_q8s_tile;

/* How an instruction set does it. */
typedef struct mn_q8s_form {
  size_t rows, step; /* of a tile, at most; k that weights have together */
  size_t unit;       /* rows of a tile, but for the last of a block, are a multiple of it */
  /* Copies rows [m, m + rows), k [k, k + depth); returns the bytes of one. */
  size_t (*copy)(int8_t *to, const mn_gemm_q8_args *args, size_t m, size_t rows, size_t k,
                 size_t depth);
  void (*const *run)(const mn_q8s_tile *tile); /* [rows]: tiles of 1, 2... rows */
} mn_q8s_form;

/* in_place: rows are signed bytes of whole steps and need not be copied. */
void mn_gemm_q8s_blocks(const mn_gemm_q8_args *args, const mn_q8s_form *form, bool in_place);

/* Rows one after the other, zeros up to whole steps of `step`. */
size_t mn_gemm_q8s_copy(int8_t *to, const uint8_t *from, size_t from_stride, size_t rows,
                        size_t depth, size_t step, uint8_t flip);

/* To the tile below. */
MN_INLINE void next_tile(mn_q8s_tile *x, size_t rows) {
  x->a += rows * x->stride;
  x->c += rows * x->c_stride;
  if (x->extra) x->extra += rows;
}

/* The sums that row i of a tile begins with. */
MN_INLINE void begin_row(const mn_q8s_tile *x, size_t i, int32x4_t *sum) {
  if (x->begun) {
    sum[0] = x->sums[2 * i];
    sum[1] = x->sums[2 * i + 1];
    return;
  }
  sum[0] = vld1q_s32(x->bias);
  sum[1] = vld1q_s32(x->bias + 4);
  if (x->extra) {
    sum[0] = vsubq_s32(sum[0], vdupq_n_s32(x->extra[i]));
    sum[1] = vsubq_s32(sum[1], vdupq_n_s32(x->extra[i]));
  }
}

MN_INLINE void store_tile(const mn_q8s_tile *x, int32x4_t (*sum)[2], const int rows,
                          const int kind) {
  uint8_t *c = x->c;
  const size_t stride = x->c_stride;
  const requant_neon by = x->requant; /* in registers, whatever is stored */
  MN_UNROLL for (int i = 0; i < rows; i++, c += stride) {
    vst1_u8(c, requant_codes_neon(sum[i][0], sum[i][1], &by, kind));
  }
}

/* What becomes of a tile's sums: nearly always whole rows of codes, by way of registers alone. */
MN_INLINE void end_tile(const mn_q8s_tile *x, int32x4_t (*sum)[2], const int rows) {
  if (x->last && x->count == MN_Q8S_COLS) {
    switch (x->requant.kind) {
      case REQUANT_RELU: store_tile(x, sum, rows, REQUANT_RELU); return;
      case REQUANT_SIGNED: store_tile(x, sum, rows, REQUANT_SIGNED); return;
      case REQUANT_RIGHT: store_tile(x, sum, rows, REQUANT_RIGHT); return;
      default: break;
    }
  }
  int32x4_t *to = x->sums;
  MN_UNROLL for (int i = 0; i < 2 * rows; i++) to[i] = sum[i / 2][i % 2];
  if (x->last) {
    mn_requant_store_neon(x->c, x->c_stride, to, (size_t)rows, x->count, &x->requant);
  }
}

#endif
