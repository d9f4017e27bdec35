/* SPDX-License-Identifier: Apache-2.0
 * From sums to codes, 8 channels at a time (kernels.h, mn_requant). The fixed form costs no more
 * than the float form here: SQRDMULH is ref/requant.h's high half of the doubled product, rounded
 * and saturated alike, and SRSHL its right shift once negative numbers are made one less, which
 * sends halves away from zero instead of up. The float form is used where it is the definition. */
#ifndef MN_KERNELS_ARM_REQUANT_NEON_H
#define MN_KERNELS_ARM_REQUANT_NEON_H

#include "kernels/arm/simd_neon.h"
#include "kernels/kernels.h"

/* The fixed form where every channel shifts to the right, in falling order of speed: signed codes
 * of which those below zero are clamped away, as behind a relu; signed codes as far as they go; any
 * limits. Then any fixed form, and the float form. */
enum { REQUANT_RELU, REQUANT_SIGNED, REQUANT_RIGHT, REQUANT_FIXED, REQUANT_FLOAT };

/* Channels [n, n + 8) of one layer. */
typedef struct requant_neon {
  int kind;
  int32x4_t multiplier[2], left[2], right[2]; /* right: 0 or less, as SRSHL wants it */
  float32x4_t scale[2], above[2], below[2];
  int32_t out_zero, base;
  int16x8_t zero, min, max; /* zero: what is added to 16-bit codes */
} requant_neon;

MN_INLINE void requant_load_neon(requant_neon *x, const mn_requant *from, size_t n) {
  x->kind = from->multiplier ? REQUANT_RIGHT : REQUANT_FLOAT;
  if (from->multiplier && from->out_min == INT8_MIN && from->out_max == INT8_MAX) {
    x->kind = from->out_zero == INT8_MIN ? REQUANT_RELU : REQUANT_SIGNED;
  }
  x->out_zero = from->out_zero;
  x->zero = vdupq_n_s16((int16_t)(from->multiplier ? from->out_zero : from->base));
  x->min = vdupq_n_s16((int16_t)from->out_min);
  x->max = vdupq_n_s16((int16_t)from->out_max);
  for (int j = 0; j < 2; j++, n += 4) {
    if (!from->multiplier) {
      x->scale[j] = vld1q_f32(from->scale + n);
      x->above[j] = vld1q_f32(from->above + n);
      x->below[j] = vld1q_f32(from->below + n);
      continue;
    }
    const int32x4_t shift = vld1q_s32(from->shift + n), none = vdupq_n_s32(0);
    x->multiplier[j] = vld1q_s32(from->multiplier + n);
    x->left[j] = vmaxq_s32(shift, none);
    x->right[j] = vminq_s32(shift, none);
    if (vmaxvq_s32(shift) >= 0) x->kind = REQUANT_FIXED;
  }
}

/* Rounded to the right by -shift, halves away from zero. */
MN_INLINE int32x4_t rounding_shift_neon(int32x4_t x, int32x4_t shift) {
  return vrshlq_s32(vsraq_n_s32(x, vandq_s32(x, shift), 31), shift);
}

/* mn_multiply_quantized in each lane. */
MN_INLINE int32x4_t multiply_quantized_neon(int32x4_t x, int32x4_t multiplier, int32x4_t left,
                                            int32x4_t right) {
  return rounding_shift_neon(vqrdmulhq_s32(vshlq_s32(x, left), multiplier), right);
}

/* Of a kind whose results, zero point added, are clamped to 16 bits. */
MN_INLINE int32x4_t requant_vector_neon(int32x4_t x, const requant_neon *by, const int j,
                                        const int kind) {
  if (kind < REQUANT_FIXED) {
    x = vqrdmulhq_s32(x, by->multiplier[j]);
    if (kind != REQUANT_RELU) x = vsraq_n_s32(x, x, 31); /* else any rounding below zero will do */
    return vrshlq_s32(x, by->right[j]);
  }
  if (kind == REQUANT_FIXED) {
    x = multiply_quantized_neon(x, by->multiplier[j], by->left[j], by->right[j]);
    /* The reference's sum wraps; what is added to 16-bit codes after this cancels here. */
    const int32x4_t wrapped = vaddq_s32(x, vdupq_n_s32(by->out_zero));
    return vqsubq_s32(wrapped, vdupq_n_s32(by->out_zero));
  }
  const uint32x4_t negative = vcltzq_s32(x);
  const float32x4_t offset = vbslq_f32(negative, by->below[j], by->above[j]);
  const float32x4_t real = vfmaq_f32(offset, vcvtq_f32_s32(x), by->scale[j]);
  return vcvtnq_s32_f32(vminnmq_f32(real, vdupq_n_f32(65536.0f))); /* NaN: the most */
}

/* The codes of 2 x 4 sums, in the output type's low bytes. */
MN_INLINE uint8x8_t requant_codes_neon(int32x4_t a, int32x4_t b, const requant_neon *by,
                                       const int kind) {
  const int32x4_t x = requant_vector_neon(a, by, 0, kind), y = requant_vector_neon(b, by, 1, kind);
  int16x8_t codes = vqaddq_s16(vqmovn_high_s32(vqmovn_s32(x), y), by->zero);
  if (kind < REQUANT_RIGHT) return vreinterpret_u8_s8(vqmovn_s16(codes));
  codes = vminq_s16(vmaxq_s16(codes, by->min), by->max);
  return vreinterpret_u8_s8(vmovn_s16(codes));
}

/* Writes `rows` rows of sums[rows][2], the first `count` (at most 8) codes of each, whatever their
 * kind. */
void mn_requant_store_neon(uint8_t *to, size_t stride, const int32x4_t *sums, size_t rows,
                           size_t count, const requant_neon *by);

#endif
