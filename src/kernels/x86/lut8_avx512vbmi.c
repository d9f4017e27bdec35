/* SPDX-License-Identifier: Apache-2.0
 * Any function of a byte, 64 bytes at a time: its table is four registers, of which one permutation
 * looks into two; the byte's highest bit chooses between the pairs. */
#include "kernels/kernels.h"
#include "kernels/x86/simd_avx512.h"

enum { BYTES = 64 };

typedef struct table {
  __m512i part[4];
} table;

MN_INLINE void look_up(const table *t, const uint8_t *in, uint8_t *out) {
  const __m512i codes = _mm512_loadu_si512(in);
  const __m512i low = _mm512_permutex2var_epi8(t->part[0], codes, t->part[1]);
  const __m512i high = _mm512_permutex2var_epi8(t->part[2], codes, t->part[3]);
  _mm512_storeu_si512(out, _mm512_mask_blend_epi8(_mm512_movepi8_mask(codes), low, high));
}

void mn_lut8_avx512vbmi(const mn_lut8_args *args) {
  table t;
  size_t i = 0;
  MN_UNROLL for (int j = 0; j < 4; j++) t.part[j] = _mm512_loadu_si512(args->table + BYTES * j);
  for (; args->count - i >= BYTES; i += BYTES) look_up(&t, args->in + i, args->out + i);
  if (i == args->count) return;
  uint8_t rest[BYTES] = {0};
  memcpy(rest, args->in + i, args->count - i);
  look_up(&t, rest, rest);
  memcpy(args->out + i, rest, args->count - i);
}
