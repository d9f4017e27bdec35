/* SPDX-License-Identifier: Apache-2.0
 * Any function of a byte, 16 bytes at a time: one look-up for each quarter of its table, which
 * leaves alone what the others found. */
#include "kernels/arm/simd_neon.h"
#include "kernels/kernels.h"

MN_INLINE uint8x16_t look_up_16(const uint8x16x4_t *table, uint8x16_t codes) {
  uint8x16_t out = vqtbl4q_u8(table[0], codes);
  out = vqtbx4q_u8(out, table[1], vsubq_u8(codes, vdupq_n_u8(64)));
  out = vqtbx4q_u8(out, table[2], vsubq_u8(codes, vdupq_n_u8(128)));
  return vqtbx4q_u8(out, table[3], vsubq_u8(codes, vdupq_n_u8(192)));
}

void mn_lut8_neon(const mn_lut8_args *args) {
  uint8x16x4_t table[4];
  size_t i = 0;
  MN_UNROLL for (int j = 0; j < 16; j++) table[j / 4].val[j % 4] = vld1q_u8(args->table + 16 * j);
  for (; args->count - i >= 16; i += 16) {
    vst1q_u8(args->out + i, look_up_16(table, vld1q_u8(args->in + i)));
  }
  for (; i < args->count; i++) args->out[i] = args->table[args->in[i]];
}
