/* SPDX-License-Identifier: Apache-2.0
 * A transposed convolution whose windows lie side by side (the kernel is as large as the stride, as
 * at the end of MediaPipe's segmentation): every input pixel is multiplied into its own block of
 * the output, a matrix product of all taps at once. A slice is an input row. Floats. */
#ifndef MN_OPS_TRANSPOSE_PRODUCT_H
#define MN_OPS_TRANSPOSE_PRODUCT_H

#include "ops/ops.h"

typedef struct mn_transpose_product mn_transpose_product;

/* Receives NULL where the step is no such convolution; else plans it but for step->params. */
mn_status mn_transpose_product_plan(mn_transpose_product **out, mn_step *step,
                                    const mn_op_request *request, mn_error *err);
void mn_transpose_product_pack(const mn_transpose_product *product, void *packed);
void mn_transpose_product_run(const mn_transpose_product *product, const mn_step *step,
                              const mn_run *run, size_t begin, size_t end);

#endif
