/* SPDX-License-Identifier: Apache-2.0
 * Float matrix product, tiles of 7 rows x 32 columns: 14 sums hide the latency of two FMAs a
 * cycle, 9 loads for 14 FMAs leave the load ports idle, the row pointers fit the registers, and 7
 * divides the 49, 196, 784 and 3136 pixels of MobileNets. */
#include "kernels/kernels.h"
#include "kernels/x86/lanes_avx512.h"

#include "kernels/x86/gemm_f32_tile.h"

void mn_gemm_f32_7x32_avx512(const mn_gemm_f32_args *args) { product(args); }
