/* SPDX-License-Identifier: Apache-2.0
 * Elementwise kernels in 8 bits, 8 codes at a time: sum and product in the reference's integers.
 * The last few are copied to a whole vector. */
#include "kernels/arm/requant_neon.h"
#include "kernels/kernels.h"

/* One multiplier and shift for all channels. */
static requant_neon same_lanes(int32_t multiplier, int32_t shift) {
  requant_neon x = {.kind = shift < 0 ? REQUANT_RIGHT : REQUANT_FIXED};
  for (int j = 0; j < 2; j++) {
    x.multiplier[j] = vdupq_n_s32(multiplier);
    x.left[j] = vdupq_n_s32(shift > 0 ? shift : 0);
    x.right[j] = vdupq_n_s32(shift < 0 ? shift : 0);
  }
  return x;
}

static requant_neon output_lanes(int32_t multiplier, int32_t shift, int32_t zero, int32_t min,
                                 int32_t max) {
  requant_neon x = same_lanes(multiplier, shift);
  x.out_zero = zero;
  x.zero = vdupq_n_s16((int16_t)zero);
  x.min = vdupq_n_s16((int16_t)min);
  x.max = vdupq_n_s16((int16_t)max);
  return x;
}

/* Codes less their zero point. */
MN_INLINE int16x8_t centred(uint8x8_t bytes, uint8x8_t flips, uint8x8_t zero) {
  return vreinterpretq_s16_u16(vsubl_u8(veor_u8(bytes, flips), zero));
}

/* ---- Sum ------------------------------------------------------------------------------------ */

typedef struct adder {
  requant_neon out, a, b;
  uint8x8_t flips, a_zero, b_zero;
  int32x4_t left_shift;
} adder;

/* Four centred codes at the common scale. The inputs' shifts are to the right, by 0 or more. */
MN_INLINE int32x4_t to_common_scale(int16x4_t x, const adder *by, const requant_neon *scale) {
  const int32x4_t shifted = vshlq_s32(vmovl_s16(x), by->left_shift);
  return rounding_shift_neon(vqrdmulhq_s32(shifted, scale->multiplier[0]), scale->right[0]);
}

MN_INLINE uint8x8_t add_8(const adder *by, uint8x8_t a, uint8x8_t b, const int kind) {
  const int16x8_t x = centred(a, by->flips, by->a_zero), y = centred(b, by->flips, by->b_zero);
  const int32x4_t low = vaddq_s32(to_common_scale(vget_low_s16(x), by, &by->a),
                                  to_common_scale(vget_low_s16(y), by, &by->b));
  const int32x4_t high = vaddq_s32(to_common_scale(vget_high_s16(x), by, &by->a),
                                   to_common_scale(vget_high_s16(y), by, &by->b));
  return requant_codes_neon(low, high, &by->out, kind);
}

MN_INLINE void add_all(const mn_add_q8_args *args, const adder *from, const int kind) {
  const adder by = *from; /* in registers */
  size_t i = 0;
  for (; args->count - i >= 8; i += 8) {
    vst1_u8(args->out + i, add_8(&by, vld1_u8(args->a + i), vld1_u8(args->b + i), kind));
  }
  const size_t left = args->count - i;
  const uint8x8_t a = load_bytes_neon(args->a + i, left), b = load_bytes_neon(args->b + i, left);
  store_bytes_neon(args->out + i, add_8(&by, a, b, kind), left);
}

void mn_add_q8_neon(const mn_add_q8_args *args) {
  const adder by = {.out = output_lanes(args->out_multiplier, args->out_shift, args->out_zero,
                                        args->out_min, args->out_max),
                    .a = same_lanes(args->a_multiplier, args->a_shift),
                    .b = same_lanes(args->b_multiplier, args->b_shift),
                    .flips = vdup_n_u8(args->flip),
                    .a_zero = vdup_n_u8((uint8_t)args->a_zero),
                    .b_zero = vdup_n_u8((uint8_t)args->b_zero),
                    .left_shift = vdupq_n_s32(args->left_shift)};
  if (by.out.kind == REQUANT_RIGHT) {
    add_all(args, &by, REQUANT_RIGHT);
  } else {
    add_all(args, &by, REQUANT_FIXED);
  }
}

/* ---- Product -------------------------------------------------------------------------------- */

typedef struct multiplier {
  requant_neon out;
  uint8x8_t flips, a_zero, b_zero;
} multiplier;

MN_INLINE uint8x8_t multiply_8(const multiplier *by, uint8x8_t a, uint8x8_t b, const int kind) {
  const int16x8_t x = centred(a, by->flips, by->a_zero), y = centred(b, by->flips, by->b_zero);
  return requant_codes_neon(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y),
                            &by->out, kind);
}

MN_INLINE void multiply_all(const mn_mul_q8_args *args, const multiplier *from, const int kind) {
  const multiplier by = *from; /* in registers */
  size_t i = 0;
  for (; args->count - i >= 8; i += 8) {
    vst1_u8(args->out + i, multiply_8(&by, vld1_u8(args->a + i), vld1_u8(args->b + i), kind));
  }
  const size_t left = args->count - i;
  const uint8x8_t a = load_bytes_neon(args->a + i, left), b = load_bytes_neon(args->b + i, left);
  store_bytes_neon(args->out + i, multiply_8(&by, a, b, kind), left);
}

void mn_mul_q8_neon(const mn_mul_q8_args *args) {
  const multiplier by = {.out = output_lanes(args->multiplier, args->shift, args->out_zero,
                                             args->out_min, args->out_max),
                         .flips = vdup_n_u8(args->flip),
                         .a_zero = vdup_n_u8((uint8_t)args->a_zero),
                         .b_zero = vdup_n_u8((uint8_t)args->b_zero)};
  if (by.out.kind == REQUANT_RIGHT) {
    multiply_all(args, &by, REQUANT_RIGHT);
  } else {
    multiply_all(args, &by, REQUANT_FIXED);
  }
}
