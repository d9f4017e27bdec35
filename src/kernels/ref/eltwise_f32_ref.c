/* SPDX-License-Identifier: Apache-2.0
 * Elementwise kernels in float: sum, difference, product, clamp, and the activations of
 * MobileNetV3. NaN in gives
 * the lower clamp limit in the first four, NaN in the last three. */
#include "kernels/kernels.h"
#include "kernels/ref/clamp_f32.h"
#include "kernels/ref/exp_f32.h"

void mn_add_f32_ref(const mn_binary_f32_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    args->out[i] = mn_clamp_one_f32(args->a[i] + args->b[i], args->lo, args->hi);
  }
}

void mn_sub_f32_ref(const mn_binary_f32_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    args->out[i] = mn_clamp_one_f32(args->a[i] - args->b[i], args->lo, args->hi);
  }
}

void mn_mul_f32_ref(const mn_binary_f32_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    args->out[i] = mn_clamp_one_f32(args->a[i] * args->b[i], args->lo, args->hi);
  }
}

void mn_clamp_f32_ref(const mn_unary_f32_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    args->out[i] = mn_clamp_one_f32(args->in[i], args->lo, args->hi);
  }
}

void mn_hard_swish_f32_ref(const mn_unary_f32_args *args) {
  for (size_t i = 0; i < args->count; i++) args->out[i] = mn_hard_swish_one_f32(args->in[i]);
}

void mn_hard_sigmoid_f32_ref(const mn_unary_f32_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    float x = args->in[i];
    args->out[i] = x == x ? mn_clamp_one_f32(x + 3.0f, 0.0f, 6.0f) / 6.0f : x;
  }
}

void mn_logistic_f32_ref(const mn_unary_f32_args *args) {
  for (size_t i = 0; i < args->count; i++) args->out[i] = mn_logistic_one_f32(args->in[i]);
}
