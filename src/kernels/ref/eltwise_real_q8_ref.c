/* SPDX-License-Identifier: Apache-2.0
 * Sum and product of codes in float, as ONNX defines them. Which products are fused and what is
 * added in which order is onnxruntime's choice (its kernels for AVX2), so that ties fall alike. */
#include <math.h>

#include "kernels/kernels.h"
#include "kernels/ref/real_code.h"

static uint8_t to_byte(float code, int32_t min, int32_t max, uint8_t flip) {
  return (uint8_t)(mn_round_even(mn_clamp_steps(code, (float)min, (float)max)) ^ flip);
}

void mn_add_real_q8_ref(const mn_add_real_q8_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    float a = (float)(args->a[i] ^ args->flip), b = (float)(args->b[i] ^ args->flip);
    float code = fmaf(a, args->a_scale, fmaf(b, args->b_scale, args->constant));
    args->out[i] = to_byte(code, args->out_min, args->out_max, args->flip);
  }
}

void mn_mul_real_q8_ref(const mn_mul_real_q8_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    int32_t a = (args->a[i] ^ args->flip) - args->a_zero;
    int32_t b = (args->b[i] ^ args->flip) - args->b_zero;
    float product = (float)(a * b) * args->scale;
    args->out[i] =
        to_byte(product + (float)args->out_zero, args->out_min, args->out_max, args->flip);
  }
}
