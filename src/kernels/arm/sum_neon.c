/* SPDX-License-Identifier: Apache-2.0
 * Sums over a window: channels side by side in registers while the window passes, so that every
 * channel is summed in the reference's order. Codes are summed in 16 bits, 256 pixels at most at a
 * time. */
#include "kernels/arm/simd_neon.h"
#include "kernels/kernels.h"

enum { Q8_PIXELS = 256 }; /* times 255 fits 16 bits */

/* In elements. */
MN_INLINE size_t pixel_at(const mn_sum_args *args, size_t row, size_t col) {
  return row * args->row_stride + col * args->pixel_stride;
}

/* `vectors` of 4 channels, of the last of which `live` are. */
MN_INLINE void sum_channels_f32(const mn_sum_args *args, size_t c, const int vectors, size_t live) {
  float *sums = (float *)args->sums + c;
  float32x4_t sum[8];
  MN_UNROLL for (int j = 0; j < vectors; j++) sum[j] = load_f32_neon(sums + 4 * j, live);
  for (size_t row = 0; row < args->rows; row++) {
    for (size_t col = 0; col < args->cols; col++) {
      const float *in = (const float *)args->in + pixel_at(args, row, col) + c;
      MN_UNROLL for (int j = 0; j < vectors; j++) {
        sum[j] = vaddq_f32(sum[j], load_f32_neon(in + 4 * j, live));
      }
    }
  }
  MN_UNROLL for (int j = 0; j < vectors; j++) store_f32_neon(sums + 4 * j, sum[j], live);
}

void mn_sum_f32_neon(const mn_sum_args *args) {
  size_t c = 0;
  for (; args->channels - c >= 32; c += 32) sum_channels_f32(args, c, 8, 4);
  for (; args->channels - c >= 4; c += 4) sum_channels_f32(args, c, 1, 4);
  if (c < args->channels) sum_channels_f32(args, c, 1, args->channels - c);
}

/* sums[8] += 8 unsigned numbers of 16 bits. */
MN_INLINE void add_8(int32_t *sums, uint16x8_t x) {
  uint32_t *const to = (uint32_t *)sums;
  vst1q_u32(to, vaddw_u16(vld1q_u32(to), vget_low_u16(x)));
  vst1q_u32(to + 4, vaddw_high_u16(vld1q_u32(to + 4), x));
}

/* `vectors` of 8 channels. */
MN_INLINE void sum_channels_q8(const mn_sum_args *args, size_t c, const int vectors) {
  const uint8x8_t flips = vdup_n_u8(args->flip);
  int32_t *sums = (int32_t *)args->sums + c;
  uint16x8_t sum[4];
  size_t room = Q8_PIXELS;
  MN_UNROLL for (int j = 0; j < vectors; j++) sum[j] = vdupq_n_u16(0);
  for (size_t row = 0; row < args->rows; row++) {
    for (size_t col = 0; col < args->cols; col++) {
      const uint8_t *in = (const uint8_t *)args->in + pixel_at(args, row, col) + c;
      MN_UNROLL for (int j = 0; j < vectors; j++) {
        sum[j] = vaddw_u8(sum[j], veor_u8(vld1_u8(in + 8 * j), flips));
      }
      if (--room > 0) continue;
      MN_UNROLL for (int j = 0; j < vectors; j++) {
        add_8(sums + 8 * j, sum[j]);
        sum[j] = vdupq_n_u16(0);
      }
      room = Q8_PIXELS;
    }
  }
  MN_UNROLL for (int j = 0; j < vectors; j++) add_8(sums + 8 * j, sum[j]);
}

void mn_sum_q8_neon(const mn_sum_args *args) {
  size_t c = 0;
  for (; args->channels - c >= 32; c += 32) sum_channels_q8(args, c, 4);
  for (; args->channels - c >= 8; c += 8) sum_channels_q8(args, c, 1);
  mn_sum_args rest = *args;
  rest.in = (const uint8_t *)args->in + c;
  rest.sums = (int32_t *)args->sums + c;
  rest.channels -= c;
  if (rest.channels > 0) mn_sum_q8_ref(&rest);
}
