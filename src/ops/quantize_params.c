/* SPDX-License-Identifier: Apache-2.0
 * Scales to integers, as LiteRT forms them (tflite/kernels/internal/quantization_util.cc and
 * kernel_util.cc). Where it multiplies scales in float it does so here; docs/numerics.md says
 * which op and type has which rule. */
#include <float.h>
#include <math.h>

#include "ops/ops.h"

void mn_quantize_multiplier(double real, int32_t *multiplier, int32_t *shift) {
  *multiplier = 0;
  *shift = 0;
  if (!(real > 0.0)) return;
  if (real >= 1073741823.5) { /* beyond any use; keeps the shift within what kernels take */
    *multiplier = INT32_MAX;
    *shift = 30;
    return;
  }
  int exponent;
  double fraction = frexp(real, &exponent);
  int64_t fixed = (int64_t)round(fraction * 2147483648.0);
  if (fixed == (int64_t)1 << 31) {
    fixed /= 2;
    exponent++;
  }
  if (exponent < -31) return; /* every product would round to 0 */
  *multiplier = (int32_t)fixed;
  *shift = exponent;
}

/* zero + round(real / scale), kept within what an int32 holds. */
static int32_t code_of(mn_arithmetic arithmetic, float real, float scale, int32_t zero) {
  float steps = real / scale;
  steps = arithmetic == MN_ARITHMETIC_ONNX ? rintf(steps) : roundf(steps);
  if (!(steps > -1073741824.0f)) return INT32_MIN / 2;
  if (!(steps < 1073741824.0f)) return INT32_MAX / 2;
  return zero + (int32_t)steps;
}

void mn_activation_codes(const mn_step *step, mn_act act, int32_t *lo, int32_t *hi) {
  const mn_quant *quant = step->out.quant;
  float real_lo, real_hi;
  mn_act_range(act, &real_lo, &real_hi);
  *lo = step->out.type == MN_U8 ? 0 : -128;
  *hi = step->out.type == MN_U8 ? 255 : 127;
  if (quant->count == 0) return;
  if (real_lo > -FLT_MAX) {
    int32_t code = code_of(step->arithmetic, real_lo, quant->scale[0], quant->zero[0]);
    if (code > *lo) *lo = code;
  }
  if (real_hi < FLT_MAX) {
    int32_t code = code_of(step->arithmetic, real_hi, quant->scale[0], quant->zero[0]);
    if (code < *hi) *hi = code;
  }
}

void mn_layer_multiplier(const mn_step *step, size_t c, int32_t *multiplier, int32_t *shift) {
  const mn_quant *weights = step->in[1].quant;
  const float in_scale = step->in[0].quant->scale[0];
  const float scale = weights->scale[weights->count > 1 ? c : 0];
  const float rounded = in_scale * scale;
  const bool product_in_float = step->in[0].type == MN_U8;
  const double product = product_in_float ? (double)rounded : (double)in_scale * (double)scale;
  mn_quantize_multiplier(product / (double)step->out.quant->scale[0], multiplier, shift);
}
