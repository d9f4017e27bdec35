/* SPDX-License-Identifier: Apache-2.0
 * Logistic, hard-swish, hard-sigmoid. Every 8-bit one is a table of 256 bytes, filled when planning
 * with the arithmetic of LiteRT's reference kernels or ONNX's (docs/numerics.md). */
#include <math.h>

#include "kernels/ref/exp_f64.h"
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"
#include "ops/real_codes.h"
#include "ops/unary.h"

/* LiteRT's LUTPopulate: float throughout, with our exp (correct to the last bit of a float but for
 * about one value in 10^8). */
static float logistic_real(float x) {
  double bounded = x < -700.0f ? 700.0 : x > 700.0f ? -700.0 : -(double)x;
  return 1.0f / (1.0f + (float)mn_exp_one_f64(bounded));
}

/* As onnxruntime's, with constants rounded to float. */
static float hard_sigmoid_real(float x) {
  float gate = (1.0f / 6.0f) * x + 0.5f;
  return gate < 0.0f ? 0.0f : gate > 1.0f ? 1.0f : gate;
}

static float hard_swish_real(float x) { return x * hard_sigmoid_real(x); }

static void fill_logistic(uint8_t table[256], const mn_operand *in, const mn_operand *out) {
  float inverse_scale = 1.0f / mn_operand_scale(out);
  for (int byte = 0; byte < 256; byte++) {
    int32_t code = mn_code_of_byte(in->type, byte) - mn_operand_zero(in);
    float real = logistic_real(mn_operand_scale(in) * (float)code);
    float steps = roundf(real * inverse_scale) + (float)mn_operand_zero(out);
    int32_t result = steps < 1024.0f ? (int32_t)steps : 1024;
    table[byte] = (uint8_t)mn_clamp_i32(result, mn_code_min(out->type), mn_code_max(out->type));
  }
}

MN_PLANNING mn_status logistic_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  mn_unary *unary = mn_unary_plan(step, request, err);
  if (!unary) return MN_ERR_MEMORY;
  if (in->type == MN_F32 && out->type == MN_F32) {
    mn_unary_use_f32(step, request, MN_SLOT_logistic_f32);
    return MN_OK;
  }
  if (in->type != out->type || !mn_operand_is_coded(in) || !mn_operand_is_coded(out)) {
    return mn_op_refuse(step, "f32, or u8 or i8 with one scale", err);
  }
  if (step->arithmetic == MN_ARITHMETIC_ONNX) {
    mn_real_table(unary->table, in, out, logistic_real);
  } else {
    fill_logistic(unary->table, in, out);
  }
  mn_unary_use_table(step, request);
  return MN_OK;
}

/* The upper 16 bits of a multiplier, rounded. */
static int32_t upper_half(int32_t multiplier) {
  return multiplier >= INT32_MAX - (1 << 15) ? INT16_MAX : (multiplier + (1 << 15)) >> 16;
}

static bool prepare_hard_swish(mn_hard_swish_q8 *args, const mn_operand *in,
                               const mn_operand *out) {
  float fine_scale = (1.0f / 128.0f) * mn_operand_scale(in);
  float out_ratio = fine_scale / mn_operand_scale(out);
  float unit_ratio = fine_scale / (3.0f / 32768.0f);
  int32_t multiplier;
  mn_quantize_multiplier((double)out_ratio, &multiplier, &args->out_exponent);
  args->out_multiplier = upper_half(multiplier);
  mn_quantize_multiplier((double)unit_ratio, &multiplier, &args->relu_exponent);
  args->relu_multiplier = upper_half(multiplier);
  args->in_zero = mn_operand_zero(in);
  args->out_zero = mn_operand_zero(out);
  args->code_min = mn_code_min(out->type);
  args->code_max = mn_code_max(out->type);
  return args->out_exponent <= 0;
}

static bool fill_hard_swish(uint8_t table[256], const mn_operand *in, const mn_operand *out) {
  mn_hard_swish_q8 args;
  if (!prepare_hard_swish(&args, in, out)) return false;
  for (int byte = 0; byte < 256; byte++) {
    table[byte] = (uint8_t)mn_hard_swish_code_ref(&args, mn_code_of_byte(in->type, byte));
  }
  return true;
}

MN_PLANNING mn_status hard_swish_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  mn_unary *unary = mn_unary_plan(step, request, err);
  if (!unary) return MN_ERR_MEMORY;
  if (in->type == MN_F32 && out->type == MN_F32) {
    mn_unary_use_f32(step, request, MN_SLOT_hard_swish_f32);
    return MN_OK;
  }
  if (in->type != out->type || !mn_operand_is_coded(in) || !mn_operand_is_coded(out)) {
    return mn_op_refuse(step, "f32, or u8 or i8 with one scale", err);
  }
  if (step->arithmetic == MN_ARITHMETIC_ONNX) {
    mn_real_table(unary->table, in, out, hard_swish_real);
  } else if (!fill_hard_swish(unary->table, in, out)) {
    return mn_op_refuse(step, "an output scale of at least 1/128 of the input's", err);
  }
  mn_unary_use_table(step, request);
  return MN_OK;
}

MN_PLANNING mn_status hard_sigmoid_plan(mn_step *step, const mn_op_request *request,
                                        mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  bool coded = mn_operand_is_coded(in) && mn_operand_is_coded(out);
  if (coded ? step->arithmetic != MN_ARITHMETIC_ONNX : in->type != MN_F32 || out->type != MN_F32) {
    return mn_op_refuse(step, "f32, or codes in ONNX's arithmetic", err);
  }
  mn_unary *unary = mn_unary_plan(step, request, err);
  if (!unary) return MN_ERR_MEMORY;
  if (coded) {
    mn_real_table(unary->table, in, out, hard_sigmoid_real);
    mn_unary_use_table(step, request);
  } else {
    mn_unary_use_f32(step, request, MN_SLOT_hard_sigmoid_f32);
  }
  return MN_OK;
}

const mn_op_impl mn_logistic_impl = {.plan = logistic_plan, .run = mn_unary_run, .in_place = 1};
const mn_op_impl mn_hard_swish_impl = {.plan = hard_swish_plan,
                                       .run = mn_unary_run,
                                       .reach = mn_reach_same,
                                       .run_band = mn_unary_run_band,
                                       .in_place = 1};
const mn_op_impl mn_hard_sigmoid_impl = {
    .plan = hard_sigmoid_plan, .run = mn_unary_run, .in_place = 1};
