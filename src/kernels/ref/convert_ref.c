/* SPDX-License-Identifier: Apache-2.0
 * Between number formats: float to 8-bit codes, and the 16-bit floats to float (exact). */
#include "kernels/ref/real_code.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"

/* round(x), ties away from zero, for |x| < 2^24; beyond, the codes are clamped anyway. */
static int32_t round_away(float x) {
  if (!(x > -16777216.0f)) return x == x ? -16777216 : 0;
  if (x > 16777216.0f) return 16777216;
  int32_t whole = (int32_t)x;
  float rest = x - (float)whole; /* exact */
  return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

void mn_quantize_f32_ref(const mn_quantize_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    int32_t code = round_away(args->in[i] / args->scale) + args->zero;
    args->out[i] = (uint8_t)mn_clamp_i32(code, args->min, args->max);
  }
}

void mn_quantize_real_f32_ref(const mn_quantize_args *args) {
  for (size_t i = 0; i < args->count; i++) {
    float steps = args->in[i] / args->scale;
    args->out[i] = (uint8_t)mn_code_of_steps(steps, args->zero, args->min, args->max);
  }
}

static float float_of_bits(uint32_t bits) {
  union {
    uint32_t bits;
    float value;
  } number = {bits};
  return number.value;
}

void mn_f16_to_f32_ref(const uint16_t *in, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t sign = (uint32_t)(in[i] & 0x8000) << 16, exponent = in[i] >> 10 & 31;
    uint32_t fraction = in[i] & 0x3ff;
    if (exponent == 0) { /* fraction * 2^-24: both factors are normal floats */
      float magnitude = (float)fraction * float_of_bits(103u << 23);
      out[i] = sign ? -magnitude : magnitude;
    } else {
      exponent = exponent == 31 ? 255 : exponent + 112;
      out[i] = float_of_bits(sign | exponent << 23 | fraction << 13);
    }
  }
}

void mn_bf16_to_f32_ref(const uint16_t *in, float *out, size_t count) {
  for (size_t i = 0; i < count; i++) out[i] = float_of_bits((uint32_t)in[i] << 16);
}
