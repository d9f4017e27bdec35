/* SPDX-License-Identifier: Apache-2.0
 * Float depthwise convolution, 8 channels at a time. */
#include "kernels/kernels.h"
#include "kernels/x86/lanes_avx2.h"

#include "kernels/dw_f32_tile.h"

void mn_dw_f32_7x8_avx2(const mn_dw_f32_args *args) { depthwise(args); }
