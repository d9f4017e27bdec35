/* SPDX-License-Identifier: Apache-2.0
 * Kernels: pure functions over pointers, counts and strides. They know no threads, no allocation,
 * no graph. Each slot has one argument struct and one function type; list.def says which functions
 * fill it, and from that list come the declarations, run-time selection, the parity test, the
 * micro-benchmark and `mobilenet kernels`. No kernel reads or writes outside its operands.
 *
 * 8-bit activations come as bytes plus `flip`: 0x00 when they are u8, 0x80 when they are i8.
 * byte ^ flip is always an unsigned code in 0..255, so one arithmetic serves both types, with zero
 * points given in unsigned codes too (i8 zero + 128). Biases arrive with the input's zero point
 * already folded in: bias' = bias - in_zero * sum(w - w_zero). Results are written as the low byte
 * of clamp(requantized + out_zero, out_min, out_max), in the output type's own codes.
 *
 * Float kernels accumulate every output element over ascending (kh, kw, ic) from the bias, by FMA
 * where the ISA has it; the order is the same in main loop and tail, so an element never depends
 * on where a slice begins. The clamp is min(max(x, lo), hi) with max(NaN, lo) = lo. */
#ifndef MN_KERNELS_KERNELS_H
#define MN_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cpu.h" /* feature bits of list.def */

/* How a kernel wants constants packed. */
typedef struct mn_tile {
  int32_t rows; /* mr: pixels a call works best in multiples of */
  int32_t cols; /* nr: output channels of one panel */
  int32_t deep; /* kr: consecutive k packed together per channel (bf16: k is padded to these) */
} mn_tile;

/* What a float layer does to a sum: clamps it, or takes
 * hard_swish(x) = x * (clamp(x + 3, 0, 6) * (1/6)). */
typedef struct mn_finish_f32 {
  float lo, hi;
  bool hard_swish;
} mn_finish_f32;

/* ---- Matrix product: pointwise convolution, dense, im2col convolution ------------------------ */

/* c[m][n] = finish(bias[n] + sum_k a[m][k] * b[n][k]) */
typedef struct mn_gemm_f32_args {
  const float *const *a; /* [segments] of [m][a_stride], segment used: where the k products of a row
                            lie in pieces, as those of a window in the rows of a picture do */
  size_t a_stride;       /* in elements; rows may overlap */
  size_t segments, segment; /* k = segments * segment */
  const float *b;           /* panels [ceil(n/cols)][k][cols], zero-padded columns */
  const float *bias;        /* [n rounded up to cols] */
  float *c;                 /* [m][c_stride], n written */
  size_t c_stride;
  size_t m, n, k;
  mn_finish_f32 finish;
  const void *ahead; /* [ahead_bytes] what may be fetched into caches meanwhile, NULL: nothing */
  size_t ahead_bytes;
} mn_gemm_f32_args;
typedef void mn_gemm_f32_fn(const mn_gemm_f32_args *args);

/* The same of operands rounded to bf16 (base/half.h), in floats: products of two are exact, their
 * sum is rounded in an order that is the kernel's own but never depends on m or n. Denormal floats
 * may count as zeros. */
typedef struct mn_gemm_bf16_args {
  mn_gemm_f32_args f32; /* its b is not used */
  const uint16_t *b;    /* panels [ceil(n/cols)][padded k/2][cols][2] of bf16, zero-padded */
  float *scratch;       /* [scratch_rows + cols][k rounded up to deep] */
  size_t scratch_rows;  /* a multiple of the tile's rows */
} mn_gemm_bf16_args;
typedef void mn_gemm_bf16_fn(const mn_gemm_bf16_args *args);

#define MN_REQUANT_DOUBT 0x1p-14f

/* From sums to codes, in one of two forms:
 *
 *     fixed: mn_multiply_quantized(sum, multiplier[n], shift[n]) + out_zero    (ref/requant.h)
 *     float: rint(fma(sum, scale[n], sum < 0 ? below[n] : above[n])) + base
 *
 * With multipliers the fixed form is the definition, and a channel whose scale has no sign has
 * constants for which the float form was proven to give the same codes (ops/certify_requant.c), at
 * a third of the cost. Where it has one (-0 too), the float form with the scale less its sign is
 * right unless it lies, before it is rounded, within MN_REQUANT_DOUBT of the middle between two
 * codes. Without multipliers (NULL) the float form is the definition. Columns are padded to the
 * tile's cols. */
typedef struct mn_requant {
  const int32_t *multiplier, *shift; /* multiplier >= 0; shift > 0 is to the left */
  const float *scale, *above, *below;
  int32_t base; /* with multipliers the middle of the type's codes: 0, or 128 where they are u8 */
  int32_t out_zero, out_min, out_max;
} mn_requant;

/* c[m][n] = requant(bias[n] + sum_k (a[m][k] ^ flip) * (b[n][k] - zero)) */
typedef struct mn_gemm_q8_args {
  const uint8_t *a; /* [m][a_stride] bytes, k used */
  size_t a_stride;
  uint8_t flip;
  const void *b;       /* panels [ceil(n/cols)][ceil(k/deep)][cols][deep], zero-padded both ways;
                    int16_t weights with their zero point subtracted (slot gemm_q8), or
                    int8_t weights of which w_zero is still to be subtracted (slot gemm_q8s) */
  const int32_t *bias; /* [n rounded up], zero points folded in */
  const int32_t *bias_signed; /* slot gemm_q8s: what bias is to codes that are 128 less, as flipped
                                 bytes are when taken as signed: 128 times b's column more */
  int32_t w_zero;             /* slot gemm_q8s: of the weights, which the kernel takes out */
  uint8_t *c;                 /* [m][c_stride], n written */
  size_t c_stride;
  size_t m, n, k;
  mn_requant requant;
} mn_gemm_q8_args;
typedef void mn_gemm_q8_fn(const mn_gemm_q8_args *args);
typedef void mn_gemm_q8s_fn(const mn_gemm_q8_args *args);

/* Fully connected, 8 bit: as gemm_q8s, but requantized in double (docs/numerics.md), and with the
 * weights of an output side by side, since with one row time is that of reading them:
 * c[m][n] = clamp(round((bias[n] + sum_k (a[m][k] ^ flip) * (w[n][k] - w_zero)) * scale[n]) +
 * out_zero), ties away from zero. */
typedef struct mn_dense_q8_args {
  const uint8_t *a; /* [m][a_stride] bytes, k used */
  size_t a_stride;
  uint8_t flip;
  const int8_t *weights; /* [n][k rounded up to deep], zero-padded */
  int32_t w_zero;
  const int32_t *bias; /* [n], zero points folded in */
  const double *scale; /* [n] */
  uint8_t *c;          /* [m][c_stride], n written */
  size_t c_stride;
  size_t m, n, k;
  int32_t out_zero, out_min, out_max;
} mn_dense_q8_args;
typedef void mn_dense_q8_fn(const mn_dense_q8_args *args);

/* ---- Depthwise convolution ------------------------------------------------------------------ */

/* A sliding window whose padding is resolved. Output column x, tap t meets input column
 * x * stride_w + t * dilation_w - pad_left; those outside [0, in_width) are padding. */
typedef struct mn_dw_window {
  size_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
  size_t pad_left, in_width;
  size_t width, channels; /* of the output */
} mn_dw_window;

/* `height` output rows and what is under them. Elements are floats or bytes. */
typedef struct mn_dw_strip {
  const mn_dw_window *window;
  const void *const *rows; /* [(height-1) * stride_h + (kernel_h-1) * dilation_h + 1] of
                              [in_width][pixel_stride]: output row y, tap k meets row
                              y * stride_h + k * dilation_h. NULL is padding */
  size_t pixel_stride;     /* in elements */
  const void *zeros;       /* [channels]: a padded column */
  void *out;               /* [height][out_row_stride] of [width][out_stride], channels written */
  size_t out_stride, out_row_stride; /* in elements */
  size_t height;
} mn_dw_strip;

/* out[y][x][c] = finish(bias[c] + sum of input * w[kh][kw][c]); a padded row adds nothing, a padded
 * column adds zeros[c] * w. */
typedef struct mn_dw_f32_args {
  mn_dw_strip strip;
  const float *weights; /* [ceil(channels/cols)][kernel_h][kernel_w][cols], see mn_dw_f32_panel */
  const float *bias;    /* [channels rounded up to cols] */
  mn_finish_f32 finish;
} mn_dw_f32_args;
typedef void mn_dw_f32_fn(const mn_dw_f32_args *args);

/* The first of the channels [c, c + cols), or, where these go beyond the last one, of the last
 * `cols`: vectors are whole, and some channels are in two panels. With less than `cols` channels
 * there is one panel, zero-padded. */
static inline size_t mn_dw_f32_panel(size_t channels, size_t cols, size_t c) {
  if (channels < cols) return 0;
  return channels - c < cols ? channels - cols : c;
}

/* Windows that kernels of slot dw_q8s take (the reference takes any): kernel_h and kernel_w at most
 * MN_DW_Q8S_KERNEL, and (kernel_w - 1) * dilation_w + 1 at most MN_DW_Q8S_COLUMNS. */
enum { MN_DW_Q8S_KERNEL = 7, MN_DW_Q8S_COLUMNS = 64, MN_DW_Q8S_PLANES = 3 };

/* c = requant(bias[c] + sum of (code ^ flip) * w[kh][kw][c]). A padded row or column counts as
 * `zeros`: codes of the zero point. */
typedef struct mn_dw_q8s_args {
  mn_dw_strip strip; /* of bytes */
  uint8_t flip;
  const int8_t *weights; /* [ceil(channels/cols)][planes][kernel_h][kernel_w][cols], zero-padded: a
                            weight less its zero point is the sum of its planes */
  size_t planes;         /* at most MN_DW_Q8S_PLANES: a weight may be 255 */
  const int32_t *bias;   /* [channels rounded up], zero points folded in */
  mn_requant requant;
} mn_dw_q8s_args;
typedef void mn_dw_q8s_fn(const mn_dw_q8s_args *args);

/* ---- Elementwise, 8 bit --------------------------------------------------------------------- */

/* TFLite ADD: both inputs to a common scale at 20 bits of head room, then to the output's. */
typedef struct mn_add_q8_args {
  const uint8_t *a, *b;
  uint8_t *out;
  size_t count;
  uint8_t flip;           /* of both inputs */
  int32_t a_zero, b_zero; /* unsigned codes */
  int32_t left_shift;
  int32_t a_multiplier, a_shift, b_multiplier, b_shift; /* shifts <= 0 */
  int32_t out_multiplier, out_shift;
  int32_t out_zero, out_min, out_max;
} mn_add_q8_args;
typedef void mn_add_q8_fn(const mn_add_q8_args *args);

/* TFLite MUL: (a - a_zero) * (b - b_zero), requantized. */
typedef struct mn_mul_q8_args {
  const uint8_t *a, *b;
  uint8_t *out;
  size_t count;
  uint8_t flip;
  int32_t a_zero, b_zero; /* unsigned codes */
  int32_t multiplier, shift;
  int32_t out_zero, out_min, out_max;
  /* Where it is proven: rint(fma(product, scale, product < 0 ? below : above)), plus 128 where
   * out_min is not negative, is the same. */
  bool proven;
  float scale, above, below;
} mn_mul_q8_args;
typedef void mn_mul_q8_fn(const mn_mul_q8_args *args);

/* Sums and products as ONNX defines them, in float: a difference has a negative b_scale. Codes,
 * zero points and limits are unsigned; scales are in steps of the output's. */
typedef struct mn_add_real_q8_args {
  const uint8_t *a, *b;
  uint8_t *out;
  size_t count;
  uint8_t flip; /* of all three */
  float a_scale, b_scale, constant;
  int32_t out_min, out_max;
} mn_add_real_q8_args;
typedef void mn_add_real_q8_fn(const mn_add_real_q8_args *args);

typedef struct mn_mul_real_q8_args {
  const uint8_t *a, *b;
  uint8_t *out;
  size_t count;
  uint8_t flip; /* of all three */
  float scale;
  int32_t a_zero, b_zero;
  int32_t out_zero, out_min, out_max;
} mn_mul_real_q8_args;
typedef void mn_mul_real_q8_fn(const mn_mul_real_q8_args *args);

/* Any function of one byte: out[i] = table[in[i]]. */
typedef struct mn_lut8_args {
  const uint8_t *in;
  uint8_t *out;
  size_t count;
  const uint8_t *table; /* [256], indexed by the raw byte */
} mn_lut8_args;
typedef void mn_lut8_fn(const mn_lut8_args *args);

/* ---- Elementwise, float --------------------------------------------------------------------- */

typedef struct mn_binary_f32_args {
  const float *a, *b;
  float *out;
  size_t count;
  float lo, hi;
} mn_binary_f32_args;
typedef void mn_add_f32_fn(const mn_binary_f32_args *args);
typedef void mn_sub_f32_fn(const mn_binary_f32_args *args);
typedef void mn_mul_f32_fn(const mn_binary_f32_args *args);

typedef struct mn_unary_f32_args {
  const float *in;
  float *out;
  size_t count;
  float lo, hi; /* clamp_f32 only */
} mn_unary_f32_args;
typedef void mn_clamp_f32_fn(const mn_unary_f32_args *args);
typedef void mn_hard_swish_f32_fn(const mn_unary_f32_args *args);
typedef void mn_hard_sigmoid_f32_fn(const mn_unary_f32_args *args);
typedef void mn_logistic_f32_fn(const mn_unary_f32_args *args);

/* ---- Sums over a window: pools, means ------------------------------------------------------- */

/* sums[c] += in[row][col][c], row by row: float, or unsigned codes (byte ^ flip). */
typedef struct mn_sum_args {
  const void *in;
  size_t rows, row_stride, cols, pixel_stride, channels; /* rows * cols * 255 fits an int32 */
  uint8_t flip;
  void *sums; /* [channels] float or int32_t */
} mn_sum_args;
typedef void mn_sum_f32_fn(const mn_sum_args *args);
typedef void mn_sum_q8_fn(const mn_sum_args *args);

/* ---- Softmax of a row, and the largest of a row ---------------------------------------------- */

/* e^(beta (x - max)) / sum for beta > 0. The sum is one of 16, each of every 16th element, which
 * are then added by halves: the same on every instruction set. out may be in. */
typedef struct mn_softmax_f32_args {
  const float *in;
  float *out;
  size_t count; /* at least 1 */
  float beta;
} mn_softmax_f32_args;
typedef void mn_softmax_f32_fn(const mn_softmax_f32_args *args);

/* LiteRT's fixed point (ref/softmax_q8.h). */
typedef struct mn_softmax_q8_args {
  const uint8_t *in;
  uint8_t *out;
  size_t count;         /* at least 1 */
  uint8_t flip;         /* of both */
  const int32_t *table; /* [256] exponentials of the differences from the maximum, not negative */
} mn_softmax_q8_args;
typedef void mn_softmax_q8_fn(const mn_softmax_q8_args *args);

/* out[row] = index of the first largest of in[row][count], floats (NaN is less than all) or
 * unsigned codes (byte ^ flip). */
typedef struct mn_arg_max_args {
  const void *in;
  size_t rows, apart, count; /* apart: bytes from row to row; count: 1 to 2^31 - 1 */
  uint8_t flip;
  bool wide; /* out is [rows] int64_t, else int32_t */
  void *out;
} mn_arg_max_args;
typedef void mn_arg_max_f32_fn(const mn_arg_max_args *args);
typedef void mn_arg_max_q8_fn(const mn_arg_max_args *args);

static inline void mn_put_index(const mn_arg_max_args *args, size_t row, size_t index) {
  if (args->wide) {
    ((int64_t *)args->out)[row] = (int64_t)index;
  } else {
    ((int32_t *)args->out)[row] = (int32_t)index;
  }
}

/* ---- Bilinear resizing: one output row ------------------------------------------------------ */

/* Where an output index lies between input indices lower and upper. */
typedef struct mn_resize_tap {
  int32_t lower, upper;
  float weight;  /* of upper; outside 0..1 next to an edge, where lower = upper */
  int32_t fixed; /* the same with 10 fractional bits, rounded the way TFLite does */
} mn_resize_tap;

typedef struct mn_resize_row_args {
  const void *lower, *upper;    /* [in_width][channels] rows of the input */
  void *out;                    /* [out_width][channels] */
  size_t in_stride, out_stride; /* of a pixel */
  const mn_resize_tap *columns; /* [out_width] */
  const mn_resize_tap *row;
  size_t in_width, out_width, channels;
  void *scratch; /* [2][in_width][channels rounded up to the tile's cols] of 4 bytes */
} mn_resize_row_args;
typedef void mn_resize_f32_fn(const mn_resize_row_args *args);
typedef void mn_resize_u8_fn(const mn_resize_row_args *args);
typedef void mn_resize_i8_fn(const mn_resize_row_args *args);

/* ---- The list ------------------------------------------------------------------------------- */

/* clang-format off */
#define MN_SLOTS(X) \
  X(gemm_f32) X(gemm_bf16) X(gemm_q8) X(gemm_q8s) X(dw_f32) X(dw_q8s) X(add_q8) X(mul_q8) \
  X(add_real_q8) X(mul_real_q8) X(lut8) X(add_f32) X(sub_f32) X(mul_f32) X(clamp_f32) \
  X(hard_swish_f32) X(hard_sigmoid_f32) X(logistic_f32) X(dense_q8) X(sum_f32) X(sum_q8) \
  X(resize_f32) X(resize_u8) X(resize_i8) X(softmax_f32) X(softmax_q8) X(arg_max_f32) X(arg_max_q8)
/* clang-format on */

typedef enum mn_slot {
#define MN_SLOT(slot) MN_SLOT_##slot,
  MN_SLOTS(MN_SLOT)
#undef MN_SLOT
      MN_SLOT_COUNT
} mn_slot;

/* Type-checked declarations of every kernel, whether or not it is linked here. */
#define MN_KERNEL(slot, needs, rank, function, rows, cols, deep) mn_##slot##_fn function;
#include "kernels/list.def"
#undef MN_KERNEL

typedef void mn_any_fn(void); /* cast back to the slot's type before calling */

typedef struct mn_kernel {
  mn_slot slot;
  uint32_t needs; /* mn_cpu_features */
  int32_t rank;
  const char *name; /* the function's name without its prefix, "gemm_f32_6x16_avx2" */
  mn_any_fn *function;
  mn_tile tile;
} mn_kernel;

/* Every kernel linked into this build, in list order. */
const mn_kernel *mn_kernel_list(size_t *count);
/* The highest-ranked kernel of a slot whose needs are all in `features`; NULL when there is none
 * (gemm_q8s without VNNI). Every other slot has a reference kernel. */
const mn_kernel *mn_kernel_select(mn_slot slot, uint32_t features);
const char *mn_slot_name(mn_slot slot);

#endif
