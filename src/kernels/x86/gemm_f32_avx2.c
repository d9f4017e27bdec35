/* SPDX-License-Identifier: Apache-2.0
 * Float matrix product, tiles of 6 rows x 16 columns: 12 sums, two vectors of weights and one
 * broadcast fill the 16 registers. */
#include "kernels/kernels.h"
#include "kernels/x86/lanes_avx2.h"

#include "kernels/x86/gemm_f32_tile.h"

void mn_gemm_f32_6x16_avx2(const mn_gemm_f32_args *args) { product(args); }
