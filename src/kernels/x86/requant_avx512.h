/* SPDX-License-Identifier: Apache-2.0
 * From sums to codes, 64 channels at a time (kernels.h, mn_requant), for every kernel that has the
 * sums of some pixels together; and the sums of codes that products start from. */
#ifndef MN_KERNELS_X86_REQUANT_AVX512_H
#define MN_KERNELS_X86_REQUANT_AVX512_H

#include "kernels/kernels.h"
#include "kernels/x86/simd_avx512.h"

/* What a loop over rows is compiled for: one offset, one for each sign, some vectors in integers,
 * or floats that are the definition. */
enum { REQUANT_PLAIN, REQUANT_SIGNS, REQUANT_EXACT, REQUANT_REAL };

/* The fixed form of 16 channels, for both roundings at once: see requant_exact in requant_avx512.c.
 * Of pairs the even channels' and the odd ones', 64 bits a lane. */
typedef struct requant_exact_avx512 {
  __m512i left, less; /* 32 bits a lane */
  __m512i multiplier[2], nudge[2], negative[2], right[2];
} requant_exact_avx512;

/* Four vectors of 16 channels of one layer. */
typedef struct requant_avx512 {
  __m512 scale[4], above[4], below[4];
  int kind;
  int by_lanes;     /* see mn_requant_by_lanes_avx512 */
  __m512i up;       /* 16 bits: from the base to the middle of the type's codes */
  __m512i min, max; /* bytes, signed codes */
  __m512i flips;    /* bytes: from signed codes to the output's type */
  unsigned fixed;   /* bit j: vector j takes its fixed form */
  __m512i multiplier[4], shift[4];
  requant_exact_avx512 exact[4]; /* of those that do */
} requant_avx512;

/* Channels from n on in `vectors` vectors, which repeat where there are but one or two. */
void mn_requant_load_avx512(requant_avx512 *x, const mn_requant *from, size_t n, int vectors);

/* Constants loaded so, for sums in the order of bytes that were interleaved by unpacking: lane l of
 * vector j holds channels 16 l + 4 j to 16 l + 4 j + 3. Packing then restores the order by itself.
 */
void mn_requant_by_lanes_avx512(requant_avx512 *x, const mn_requant *from);

/* Four vectors as a square of 128-bit lanes, turned about its diagonal: from one order to the
 * other. */
void mn_turn_lanes_avx512(__m512i *x);

/* The sum of a row's k codes, which a zero point of the weights multiplies. */
uint32_t mn_sum_codes_avx512(const uint8_t *from, size_t k, uint8_t flip);

/* Writes `rows` rows of sums[rows][vectors], the first `count` channels of each; 1, 2 or 4 vectors.
 * What is left of the last four sums may be anything. */
void mn_requant_store_avx512(uint8_t *to, size_t stride, const __m512i *sums, size_t rows,
                             int vectors, size_t count, const requant_avx512 *by);

#endif
