/* SPDX-License-Identifier: Apache-2.0
 * A block of rows to multiply by vpdpbusd, as quads of unsigned codes: read in place where they are
 * that already, else copied to the kernel's stack. */
#ifndef MN_KERNELS_X86_STAGE_QUADS_H
#define MN_KERNELS_X86_STAGE_QUADS_H

#include "kernels/kernels.h"

enum { BLOCK_ROWS = 100 };

typedef struct stage {
  const uint8_t *rows;
  size_t stride;             /* bytes */
  int32_t extra[BLOCK_ROWS]; /* w_zero times a row's codes, over all of k */
  uint8_t *codes;            /* where rows are copied to, by */
  void (*copy_row)(uint8_t *to, const uint8_t *from, size_t k, uint8_t flip);
} stage;

/* Rows of a block: as many as `bytes` hold, in blocks as alike as can be, whole units of them. */
static inline size_t stage_rows(size_t bytes, const mn_gemm_q8_args *args, size_t unit) {
  const size_t fit = bytes / (args->k + 3), most = (fit < BLOCK_ROWS ? fit : BLOCK_ROWS) / unit;
  if (most == 0) return unit;
  const size_t units = (args->m + unit - 1) / unit, blocks = (units + most - 1) / most;
  return (units + blocks - 1) / blocks * unit;
}

/* Rows [m, end), depths [k, k + depth). copy_row ends the last quad with zeros. */
static inline void stage_fill(stage *staged, const mn_gemm_q8_args *args, size_t m, size_t end,
                              size_t k, size_t depth) {
  if (args->flip == 0 && depth % 4 == 0) {
    staged->rows = args->a + m * args->a_stride + k;
    staged->stride = args->a_stride;
    return;
  }
  staged->rows = staged->codes;
  staged->stride = (depth + 3) / 4 * 4;
  if (args->a_stride == staged->stride && depth == staged->stride) { /* as one long row */
    staged->copy_row(staged->codes, args->a + m * depth, (end - m) * depth, args->flip);
    return;
  }
  for (size_t i = m; i < end; i++) {
    staged->copy_row(staged->codes + (i - m) * staged->stride, args->a + i * args->a_stride + k,
                     depth, args->flip);
  }
}

#endif
