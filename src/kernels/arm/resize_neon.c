/* SPDX-License-Identifier: Apache-2.0
 * Bilinear interpolation of an output row, 8 channels at a time: what depends on the row alone is
 * done once for every input pixel, in scratch. Float products and sums are those of the reference,
 * in its order; the integers of i8 are exact in any. */
#include "kernels/arm/simd_neon.h"
#include "kernels/kernels.h"

enum { LANES = 8, HALVES = 2 };

/* Channels of one pixel in scratch. */
MN_INLINE size_t wide_of(const mn_resize_row_args *args) {
  return (args->channels + LANES - 1) / LANES * LANES;
}

/* How many lanes of a pixel's last vector may be stored: all, where the next pixel of a dense row
 * overwrites what is too much. */
MN_INLINE size_t lanes_of(const mn_resize_row_args *args, size_t x, size_t c) {
  const size_t live = args->channels - c;
  const size_t behind = (args->out_width - 1 - x) * args->channels;
  if (live >= LANES) return LANES;
  return args->out_stride == args->channels && live + behind >= LANES ? LANES : live;
}

MN_INLINE void load_real(float32x4_t *to, const void *row, size_t at, size_t live,
                         const int is_byte) {
  if (is_byte) {
    const uint16x8_t codes = vmovl_u8(load_bytes_neon((const uint8_t *)row + at, live));
    to[0] = vcvtq_f32_u32(vmovl_u16(vget_low_u16(codes)));
    to[1] = vcvtq_f32_u32(vmovl_high_u16(codes));
    return;
  }
  const float *from = (const float *)row + at;
  to[0] = load_f32_neon(from, live);
  to[1] = live > 4 ? load_f32_neon(from + 4, live - 4) : vdupq_n_f32(0.0f);
}

/* Both rows of the input times their weights. */
MN_INLINE void weigh_rows(const mn_resize_row_args *args, float *lower, float *upper,
                          const int is_byte) {
  const float32x4_t upper_y = vdupq_n_f32(args->row->weight);
  const float32x4_t lower_y = vdupq_n_f32(1.0f - args->row->weight);
  const size_t wide = wide_of(args);
  for (size_t x = 0; x < args->in_width; x++) {
    for (size_t c = 0; c < args->channels; c += LANES) {
      const size_t at = x * args->in_stride + c, live = args->channels - c;
      float32x4_t below[HALVES], above[HALVES];
      load_real(below, args->lower, at, live, is_byte);
      load_real(above, args->upper, at, live, is_byte);
      MN_UNROLL for (int i = 0; i < HALVES; i++) {
        vst1q_f32(lower + x * wide + c + 4 * i, vmulq_f32(below[i], lower_y));
        vst1q_f32(upper + x * wide + c + 4 * i, vmulq_f32(above[i], upper_y));
      }
    }
  }
}

MN_INLINE void store_real(const mn_resize_row_args *args, size_t x, size_t c, const float32x4_t *y,
                          const int is_byte) {
  const size_t at = x * args->out_stride + c, lanes = lanes_of(args, x, c);
  if (is_byte) {
    const float32x4_t half = vdupq_n_f32(0.5f);
    const int16x4_t low = vqmovn_s32(vcvtq_s32_f32(vaddq_f32(y[0], half)));
    const int16x4_t high = vqmovn_s32(vcvtq_s32_f32(vaddq_f32(y[1], half)));
    store_bytes_neon((uint8_t *)args->out + at, vqmovun_s16(vcombine_s16(low, high)), lanes);
    return;
  }
  float *to = (float *)args->out + at;
  store_f32_neon(to, y[0], lanes);
  if (lanes > 4) store_f32_neon(to + 4, y[1], lanes - 4);
}

MN_INLINE void resize_real(const mn_resize_row_args *args, const int is_byte) {
  const size_t wide = wide_of(args);
  float *lower = args->scratch, *upper = lower + args->in_width * wide; /* [in_width][wide] */
  weigh_rows(args, lower, upper, is_byte);
  for (size_t x = 0; x < args->out_width; x++) {
    const mn_resize_tap *tap = &args->columns[x];
    const size_t l = (size_t)tap->lower * wide, u = (size_t)tap->upper * wide;
    const float32x4_t upper_x = vdupq_n_f32(tap->weight);
    const float32x4_t lower_x = vdupq_n_f32(1.0f - tap->weight);
    for (size_t c = 0; c < args->channels; c += LANES) {
      float32x4_t y[HALVES];
      MN_UNROLL for (size_t i = 0; i < HALVES; i++) {
        const size_t at = c + 4 * i;
        y[i] = vmulq_f32(vld1q_f32(lower + l + at), lower_x);
        y[i] = vaddq_f32(y[i], vmulq_f32(vld1q_f32(upper + l + at), lower_x));
        y[i] = vaddq_f32(y[i], vmulq_f32(vld1q_f32(lower + u + at), upper_x));
        y[i] = vaddq_f32(y[i], vmulq_f32(vld1q_f32(upper + u + at), upper_x));
      }
      store_real(args, x, c, y, is_byte);
    }
  }
}

void mn_resize_f32_neon(const mn_resize_row_args *args) { resize_real(args, 0); }
void mn_resize_u8_neon(const mn_resize_row_args *args) { resize_real(args, 1); }

/* The column of each input pixel, with 10 fractional bits. */
static void blend_rows_i8(const mn_resize_row_args *args, int32_t *blended) {
  const int16_t upper_y = (int16_t)args->row->fixed, lower_y = (int16_t)((1 << 10) - upper_y);
  const size_t wide = wide_of(args);
  for (size_t x = 0; x < args->in_width; x++) {
    for (size_t c = 0; c < args->channels; c += LANES) {
      const size_t at = x * args->in_stride + c, live = args->channels - c;
      const uint8x8_t below = load_bytes_neon((const uint8_t *)args->lower + at, live);
      const uint8x8_t above = load_bytes_neon((const uint8_t *)args->upper + at, live);
      const int16x8_t l = vmovl_s8(vreinterpret_s8_u8(below));
      const int16x8_t u = vmovl_s8(vreinterpret_s8_u8(above));
      int32_t *to = blended + x * wide + c;
      const int32x4_t low = vmull_n_s16(vget_low_s16(l), lower_y);
      const int32x4_t high = vmull_high_n_s16(l, lower_y);
      vst1q_s32(to, vmlal_n_s16(low, vget_low_s16(u), upper_y));
      vst1q_s32(to + 4, vmlal_high_n_s16(high, u, upper_y));
    }
  }
}

/* Four channels between two columns, half away from zero. */
MN_INLINE int16x4_t blend_columns_i8(const int32_t *l, const int32_t *u, int32_t upper_x) {
  int32x4_t sum = vmulq_n_s32(vld1q_s32(l), (1 << 10) - upper_x);
  sum = vmlaq_n_s32(sum, vld1q_s32(u), upper_x);
  return vqmovn_s32(vrshrq_n_s32(vsraq_n_s32(sum, sum, 31), 20));
}

void mn_resize_i8_neon(const mn_resize_row_args *args) {
  const size_t wide = wide_of(args);
  int32_t *blended = args->scratch; /* [in_width][wide] */
  blend_rows_i8(args, blended);
  for (size_t x = 0; x < args->out_width; x++) {
    const mn_resize_tap *tap = &args->columns[x];
    const int32_t *l = blended + (size_t)tap->lower * wide;
    const int32_t *u = blended + (size_t)tap->upper * wide;
    for (size_t c = 0; c < args->channels; c += LANES) {
      const int16x8_t codes = vcombine_s16(blend_columns_i8(l + c, u + c, tap->fixed),
                                           blend_columns_i8(l + c + 4, u + c + 4, tap->fixed));
      store_bytes_neon((uint8_t *)args->out + x * args->out_stride + c,
                       vreinterpret_u8_s8(vqmovn_s16(codes)), lanes_of(args, x, c));
    }
  }
}
