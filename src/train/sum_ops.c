/* SPDX-License-Identifier: Apache-2.0
 * Sums of parts, in the order of their index, and small sums over pixels. */
#include <string.h>

#include "train/train_ops.h"

/* ---- sum_parts: [parts, ...] to the sum of all; with two outputs, of each half -------------- */

static mn_status plan_sum(mn_step *step, const mn_op_request *request, mn_error *err) {
  (void)request, (void)err;
  step->slices = mn_slices_of(mn_operand_elements(&step->out));
  step->macs = mn_operand_elements(&step->in[0]);
  step->kernel_name = "sum_parts";
  return MN_OK;
}

static void sum_range(const float *from, size_t stride, size_t parts, float *to, size_t count) {
  memcpy(to, from, count * sizeof *to);
  for (size_t p = 1; p < parts; p++) {
    const float *part = from + p * stride;
    for (size_t i = 0; i < count; i++) to[i] += part[i];
  }
}

static void run_sum(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const size_t parts = (size_t)step->in[0].shape.dim[0];
  const size_t stride = mn_operand_elements(&step->in[0]) / parts;
  const size_t size = mn_operand_elements(&step->out), from = begin * MN_SLICE_ELEMENTS;
  const size_t to = end * MN_SLICE_ELEMENTS < size ? end * MN_SLICE_ELEMENTS : size;
  const float *in = mn_train_read(run, step, 0) + from;
  sum_range(in, stride, parts, mn_train_write(run, step) + from, to - from);
  if (step->node->out_count == 1) return;
  float *second = mn_operand_write(run, &step->more_out[0]);
  sum_range(in + size, stride, parts, second + from, to - from);
}

const mn_op_impl mn_sum_parts_impl = {.plan = plan_sum, .run = run_sum};

/* ---- column_sums: a bias's gradient --------------------------------------------------------- */

static mn_status plan_columns(mn_step *step, const mn_op_request *request, mn_error *err) {
  (void)request, (void)err;
  step->slices = (size_t)step->out.shape.dim[0];
  step->macs = mn_operand_elements(&step->in[0]);
  step->kernel_name = "column_sums";
  return MN_OK;
}

static void run_columns(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const size_t pixels = mn_operand_pixels(&step->in[0]), parts = step->slices;
  const size_t channels = mn_operand_channels(&step->in[0]);
  for (size_t i = begin; i < end; i++) {
    const size_t from = mn_part_begin(pixels, parts, i), to = mn_part_begin(pixels, parts, i + 1);
    const float *in = mn_train_read(run, step, 0) + from * channels;
    float *out = mn_train_write(run, step) + i * channels;
    sum_range(in, channels, to - from, out, channels);
  }
}

const mn_op_impl mn_column_sums_impl = {.plan = plan_columns, .run = run_columns};

/* ---- gate_gradient, mean_gradient ----------------------------------------------------------- */

static mn_status plan_images(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_grad_kernels **kernels = mn_arena_take(request->arena, sizeof *kernels);
  if (!kernels) return mn_fail_memory(err, sizeof *kernels);
  *kernels = mn_grad_kernels_select(request->features);
  step->params = kernels;
  step->slices = (size_t)step->out.shape.dim[0];
  step->macs = mn_operand_elements(&step->in[0]) + mn_operand_elements(&step->out);
  step->kernel_name = (*kernels)->name;
  return MN_OK;
}

static void run_gate(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const mn_grad_kernels *kernels = *(const mn_grad_kernels **)step->params;
  const size_t channels = mn_operand_channels(&step->in[0]);
  const size_t pixels = mn_operand_pixels(&step->in[0]) / step->slices;
  for (size_t i = begin; i < end; i++) {
    const size_t at = i * pixels * channels;
    float *sums = mn_train_write(run, step) + i * channels;
    memset(sums, 0, channels * sizeof *sums);
    kernels->dw_outer(&(mn_dw_outer_args){.in = mn_train_read(run, step, 1) + at,
                                          .gradient = mn_train_read(run, step, 0) + at,
                                          .sums = sums,
                                          .in_stride = channels,
                                          .gradient_stride = channels,
                                          .in_width = pixels,
                                          .width = pixels,
                                          .kernel_w = 1,
                                          .stride = 1,
                                          .channels = channels});
  }
}

const mn_op_impl mn_gate_gradient_impl = {.plan = plan_images, .run = run_gate};

static void run_mean(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const size_t channels = mn_operand_channels(&step->out);
  const size_t pixels = mn_operand_pixels(&step->out) / step->slices;
  const float share = 1.0f / (float)pixels;
  for (size_t i = begin; i < end; i++) {
    const float *gradient = mn_train_read(run, step, 0) + i * channels;
    float *out = mn_train_write(run, step) + i * pixels * channels;
    for (size_t c = 0; c < channels; c++) out[c] = gradient[c] * share;
    for (size_t p = 1; p < pixels; p++) {
      memcpy(out + p * channels, out, channels * sizeof *out);
    }
  }
}

const mn_op_impl mn_mean_gradient_impl = {.plan = plan_images, .run = run_mean};
