/* SPDX-License-Identifier: Apache-2.0
 * Float depthwise convolution, 4 channels at a time. */
#include "kernels/kernels.h"

#include "kernels/dw_f32_tile.h"

void mn_dw_f32_7x4_neon(const mn_dw_f32_args *args) { depthwise(args); }
