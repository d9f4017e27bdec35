/* SPDX-License-Identifier: Apache-2.0
 * Finding the way in an operand: pixels, bytes, codes; and refusing what an op cannot run. Private
 * to ops. */
#ifndef MN_OPS_OPERAND_H
#define MN_OPS_OPERAND_H

#include "base/error.h"
#include "ops/ops.h"

/* Elements of a slice of a dense, elementwise step: few, so that shares of the slices end where
 * shares of the rows do. Many slices are done as one. */
enum { MN_SLICE_ELEMENTS = 256 };

static inline size_t mn_slices_of(size_t elements) {
  return (elements + MN_SLICE_ELEMENTS - 1) / MN_SLICE_ELEMENTS;
}
static inline size_t mn_operand_elements(const mn_operand *operand) {
  return mn_operand_pixels(operand) * mn_operand_channels(operand);
}
/* Slices of `count` vectors of channels: a vector each, or of fewer vectors than threads `part`
 * channels each, whole lines of memory. */
static inline size_t mn_part_channels(size_t channels, size_t count, int32_t threads,
                                      size_t *part) {
  *part = channels;
  if (count == 0 || count >= (size_t)threads || channels == 0) return count;
  const size_t share = (channels + (size_t)threads - 1) / (size_t)threads;
  *part = (share + 15) / 16 * 16;
  return count * ((channels + *part - 1) / *part);
}
/* Whether threads share a layer's channels, `unit` of which go together, and not its rows: where
 * pixels are few, rows come in unequal shares, and weights outweigh them, so that each is to be
 * read by one thread only. All layers of such a map are shared so, by the pixels that they read, or
 * each would read what the other thread wrote. */
static inline bool mn_shares_channels(size_t pixels, size_t channels, size_t unit,
                                      int32_t threads) {
  enum { PIXELS = 4, MOST_UNEVEN = 8 }; /* an eighth more for one than for the others */
  if (threads < 2 || pixels >= channels / PIXELS) return false;
  const size_t units = (channels + unit - 1) / unit, share = (units - 1) / (size_t)threads + 1;
  return share * (size_t)threads * MOST_UNEVEN <= units * (MOST_UNEVEN + 1);
}
/* Of these channels one thread's, whole units. */
static inline size_t mn_share_of_channels(size_t channels, size_t unit, int32_t threads) {
  const size_t units = (channels + unit - 1) / unit;
  return ((units - 1) / (size_t)threads + 1) * unit;
}
/* Channels of the part that begins at channel c. */
static inline size_t mn_part_of(size_t channels, size_t c, size_t part) {
  return channels - c < part ? channels - c : part;
}
/* Bytes from the operand's start to a pixel. */
static inline size_t mn_operand_pixel_at(const mn_operand *operand, size_t pixel) {
  return pixel * operand->pixel_stride * mn_type_bytes(operand->type);
}
static inline const void *mn_operand_pixel(const mn_run *run, const mn_operand *operand,
                                           size_t pixel) {
  return (const unsigned char *)mn_operand_read(run, operand) + mn_operand_pixel_at(operand, pixel);
}
static inline void *mn_operand_pixel_out(const mn_run *run, const mn_operand *operand,
                                         size_t pixel) {
  return (unsigned char *)mn_operand_write(run, operand) + mn_operand_pixel_at(operand, pixel);
}
/* The i-th element in row-major order. */
static inline size_t mn_operand_element_at(const mn_operand *operand, size_t i) {
  size_t channels = mn_operand_channels(operand);
  return (i / channels * operand->pixel_stride + i % channels) * mn_type_bytes(operand->type);
}

static inline bool mn_type_is_code(mn_type type) { return type == MN_U8 || type == MN_I8; }
/* byte ^ flip is the unsigned code. */
static inline uint8_t mn_code_flip(mn_type type) { return type == MN_I8 ? 0x80 : 0x00; }
static inline int32_t mn_code_min(mn_type type) { return type == MN_I8 ? -128 : 0; }
static inline int32_t mn_code_max(mn_type type) { return type == MN_I8 ? 127 : 255; }
/* The code that a byte of this type holds. */
static inline int32_t mn_code_of_byte(mn_type type, int byte) {
  return type == MN_I8 && byte > 127 ? byte - 256 : byte;
}
/* Per-tensor quantization, or f32. */
static inline bool mn_operand_is_coded(const mn_operand *operand) {
  return mn_type_is_code(operand->type) && operand->quant && operand->quant->count == 1;
}
static inline float mn_operand_scale(const mn_operand *operand) { return operand->quant->scale[0]; }
static inline int32_t mn_operand_zero(const mn_operand *operand) { return operand->quant->zero[0]; }
static inline int32_t mn_operand_unsigned_zero(const mn_operand *operand) {
  return mn_operand_zero(operand) - mn_code_min(operand->type);
}
static inline bool mn_operand_same_quant(const mn_operand *a, const mn_operand *b) {
  return mn_operand_scale(a) == mn_operand_scale(b) && mn_operand_zero(a) == mn_operand_zero(b);
}

/* The same, or scales so near that no code of the range would change: what an op that moves codes
 * without rescaling them may ignore, as LiteRT does. */
static inline bool mn_operand_near_quant(const mn_operand *a, const mn_operand *b) {
  float apart = mn_operand_scale(a) - mn_operand_scale(b);
  if (apart < 0) apart = -apart;
  return apart * 255.0f < 0.5f * mn_operand_scale(b) && mn_operand_zero(a) == mn_operand_zero(b);
}

/* UNSUPPORTED: "<op> of <type> to <type> is not supported: <expected>". */
mn_status mn_op_refuse(const mn_step *step, const char *expected, mn_error *err);

/* Zeroed params of the plan's arena in step->params; MEMORY error when there are none. */
mn_status mn_op_params(mn_step *step, const mn_op_request *request, size_t bytes, mn_error *err);

/* Where the `out` rows or columns of a float RESIZE_BILINEAR node lie among the `in` of its
 * input. */
void mn_resize_positions(mn_resize_tap *taps, const mn_node *node, int32_t in, int32_t out);

#endif
