/* SPDX-License-Identifier: Apache-2.0
 * What the products by instructions of bf16 share: rows are rounded to scratch, all panels pass by
 * them in blocks, and a block's sums go by bias and activation to the output. */
#ifndef MN_KERNELS_X86_BF16_BLOCKS_H
#define MN_KERNELS_X86_BF16_BLOCKS_H

#include "kernels/kernels.h"

enum { MN_BF16_COLS = 32 }; /* of a panel and a block */

/* Rows of scratch times a panel. */
typedef struct mn_bf16_block {
  const mn_gemm_f32_args *args;
  const uint16_t *a, *b; /* [rows][depth], [depth/2][MN_BF16_COLS][2] */
  size_t depth;          /* k, zero-padded */
  const float *bias;
  float *c;
  size_t rows, cols; /* those that there are */
} mn_bf16_block;

/* Multiplies one, and ends with mn_bf16_finish. */
typedef void mn_bf16_multiply(const mn_bf16_block *at);

/* The whole product: k in whole steps of `deep`, at most 32, in blocks of `height` rows. */
void mn_bf16_product(const mn_gemm_bf16_args *args, size_t deep, size_t height,
                     mn_bf16_multiply *multiply);

/* sums: [rows][MN_BF16_COLS] */
void mn_bf16_finish(const mn_bf16_block *at, const float *sums);

#endif
