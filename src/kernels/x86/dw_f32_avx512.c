/* SPDX-License-Identifier: Apache-2.0
 * Float depthwise convolution, 16 channels at a time. */
#include "kernels/kernels.h"
#include "kernels/x86/lanes_avx512.h"

#include "kernels/dw_f32_tile.h"

void mn_dw_f32_7x16_avx512(const mn_dw_f32_args *args) { depthwise(args); }
