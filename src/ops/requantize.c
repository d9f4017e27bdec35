/* SPDX-License-Identifier: Apache-2.0
 * See requantize.h. Packed: multiplier | shift | scale | above | below. */
#include "ops/requantize.h"

#include <math.h>

#include "base/alloc.h"
#include "kernels/ref/requant.h"

enum { COLUMNS = 5 };

static size_t column_bytes(size_t padded) { return mn_aligned(padded * sizeof(int32_t)); }

/* ONNX adds the zero point after rounding. Else the base is in the middle of the codes: floats are
 * finest where they are small. */
mn_requant_layer mn_requant_plan(const mn_step *step, mn_act act, size_t padded) {
  const bool real = step->arithmetic == MN_ARITHMETIC_ONNX;
  const int32_t zero = step->out.quant->zero[0], middle = step->out.type == MN_U8 ? 128 : 0;
  mn_requant_layer layer = {.codes = {.base = real ? zero : middle, .out_zero = zero},
                            .padded = padded,
                            .bytes = COLUMNS * column_bytes(padded),
                            .real = real};
  mn_activation_codes(step, act, &layer.codes.out_min, &layer.codes.out_max);
  return layer;
}

typedef struct columns {
  int32_t *multiplier, *shift;
  float *scale, *above, *below;
} columns;

static columns columns_of(unsigned char *packed, size_t padded, size_t first) {
  const size_t column = column_bytes(padded);
  return (columns){(int32_t *)packed + first, (int32_t *)(packed + column) + first,
                   (float *)(packed + 2 * column) + first, (float *)(packed + 3 * column) + first,
                   (float *)(packed + 4 * column) + first};
}

mn_requant mn_requant_at(const mn_requant_layer *layer, const void *packed, size_t first) {
  const columns at = columns_of((unsigned char *)(uintptr_t)packed, layer->padded, first);
  mn_requant requant = layer->codes;
  requant.multiplier = layer->real ? NULL : at.multiplier;
  requant.shift = layer->real ? NULL : at.shift;
  requant.scale = at.scale;
  requant.above = at.above;
  requant.below = at.below;
  return requant;
}

/* Most codes from the zero point that sums of this size reach, rounded up by one: where the next
 * code begins must be right too, since no clamp hides it. */
static int32_t reach(int32_t bound, int32_t code) {
  return mn_clamp_i32(code + 1, 0, bound > 0 ? bound : 0);
}

bool mn_requant_prove(const mn_requant *codes, const mn_sum_range *range, int32_t multiplier,
                      int32_t shift, mn_requant_float *found) {
  if (shift > 0) return false;
  const int32_t most = range->most > 0 ? range->most : 0;
  const int32_t least = range->least < 0 ? -mn_clamp_i32(range->least, -INT32_MAX, 0) : 0;
  const int32_t up = mn_multiply_quantized(most, multiplier, shift);
  const int32_t down = mn_multiply_quantized(least, multiplier, shift);
  mn_requant_problem problem = {
      .multiplier = multiplier, .right = -shift, .zero = codes->out_zero - codes->base};
  if (up || down) {
    problem.up = reach(codes->out_max - codes->out_zero, up);
    problem.down = reach(codes->out_zero - codes->out_min, down);
  }
  if (!mn_certify_requant(&problem, found)) return false;
  /* What the clamp hides may as well be rounded alike: kernels then need not look at signs. */
  if (codes->out_min == codes->out_zero) found->below = found->above;
  return true;
}

/* With u = 2^-24, rounding the sum and the scale moves at most 256 codes by 256 u each; the result,
 * up to 128 from the base, and its offset are rounded by 128 u and 64 u. Together that is less than
 * MN_REQUANT_DOUBT. Scales of 1/2 and more are left to the fixed form: always in doubt. */
mn_requant_float mn_requant_guess(const mn_requant *codes, int32_t multiplier, int32_t shift) {
  const float zero = (float)(codes->out_zero - codes->base);
  if (multiplier < 1 << 30 || shift >= 0) {
    return (mn_requant_float){-0.0f, zero + 0.5f, zero + 0.5f};
  }
  const float carried = ldexpf(1.0f, shift - 1); /* what the first of two roundings carries over */
  const bool one_sided = codes->out_min == codes->out_zero;
  return (mn_requant_float){-ldexpf((float)multiplier, shift - 31), zero + carried,
                            one_sided ? zero + carried : zero - carried};
}

/* The product and the quotient each rounded to float, as onnxruntime's QLinearConv has them. */
static float onnx_scale(const mn_step *step, size_t c) {
  const mn_quant *weights = step->in[1].quant;
  const float product = step->in[0].quant->scale[0] * weights->scale[weights->count > 1 ? c : 0];
  return product / step->out.quant->scale[0];
}

void mn_requant_pack(const mn_requant_layer *layer, const mn_step *step, size_t c,
                     const mn_sum_range *range, void *packed) {
  const columns to = columns_of(packed, layer->padded, c);
  if (layer->real) {
    *to.scale = onnx_scale(step, c);
    return;
  }
  mn_layer_multiplier(step, c, to.multiplier, to.shift);
  mn_requant_float found;
  if (!range || !mn_requant_prove(&layer->codes, range, *to.multiplier, *to.shift, &found)) {
    found = mn_requant_guess(&layer->codes, *to.multiplier, *to.shift);
  }
  *to.scale = found.scale;
  *to.above = found.above;
  *to.below = found.below;
}
