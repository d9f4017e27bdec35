/* SPDX-License-Identifier: Apache-2.0
 * Any function of a byte, 64 bytes at a time, by shuffles of 16 entries of its table. A shuffle
 * gives 0 where the index is negative, else what its low four bits choose. So each half of the
 * codes counts down by 16 and takes, as long as it is not negative, an entry of one part after
 * another; a part is stored as its difference (xor) from the one before, so that the sum of all
 * that were taken is the last. The other half is negative from the beginning. */
#include "kernels/kernels.h"
#include "kernels/x86/simd_avx2.h"

enum { PART = 16, PARTS = 8, BYTES = 64 };

/* Of half a table, [part][entry]. */
typedef struct differences {
  __m128i part[PARTS];
} differences;

static differences differences_of(const uint8_t *table) {
  differences d;
  __m128i before = _mm_setzero_si128();
  for (int i = 0; i < PARTS; i++) {
    const __m128i part = _mm_loadu_si128((const __m128i *)(table + PART * i));
    d.part[i] = _mm_xor_si128(part, before);
    before = part;
  }
  return d;
}

/* found[2] ^= the entries of codes[2] that are not negative. */
MN_INLINE void look_up(const differences *d, const __m256i *codes, __m256i *found) {
  __m256i index[2] = {codes[0], codes[1]};
  MN_UNROLL for (int i = 0; i < PARTS; i++) {
    const __m256i part = _mm256_broadcastsi128_si256(d->part[i]);
    MN_UNROLL for (int j = 0; j < 2; j++) {
      found[j] = _mm256_xor_si256(found[j], _mm256_shuffle_epi8(part, index[j]));
      index[j] = _mm256_subs_epi8(index[j], _mm256_set1_epi8(PART));
    }
  }
}

MN_INLINE void look_up_64(const differences d[2], const uint8_t *in, uint8_t *out) {
  __m256i codes[2], found[2];
  MN_UNROLL for (int j = 0; j < 2; j++) {
    codes[j] = _mm256_loadu_si256((const __m256i *)(in + 32 * j));
    found[j] = _mm256_setzero_si256();
  }
  look_up(&d[0], codes, found);
  MN_UNROLL for (int j = 0; j < 2; j++) {
    codes[j] = _mm256_xor_si256(codes[j], _mm256_set1_epi8((char)0x80));
  }
  look_up(&d[1], codes, found);
  MN_UNROLL for (int j = 0; j < 2; j++) {
    _mm256_storeu_si256((__m256i *)(out + 32 * j), found[j]);
  }
}

void mn_lut8_avx2(const mn_lut8_args *args) {
  const differences d[2] = {differences_of(args->table), differences_of(args->table + 128)};
  size_t i = 0;
  for (; args->count - i >= BYTES; i += BYTES) look_up_64(d, args->in + i, args->out + i);
  for (; i < args->count; i++) args->out[i] = args->table[args->in[i]];
}
