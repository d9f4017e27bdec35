/* SPDX-License-Identifier: Apache-2.0
 * Sum and product of codes in float, 8 at a time, as ref/eltwise_real_q8_ref.c. The last few are
 * copied to a whole vector. */
#include "kernels/arm/simd_neon.h"
#include "kernels/kernels.h"

typedef struct real_codes {
  float32x4_t a_scale, b_scale, constant, min, max;
  int16x8_t a_zero, b_zero;
  uint8x8_t flips;
} real_codes;

MN_INLINE float32x4_t to_float(int16x4_t x) { return vcvtq_f32_s32(vmovl_s16(x)); }

MN_INLINE float32x4_t sum_4(const real_codes *by, int16x4_t a, int16x4_t b) {
  const float32x4_t sum = vfmaq_f32(by->constant, to_float(b), by->b_scale);
  return vfmaq_f32(sum, to_float(a), by->a_scale);
}

MN_INLINE float32x4_t product_4(const real_codes *by, int16x4_t a, int16x4_t b) {
  return vaddq_f32(vmulq_f32(vcvtq_f32_s32(vmull_s16(a, b)), by->a_scale), by->constant);
}

/* Of 4 steps of the output's scale, rounded half to even. */
MN_INLINE int16x4_t to_codes(const real_codes *by, float32x4_t x) {
  return vmovn_s32(vcvtnq_s32_f32(vminnmq_f32(vmaxnmq_f32(x, by->min), by->max)));
}

MN_INLINE uint8x8_t apply_8(const real_codes *by, uint8x8_t a, uint8x8_t b, const int is_sum) {
  const int16x8_t x = vsubq_s16(vreinterpretq_s16_u16(vmovl_u8(veor_u8(a, by->flips))), by->a_zero);
  const int16x8_t y = vsubq_s16(vreinterpretq_s16_u16(vmovl_u8(veor_u8(b, by->flips))), by->b_zero);
  float32x4_t low, high;
  if (is_sum) {
    low = sum_4(by, vget_low_s16(x), vget_low_s16(y));
    high = sum_4(by, vget_high_s16(x), vget_high_s16(y));
  } else {
    low = product_4(by, vget_low_s16(x), vget_low_s16(y));
    high = product_4(by, vget_high_s16(x), vget_high_s16(y));
  }
  const int16x8_t codes = vcombine_s16(to_codes(by, low), to_codes(by, high));
  return veor_u8(vqmovun_s16(codes), by->flips);
}

MN_INLINE void apply_all(const real_codes *from, const uint8_t *a, const uint8_t *b, uint8_t *out,
                         size_t count, const int is_sum) {
  const real_codes by = *from; /* in registers */
  size_t i = 0;
  for (; count - i >= 8; i += 8) {
    vst1_u8(out + i, apply_8(&by, vld1_u8(a + i), vld1_u8(b + i), is_sum));
  }
  const size_t left = count - i;
  const uint8x8_t x = load_bytes_neon(a + i, left), y = load_bytes_neon(b + i, left);
  store_bytes_neon(out + i, apply_8(&by, x, y, is_sum), left);
}

void mn_add_real_q8_neon(const mn_add_real_q8_args *args) {
  const real_codes by = {.a_scale = vdupq_n_f32(args->a_scale),
                         .b_scale = vdupq_n_f32(args->b_scale),
                         .constant = vdupq_n_f32(args->constant),
                         .min = vdupq_n_f32((float)args->out_min),
                         .max = vdupq_n_f32((float)args->out_max),
                         .a_zero = vdupq_n_s16(0),
                         .b_zero = vdupq_n_s16(0),
                         .flips = vdup_n_u8(args->flip)};
  apply_all(&by, args->a, args->b, args->out, args->count, 1);
}

void mn_mul_real_q8_neon(const mn_mul_real_q8_args *args) {
  const real_codes by = {.a_scale = vdupq_n_f32(args->scale),
                         .b_scale = vdupq_n_f32(0.0f),
                         .constant = vdupq_n_f32((float)args->out_zero),
                         .min = vdupq_n_f32((float)args->out_min),
                         .max = vdupq_n_f32((float)args->out_max),
                         .a_zero = vdupq_n_s16((int16_t)args->a_zero),
                         .b_zero = vdupq_n_s16((int16_t)args->b_zero),
                         .flips = vdup_n_u8(args->flip)};
  apply_all(&by, args->a, args->b, args->out, args->count, 0);
}
