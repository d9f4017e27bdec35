/* SPDX-License-Identifier: Apache-2.0
 * Training kernels, vectors of 4 floats. */
#include "kernels/grad/grad_f32.h"
