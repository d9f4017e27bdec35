/* SPDX-License-Identifier: Apache-2.0
 * Elementwise kernels in float, 4 values at a time: the reference's operations in its order, so
 * results are equal to the last bit. The last few are copied to a whole vector, which also keeps
 * `out` free to be one of the inputs. */
#include "kernels/arm/simd_neon.h"
#include "kernels/kernels.h"

typedef float32x4_t binary_fn(float32x4_t a, float32x4_t b);
typedef float32x4_t unary_fn(float32x4_t x);

/* Inlined with a constant `combine`, which is then inlined too. */
MN_INLINE void binary(const mn_binary_f32_args *args, binary_fn *combine) {
  const float32x4_t lo = vdupq_n_f32(args->lo), hi = vdupq_n_f32(args->hi);
  size_t i = 0;
  for (; args->count - i >= 4; i += 4) {
    const float32x4_t x = combine(vld1q_f32(args->a + i), vld1q_f32(args->b + i));
    vst1q_f32(args->out + i, clamp_f32_neon(x, lo, hi));
  }
  const size_t left = args->count - i;
  const float32x4_t x = combine(load_f32_neon(args->a + i, left), load_f32_neon(args->b + i, left));
  store_f32_neon(args->out + i, clamp_f32_neon(x, lo, hi), left);
}

MN_INLINE void unary(const mn_unary_f32_args *args, unary_fn *function) {
  size_t i = 0;
  for (; args->count - i >= 4; i += 4) {
    vst1q_f32(args->out + i, function(vld1q_f32(args->in + i)));
  }
  const size_t left = args->count - i;
  store_f32_neon(args->out + i, function(load_f32_neon(args->in + i, left)), left);
}

MN_INLINE float32x4_t sum(float32x4_t a, float32x4_t b) { return vaddq_f32(a, b); }
MN_INLINE float32x4_t difference(float32x4_t a, float32x4_t b) { return vsubq_f32(a, b); }
MN_INLINE float32x4_t product(float32x4_t a, float32x4_t b) { return vmulq_f32(a, b); }

/* clamp(x + 3, 0, 6) / 6; NaN stays. */
MN_INLINE float32x4_t hard_sigmoid(float32x4_t x) {
  const float32x4_t six = vdupq_n_f32(6.0f), shifted = vaddq_f32(x, vdupq_n_f32(3.0f));
  const float32x4_t y = vdivq_f32(clamp_f32_neon(shifted, vdupq_n_f32(0.0f), six), six);
  return vbslq_f32(vceqq_f32(x, x), y, x);
}

/* 2^n in each lane, -126 <= n <= 127 */
MN_INLINE float32x4_t power_of_two(int32x4_t n) {
  return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(n, vdupq_n_s32(127)), 23));
}

MN_INLINE float32x4_t times_plus(float32x4_t p, float32x4_t r, float c) {
  return vaddq_f32(vmulq_f32(p, r), vdupq_n_f32(c));
}

/* mn_exp_one_f32 for x <= 0 or NaN: its steps, none fused. Below -104 the caller replaces it. */
MN_INLINE float32x4_t exp_negative(float32x4_t x) {
  const float32x4_t scaled = vmulq_f32(x, vdupq_n_f32(1.44269504f));
  const int32x4_t n = vcvtq_s32_f32(vsubq_f32(scaled, vdupq_n_f32(0.5f)));
  const float32x4_t f = vcvtq_f32_s32(n);
  float32x4_t r = vsubq_f32(x, vmulq_f32(f, vdupq_n_f32(0.693145752f)));
  r = vsubq_f32(r, vmulq_f32(f, vdupq_n_f32(1.42860677e-6f)));
  float32x4_t p = vdupq_n_f32(1.97902482e-4f);
  p = times_plus(p, r, 1.39447593e-3f);
  p = times_plus(p, r, 8.33349768e-3f);
  p = times_plus(p, r, 4.16662954e-2f);
  p = times_plus(p, r, 1.66666657e-1f);
  p = times_plus(p, r, 0.5f);
  const float32x4_t tail = vaddq_f32(r, vmulq_f32(vmulq_f32(r, r), p));
  const float32x4_t e = vaddq_f32(vdupq_n_f32(1.0f), tail);
  const int32x4_t sign = vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(n), 31));
  const int32x4_t half = vshrq_n_s32(vaddq_s32(n, sign), 1);
  return vmulq_f32(vmulq_f32(e, power_of_two(half)), power_of_two(vsubq_s32(n, half)));
}

/* e^-|x| in range, then e / (1 + e) or 1 / (1 + e). */
MN_INLINE float32x4_t logistic(float32x4_t x) {
  const float32x4_t one = vdupq_n_f32(1.0f), least = vdupq_n_f32(-104.0f);
  const uint32x4_t negative = vcltq_f32(x, vdupq_n_f32(0.0f));
  const float32x4_t depth = vnegq_f32(vabsq_f32(x));
  const uint32x4_t tiny = vcleq_f32(depth, least);
  const float32x4_t grown = exp_negative(vbslq_f32(tiny, least, depth));
  const float32x4_t e = vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(grown), tiny));
  return vdivq_f32(vbslq_f32(negative, e, one), vaddq_f32(one, e));
}

void mn_add_f32_neon(const mn_binary_f32_args *args) { binary(args, sum); }
void mn_sub_f32_neon(const mn_binary_f32_args *args) { binary(args, difference); }
void mn_mul_f32_neon(const mn_binary_f32_args *args) { binary(args, product); }
void mn_hard_swish_f32_neon(const mn_unary_f32_args *args) { unary(args, hard_swish_neon); }
void mn_hard_sigmoid_f32_neon(const mn_unary_f32_args *args) { unary(args, hard_sigmoid); }
void mn_logistic_f32_neon(const mn_unary_f32_args *args) { unary(args, logistic); }

void mn_clamp_f32_neon(const mn_unary_f32_args *args) {
  const float32x4_t lo = vdupq_n_f32(args->lo), hi = vdupq_n_f32(args->hi);
  size_t i = 0;
  for (; args->count - i >= 4; i += 4) {
    vst1q_f32(args->out + i, clamp_f32_neon(vld1q_f32(args->in + i), lo, hi));
  }
  const size_t left = args->count - i;
  const float32x4_t x = load_f32_neon(args->in + i, left);
  store_f32_neon(args->out + i, clamp_f32_neon(x, lo, hi), left);
}
