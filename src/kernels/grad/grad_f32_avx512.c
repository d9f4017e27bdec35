/* SPDX-License-Identifier: Apache-2.0
 * Training kernels, vectors of 16 floats. */
#include <immintrin.h>
#include <stddef.h>

#define NAME avx512
enum { LANES = 16, ROWS = 12 };

#define FIRST_LANES(count) (__mmask16)(count < 16 ? (1u << count) - 1 : 0xffffu)
#define LOAD_SOME(from, count) (vec) _mm512_maskz_loadu_ps(FIRST_LANES(count), from)
#define STORE_SOME(to, x, count) _mm512_mask_storeu_ps(to, FIRST_LANES(count), (__m512)(x))

#include "kernels/grad/grad_f32.h"
