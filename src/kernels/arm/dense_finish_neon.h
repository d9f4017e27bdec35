/* SPDX-License-Identifier: Apache-2.0
 * The end of an 8-bit fully connected layer, four outputs at a time: from sums to codes in double,
 * rounded half away from zero as dense_q8_ref.c does. */
#ifndef MN_KERNELS_ARM_DENSE_FINISH_NEON_H
#define MN_KERNELS_ARM_DENSE_FINISH_NEON_H

#include "kernels/arm/simd_neon.h"
#include "kernels/kernels.h"

/* Saturated to 32 bits. */
MN_INLINE int32x2_t scale_two(int32x2_t sums, const double *scale) {
  const float64x2_t real = vmulq_f64(vcvtq_f64_s64(vmovl_s32(sums)), vld1q_f64(scale));
  return vqmovn_s64(vcvtaq_s64_f64(real));
}

/* Writes the codes of outputs [n, n + 4) of row m, or of those that there are; `extra` is taken out
 * of each sum. */
MN_INLINE void dense_finish_neon(const mn_dense_q8_args *args, size_t m, size_t n, int32x4_t sums,
                                 int32_t extra) {
  const size_t count = args->n - n < 4 ? args->n - n : 4;
  double scale[4] = {0};
  int32_t bias[4] = {0};
  memcpy(scale, args->scale + n, count * sizeof *scale);
  memcpy(bias, args->bias + n, count * sizeof *bias);
  sums = vsubq_s32(vaddq_s32(sums, vld1q_s32(bias)), vdupq_n_s32(extra));
  int32x4_t codes =
      vcombine_s32(scale_two(vget_low_s32(sums), scale), scale_two(vget_high_s32(sums), scale + 2));
  codes = vqaddq_s32(codes, vdupq_n_s32(args->out_zero));
  codes = vmaxq_s32(codes, vdupq_n_s32(args->out_min));
  codes = vminq_s32(codes, vdupq_n_s32(args->out_max));
  const int16x4_t narrow = vmovn_s32(codes);
  const uint8x8_t bytes = vreinterpret_u8_s8(vmovn_s16(vcombine_s16(narrow, narrow)));
  store_bytes_neon(args->c + m * args->c_stride + n, bytes, count);
}

#endif
