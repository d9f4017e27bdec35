/* SPDX-License-Identifier: Apache-2.0
 * What every NEON kernel shares: forced inlining and unrolling (an accumulator array lives in
 * registers only if its loops vanish), loads and stores of the first few lanes, the float clamp. */
#ifndef MN_KERNELS_ARM_SIMD_NEON_H
#define MN_KERNELS_ARM_SIMD_NEON_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MN_INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define MN_UNROLL _Pragma("unroll")
#else
#define MN_UNROLL _Pragma("GCC unroll 32")
#endif

/* The first `count` of 4 floats, zeros behind them. */
MN_INLINE float32x4_t load_f32_neon(const float *from, size_t count) {
  if (count >= 4) return vld1q_f32(from);
  float x[4] = {0};
  for (size_t i = 0; i < count; i++) x[i] = from[i];
  return vld1q_f32(x);
}

MN_INLINE void store_f32_neon(float *to, float32x4_t x, size_t count) {
  if (count >= 4) {
    vst1q_f32(to, x);
    return;
  }
  if (count & 2) {
    vst1_f32(to, vget_low_f32(x));
    x = vextq_f32(x, x, 2);
    to += 2;
  }
  if (count & 1) vst1q_lane_f32(to, x, 0);
}

/* The first `count` of 8 bytes, zeros behind them. */
MN_INLINE uint8x8_t load_bytes_neon(const uint8_t *from, size_t count) {
  if (count >= 8) return vld1_u8(from);
  uint8_t x[8] = {0};
  for (size_t i = 0; i < count; i++) x[i] = from[i];
  return vld1_u8(x);
}

MN_INLINE void store_bytes_neon(uint8_t *to, uint8x8_t x, size_t count) {
  if (count >= 8) {
    vst1_u8(to, x);
    return;
  }
  uint64_t bytes = vget_lane_u64(vreinterpret_u64_u8(x), 0);
  for (size_t i = 0; i < count; i++, bytes >>= 8) to[i] = (uint8_t)bytes;
}

/* The number, where one of max's operands is NaN: clamp(NaN) = lo. */
MN_INLINE float32x4_t clamp_f32_neon(float32x4_t x, float32x4_t lo, float32x4_t hi) {
  return vminnmq_f32(vmaxnmq_f32(x, lo), hi);
}

/* x * (clamp(x + 3, 0, 6) * (1/6)) */
MN_INLINE float32x4_t hard_swish_neon(float32x4_t x) {
  const float32x4_t shifted = vaddq_f32(x, vdupq_n_f32(3.0f));
  const float32x4_t gate = clamp_f32_neon(shifted, vdupq_n_f32(0.0f), vdupq_n_f32(6.0f));
  return vmulq_f32(x, vmulq_f32(gate, vdupq_n_f32(1.0f / 6.0f)));
}

#endif
