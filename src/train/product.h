/* SPDX-License-Identifier: Apache-2.0
 * Products of pixels with a layer's weights, by the kernels of inference: the forward pass of a
 * pointwise layer, and the gradient of any layer's input. In bf16 where the plan asks for it:
 * operands are rounded, sums are floats. One packed block: panels of weights, and a bias of zeros
 * that the kernels add. */
#ifndef MN_TRAIN_PRODUCT_H
#define MN_TRAIN_PRODUCT_H

#include "kernels/grad/outer_bf16.h"
#include "ops/ops.h"

typedef struct mn_product {
  const mn_kernel *kernel;
  const mn_grad_kernels *kernels;
  size_t n, k;                         /* columns, and what each sums over */
  size_t depth;                        /* k as it is packed */
  size_t zeros_offset;                 /* of the bias, in the pack */
  size_t scratch_offset, scratch_rows; /* bf16: of rounded rows, in the step's scratch */
} mn_product;

/* Of at most `rows` rows at a time. Sets step->packed_bytes and adds to step->scratch_bytes. */
void mn_product_plan(mn_product *product, mn_step *step, const mn_op_request *request, size_t rows);

/* Weights [n][k]. */
void mn_product_pack(const mn_product *product, const float *weights, void *packed);
/* Weights [k / taps][taps][n]; what is summed over is [taps][k / taps]. */
void mn_product_pack_turned(const mn_product *product, const float *weights, size_t taps,
                            void *packed);

/* out [rows][n] = a [rows][k] times the step's packed weights. */
void mn_product_run(const mn_product *product, const mn_step *step, const mn_run *run,
                    const float *a, size_t rows, float *out);

/* Sums of outer products over pixels: gradients of weights. Likewise in bf16. */
typedef struct mn_outer {
  const mn_grad_kernels *kernels;
  mn_outer_bf16_fn *bf16; /* NULL: in f32 */
  size_t scratch_offset;
} mn_outer;

/* Of at most m x n weights. Adds to step->scratch_bytes. */
void mn_outer_plan(mn_outer *outer, mn_step *step, const mn_op_request *request, size_t m,
                   size_t n);
void mn_outer_run(const mn_outer *outer, const mn_run *run, const mn_outer_args *args);

#endif
