/* SPDX-License-Identifier: Apache-2.0
 * Between floats and codes, and from one quantization to another. Requantization is a table of
 * bytes, dequantization a table of floats. */
#include "kernels/ref/ref.h"
#include "kernels/ref/requant.h"
#include "ops/real_codes.h"
#include "ops/unary.h"

static mn_quantize_args quantize_args(const mn_unary *unary, const void *in, void *out,
                                      size_t count) {
  return (mn_quantize_args){.in = in,
                            .out = out,
                            .count = count,
                            .scale = unary->scale,
                            .zero = unary->zero,
                            .min = unary->code_lo,
                            .max = unary->code_hi};
}

static void apply_quantize(const mn_unary *unary, const void *in, void *out, size_t count) {
  mn_quantize_args args = quantize_args(unary, in, out, count);
  mn_quantize_f32_ref(&args);
}

static void apply_quantize_real(const mn_unary *unary, const void *in, void *out, size_t count) {
  mn_quantize_args args = quantize_args(unary, in, out, count);
  mn_quantize_real_f32_ref(&args);
}

static void fill_requantize(uint8_t table[256], const mn_operand *in, const mn_operand *out) {
  int32_t multiplier, shift;
  mn_quantize_multiplier((double)mn_operand_scale(in) / (double)mn_operand_scale(out), &multiplier,
                         &shift);
  for (int byte = 0; byte < 256; byte++) {
    int32_t code = mn_code_of_byte(in->type, byte) - mn_operand_zero(in);
    code = mn_multiply_quantized(code, multiplier, shift);
    code = mn_wrapping_add(code, mn_operand_zero(out));
    table[byte] = (uint8_t)mn_clamp_i32(code, mn_code_min(out->type), mn_code_max(out->type));
  }
}

MN_PLANNING mn_status quantize_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  bool from_float = in->type == MN_F32, real = step->arithmetic == MN_ARITHMETIC_ONNX;
  if (!mn_operand_is_coded(out) || (!from_float && !mn_operand_is_coded(in))) {
    return mn_op_refuse(step, "f32, u8 or i8 to u8 or i8, with one scale", err);
  }
  mn_unary *unary = mn_unary_plan(step, request, err);
  if (!unary) return MN_ERR_MEMORY;
  if (!from_float) {
    if (real) {
      mn_real_table(unary->table, in, out, NULL);
    } else {
      fill_requantize(unary->table, in, out);
    }
    mn_unary_use_table(step, request);
    return MN_OK;
  }
  unary->scale = mn_operand_scale(out);
  unary->zero = mn_operand_zero(out);
  unary->code_lo = mn_code_min(out->type);
  unary->code_hi = mn_code_max(out->type);
  unary->apply = real ? apply_quantize_real : apply_quantize;
  step->kernel_name = real ? "quantize_real_f32_ref" : "quantize_f32_ref";
  return MN_OK;
}

static void apply_values(const mn_unary *unary, const void *in, void *out, size_t count) {
  const uint8_t *from = in;
  float *to = out;
  for (size_t i = 0; i < count; i++) to[i] = unary->values[from[i]];
}

static void apply_f16(const mn_unary *unary, const void *in, void *out, size_t count) {
  (void)unary;
  mn_f16_to_f32_ref(in, out, count);
}

static void apply_bf16(const mn_unary *unary, const void *in, void *out, size_t count) {
  (void)unary;
  mn_bf16_to_f32_ref(in, out, count);
}

MN_PLANNING mn_status dequantize_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *in = &step->in[0];
  bool half = in->type == MN_F16 || in->type == MN_BF16;
  if (step->out.type != MN_F32 || (!half && !mn_operand_is_coded(in))) {
    return mn_op_refuse(step, "f16, bf16, or u8 or i8 with one scale, to f32", err);
  }
  mn_unary *unary = mn_unary_plan(step, request, err);
  if (!unary) return MN_ERR_MEMORY;
  if (half) {
    unary->apply = in->type == MN_F16 ? apply_f16 : apply_bf16;
    step->kernel_name = in->type == MN_F16 ? "f16_to_f32_ref" : "bf16_to_f32_ref";
    return MN_OK;
  }
  for (int byte = 0; byte < 256; byte++) {
    int32_t code = mn_code_of_byte(in->type, byte) - mn_operand_zero(in);
    unary->values[byte] = (float)((double)mn_operand_scale(in) * code);
  }
  unary->apply = apply_values;
  step->kernel_name = "dequantize_table";
  return MN_OK;
}

const mn_op_impl mn_quantize_impl = {.plan = quantize_plan,
                                     .run = mn_unary_run,
                                     .reach = mn_reach_same,
                                     .run_band = mn_unary_run_band,
                                     .in_place = 1};
const mn_op_impl mn_dequantize_impl = {.plan = dequantize_plan,
                                       .run = mn_unary_run,
                                       .reach = mn_reach_same,
                                       .run_band = mn_unary_run_band};
