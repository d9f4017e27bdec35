/* SPDX-License-Identifier: Apache-2.0
 * Training kernels, vectors of 16 floats. */
#define NAME avx512
enum { LANES = 16, ROWS = 12 };
#include "kernels/grad/grad_f32.h"
