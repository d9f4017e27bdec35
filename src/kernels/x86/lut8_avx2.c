/* SPDX-License-Identifier: Apache-2.0
 * Any function of a byte, 32 bytes at a time: 16 shuffles of 16 entries of its table. */
#include "kernels/kernels.h"
#include "kernels/x86/simd_avx2.h"

/* A shuffle gives 0 where the index has its top bit set: after ^ (16 j) and a saturating + 0x70
 * that is every code outside [16 j, 16 j + 16). */
MN_INLINE __m256i look_up_32(const uint8_t *table, __m256i codes) {
  const __m256i seventy = _mm256_set1_epi8(0x70);
  __m256i out = _mm256_setzero_si256();
  MN_UNROLL for (int j = 0; j < 16; j++) {
    const __m128i part = _mm_loadu_si128((const __m128i *)(table + 16 * j));
    const __m256i index = _mm256_xor_si256(codes, _mm256_set1_epi8((char)(16 * j)));
    const __m256i found =
        _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(part), _mm256_adds_epu8(index, seventy));
    out = _mm256_or_si256(out, found);
  }
  return out;
}

void mn_lut8_avx2(const mn_lut8_args *args) {
  size_t i = 0;
  for (; args->count - i >= 32; i += 32) {
    const __m256i codes = _mm256_loadu_si256((const __m256i *)(args->in + i));
    _mm256_storeu_si256((__m256i *)(args->out + i), look_up_32(args->table, codes));
  }
  for (; i < args->count; i++) args->out[i] = args->table[args->in[i]];
}
