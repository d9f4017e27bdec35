/* SPDX-License-Identifier: Apache-2.0
 * Training kernels, vectors of 8 floats. */
#define NAME avx2
enum { LANES = 8, ROWS = 6 };
#include "kernels/grad/grad_f32.h"
