/* SPDX-License-Identifier: Apache-2.0
 * Reference functions that fill no slot of list.def: ops call them directly, on every CPU. Like
 * the kernels they are pure, freestanding and know nothing of threads or memory. docs/numerics.md
 * has the formula and the LiteRT source of each. Strides are in elements. */
#ifndef MN_KERNELS_REF_REF_H
#define MN_KERNELS_REF_REF_H

#include "kernels/kernels.h"

/* TFLite SUB: as mn_add_q8_ref with the difference of the scaled inputs. */
void mn_sub_q8_ref(const mn_add_q8_args *args);

/* ---- transpose_conv_ref.c: one output pixel ------------------------------------------------ */

/* One tap: an input pixel and the weights that bring it to this output pixel. */
typedef struct mn_transpose_tap_args {
  const void *x; /* [in_channels] f32 or bytes */
  const void
      *weights; /* [in_channels][out_channels] f32, or int16 with the zero point subtracted */
  size_t in_channels, out_channels;
  uint8_t flip; /* 8 bit: see kernels.h */
  int32_t zero; /* 8 bit: of x, an unsigned code */
} mn_transpose_tap_args;
/* sums [out_channels] begin as the bias. */
void mn_transpose_tap_f32_ref(const mn_transpose_tap_args *args, float *sums);
void mn_transpose_tap_q8_ref(const mn_transpose_tap_args *args, int32_t *sums);
void mn_transpose_pixel_f32_ref(float *sums, size_t channels, float lo, float hi);
void mn_transpose_pixel_q8_ref(const int32_t *sums, uint8_t *out, size_t channels,
                               const mn_requant *requant);

/* ---- average_ref.c, pool_ref.c: one output pixel ------------------------------------------ */

/* A window already clipped to the map: padding is never counted. */
typedef struct mn_pool_args {
  const void *in; /* [rows][cols][channels], the window's first pixel */
  size_t row_stride, pixel_stride;
  size_t rows, cols, channels; /* rows, cols >= 1 */
  void *out;                   /* [channels] */
  const void *sums;          /* [channels], average only: what the slots sum_f32 and sum_q8 give */
  float lo, hi;              /* float */
  int32_t code_lo, code_hi;  /* 8 bit */
  float in_scale, out_scale; /* ONNX's arithmetic, as the zero points */
  int32_t in_zero, out_zero; /* the input's as an unsigned code */
} mn_pool_args;
typedef void mn_pool_fn(const mn_pool_args *args);
void mn_add_sums_ref(int32_t *sums, const int32_t *more, size_t channels);
mn_pool_fn mn_average_f32_ref, mn_average_u8_ref, mn_average_i8_ref; /* of the sums */
mn_pool_fn mn_average_real_ref;                                      /* ONNX's */
mn_pool_fn mn_max_pool_f32_ref, mn_max_pool_u8_ref, mn_max_pool_i8_ref;

/* ---- mean_ref.c --------------------------------------------------------------------------- */

/* 1 / count folded into the multiplier of the scales' ratio, as TFLite does it. */
typedef struct mn_mean_q8 {
  int32_t multiplier, shift;
  float scale;      /* ONNX's arithmetic */
  int32_t zero_sum; /* count * in_zero, an unsigned code */
  int32_t out_zero, out_min, out_max;
} mn_mean_q8;
/* ONNX's arithmetic instead: one multiplication in float; multiplier and shift are unused. */
uint8_t mn_mean_code_real_ref(const mn_mean_q8 *mean, int32_t sum);
void mn_mean_prepare_q8_ref(mn_mean_q8 *mean, int64_t count, int32_t in_zero);
uint8_t mn_mean_code_ref(const mn_mean_q8 *mean, int32_t sum);

/* ---- softmax_ref.c ------------------------------------------------------------------------ */

/* table[d] = e^(-d * scale * beta) in 31 fractional bits, 0 beyond the range that TFLite keeps. */
void mn_softmax_table_ref(int32_t table[256], int32_t multiplier, int32_t left_shift);

/* ---- hard_swish_q8_ref.c ------------------------------------------------------------------ */

typedef struct mn_hard_swish_q8 {
  int32_t in_zero, out_zero, code_min, code_max;
  int32_t out_multiplier, out_exponent; /* 16-bit fraction; exponent <= 0 */
  int32_t relu_multiplier, relu_exponent;
} mn_hard_swish_q8;
/* The output code of an input code, both in the type's own numbers. */
int32_t mn_hard_swish_code_ref(const mn_hard_swish_q8 *args, int32_t code);

/* ---- resize_cut_ref.c: one output row of codes --------------------------------------------- */

/* ONNX's arithmetic: the codes themselves are blended in float and cut towards 0. */
mn_resize_u8_fn mn_resize_cut_u8_ref, mn_resize_cut_i8_ref;

/* ---- convert_ref.c: vectors --------------------------------------------------------------- */

/* clamp(round(in / scale) + zero), ties away from zero; NaN gives the zero point. */
typedef struct mn_quantize_args {
  const float *in;
  uint8_t *out;
  size_t count;
  float scale;
  int32_t zero, min, max;
} mn_quantize_args;
void mn_quantize_f32_ref(const mn_quantize_args *args);
/* As ONNX: ties to even; NaN gives min. */
void mn_quantize_real_f32_ref(const mn_quantize_args *args);
void mn_f16_to_f32_ref(const uint16_t *in, float *out, size_t count);
void mn_bf16_to_f32_ref(const uint16_t *in, float *out, size_t count);

/* ---- arg_max_ref.c: index of the first largest of count elements, stride apart ------------ */

size_t mn_largest_f32_ref(const float *in, size_t count, size_t stride); /* NaN loses to all */
size_t mn_largest_q8_ref(const uint8_t *in, size_t count, size_t stride, uint8_t flip);

#endif
