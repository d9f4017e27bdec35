/* SPDX-License-Identifier: Apache-2.0
 * Gradients of weights in bf16: mn_outer_args' sums of products of operands that are rounded to it.
 * Products are exact in float, so kernels differ by the order of additions only; denormals may
 * count as zeros. */
#ifndef MN_KERNELS_GRAD_OUTER_BF16_H
#define MN_KERNELS_GRAD_OUTER_BF16_H

#include "kernels/grad/grad.h"

enum { MN_OUTER_BF16_PIXELS = 128 }; /* that are rounded at a time */

/* `scratch` is mn_outer_bf16_scratch(m, n) bytes, aligned to 64; `kernels` are of this CPU. */
typedef void mn_outer_bf16_fn(const mn_outer_args *args, const mn_grad_kernels *kernels,
                              void *scratch);
mn_outer_bf16_fn mn_outer_bf16_plain, mn_outer_bf16_amx;

/* The best for these mn_cpu_features. */
mn_outer_bf16_fn *mn_outer_bf16_select(uint32_t features);
size_t mn_outer_bf16_scratch(size_t m, size_t n);

#endif
