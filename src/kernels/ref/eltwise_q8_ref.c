/* SPDX-License-Identifier: Apache-2.0
 * Elementwise kernels in 8 bits: sum, difference, product, and any function of one byte. The
 * arithmetic is that of LiteRT's AddElementwise, SubElementwise and MulElementwise
 * (tflite/kernels/internal/reference/{add,sub,mul}.h and integer_ops/). */
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"

/* A code's distance from zero, brought to the common scale of both inputs. */
static inline int32_t to_common_scale(int32_t code, const mn_add_q8_args *args, int32_t multiplier,
                                      int32_t shift) {
  return mn_multiply_quantized((int32_t)((uint32_t)code << args->left_shift), multiplier, shift);
}

static inline uint8_t from_common_scale(int32_t sum, const mn_add_q8_args *args) {
  sum = mn_multiply_quantized(sum, args->out_multiplier, args->out_shift);
  sum = mn_wrapping_add(sum, args->out_zero);
  return (uint8_t)mn_clamp_i32(sum, args->out_min, args->out_max);
}

void mn_add_q8_ref(const mn_add_q8_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    int32_t a = (int32_t)(args->a[i] ^ args->flip) - args->a_zero;
    int32_t b = (int32_t)(args->b[i] ^ args->flip) - args->b_zero;
    a = to_common_scale(a, args, args->a_multiplier, args->a_shift);
    b = to_common_scale(b, args, args->b_multiplier, args->b_shift);
    args->out[i] = from_common_scale(a + b, args);
  }
}

void mn_sub_q8_ref(const mn_add_q8_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    int32_t a = (int32_t)(args->a[i] ^ args->flip) - args->a_zero;
    int32_t b = (int32_t)(args->b[i] ^ args->flip) - args->b_zero;
    a = to_common_scale(a, args, args->a_multiplier, args->a_shift);
    b = to_common_scale(b, args, args->b_multiplier, args->b_shift);
    args->out[i] = from_common_scale(a - b, args);
  }
}

void mn_mul_q8_ref(const mn_mul_q8_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    int32_t a = (int32_t)(args->a[i] ^ args->flip) - args->a_zero;
    int32_t b = (int32_t)(args->b[i] ^ args->flip) - args->b_zero;
    int32_t product = mn_multiply_quantized(a * b, args->multiplier, args->shift);
    product = mn_wrapping_add(product, args->out_zero);
    args->out[i] = (uint8_t)mn_clamp_i32(product, args->out_min, args->out_max);
  }
}

void mn_lut8_ref(const mn_lut8_args *args) {
  for (size_t i = 0; i < args->count; i++) args->out[i] = args->table[args->in[i]];
}
