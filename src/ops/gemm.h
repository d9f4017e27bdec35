/* SPDX-License-Identifier: Apache-2.0
 * The matrix product under conv2d and dense: chooses the kernel, packs weights [n][k] with bias and
 * requantization, runs a block of rows. One packed block:
 *     panels | bias [padded_n] | requantization of padded_n channels  (the last for u8, i8)
 * A kernel of bf16 rounds rows to scratch first, which the step has beside its own. */
#ifndef MN_OPS_GEMM_H
#define MN_OPS_GEMM_H

#include "ops/requantize.h"

typedef struct mn_gemm {
  const mn_kernel *kernel;
  size_t n, k;
  size_t segments; /* f32: the pieces that the k elements of a row may lie in, 0 or 1: one */
  size_t padded_n, padded_k; /* to whole panels and whole groups of k */
  size_t element;            /* bytes of an activation */
  size_t row_bytes;          /* of a row as the kernel reads it again and again */
  size_t bias_offset, requant_offset, packed_bytes;
  mn_finish_f32 finish;                /* f32 */
  size_t scratch_offset, scratch_rows; /* bf16: in the step's scratch; rows that it holds */
  uint8_t flip;                        /* 8 bit: see kernels.h */
  int32_t w_zero;                      /* slot gemm_q8s only: left in the weights */
  mn_requant_layer requant;
} mn_gemm;

/* A block of rows to multiply. */
typedef struct mn_gemm_block {
  const void *a;               /* [m][a_stride] */
  bool codes;                  /* 8 bit: of a are unsigned codes, padded by zeros to padded_k */
  const void *const *segments; /* f32, instead of a: [gemm->segments] of [m][a_stride] */
  void *scratch;               /* bf16: the step's */
  size_t a_stride;
  void *c; /* [m][c_stride], at column 0 */
  size_t c_stride;
  size_t m;
  size_t n_begin, n_end; /* columns; n_begin a multiple of the panel width */
  const mn_ahead *ahead; /* f32: to be fetched meanwhile, NULL: nothing */
} mn_gemm_block;

/* step->in[1] are weights of n rows of k elements, in[2] an optional bias. */
void mn_gemm_plan(mn_gemm *gemm, const mn_step *step, const mn_op_request *request, mn_act act);
/* Adds what the kernel needs beside the step's own scratch, to multiply up to `rows` at a time. */
void mn_gemm_add_scratch(mn_gemm *gemm, mn_step *step, const mn_op_request *request, size_t rows);
void mn_gemm_pack(const mn_gemm *gemm, const mn_step *step, void *packed);
/* Bytes of the packed weights of some columns. */
size_t mn_gemm_weight_bytes(const mn_gemm *gemm, size_t columns);
/* Bytes that a block of so many rows and columns has time to fetch beside its own weights. */
size_t mn_gemm_spare(const mn_gemm *gemm, size_t rows, size_t columns);
void mn_gemm_run(const mn_gemm *gemm, const void *packed, const mn_gemm_block *block);

/* The zero point of an input in unsigned codes, and the byte that means 0.0. */
int32_t mn_input_zero_code(const mn_operand *operand);

/* The weights of one channel, zero point taken out. */
typedef struct mn_weight_sum {
  int64_t all, positive;
} mn_weight_sum;

/* Channel c's bias with the input's zero point folded in; modulo 2^32: the whole accumulation fits
 * (verify.c), its parts need not. `range` receives what the sums can be; NULL: not wanted. */
int32_t mn_folded_bias(const mn_step *step, size_t c, mn_weight_sum weights, mn_sum_range *range);

#endif
