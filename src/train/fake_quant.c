/* SPDX-License-Identifier: Apache-2.0
 * Activations in training for 8 bits: which range they have, as a moving average over batches (the
 * first batch's as it is), and what remains of them when they are rounded to int8 codes. */
#include <string.h>

#include "train/code_scale.h"
#include "train/train_ops.h"

/* ---- range_parts: x to the extremes of parts of it ------------------------------------------ */

static mn_status plan_kernels(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_grad_kernels **kernels = mn_arena_take(request->arena, sizeof *kernels);
  if (!kernels) return mn_fail_memory(err, sizeof *kernels);
  *kernels = mn_grad_kernels_select(request->features);
  step->params = kernels;
  step->kernel_name = (*kernels)->name;
  step->macs = mn_operand_elements(&step->in[0]);
  return MN_OK;
}

static const mn_grad_kernels *kernels_of(const mn_step *step) {
  return *(const mn_grad_kernels **)step->params;
}

static mn_status plan_parts(mn_step *step, const mn_op_request *request, mn_error *err) {
  step->slices = (size_t)step->out.shape.dim[0];
  return plan_kernels(step, request, err);
}

static void run_parts(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const size_t count = mn_operand_elements(&step->in[0]);
  for (size_t i = begin; i < end; i++) {
    const size_t from = mn_part_begin(count, step->slices, i);
    const size_t to = mn_part_begin(count, step->slices, i + 1);
    float *out = mn_train_write(run, step) + 2 * i;
    out[0] = out[1] = 0; /* a range contains 0 */
    kernels_of(step)->extremes(mn_train_read(run, step, 0) + from, to - from, &out[0], &out[1]);
  }
}

const mn_op_impl mn_range_parts_impl = {.plan = plan_parts, .run = run_parts};

/* ---- range_finish: the running range moves towards the batch's ------------------------------ */

static mn_status plan_ranges(mn_step *step, const mn_op_request *request, mn_error *err) {
  (void)request, (void)err;
  step->kernel_name = "ranges";
  return MN_OK;
}

static void run_finish(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  (void)begin, (void)end;
  float *running = (float *)(uintptr_t)step->in[0].data, *out = mn_train_write(run, step);
  const float *parts = mn_train_read(run, step, 1);
  const size_t count = (size_t)step->in[1].shape.dim[0];
  const bool known = mn_code_range_known((mn_code_range){running[0], running[1]});
  const double move = known ? (double)step->node->attr.train.momentum : 1;
  for (int end_of = 0; end_of < 2; end_of++) {
    double now = 0;
    for (size_t i = 0; i < count; i++) {
      const double part = (double)parts[2 * i + (size_t)end_of];
      now = end_of == 0 ? fmin(now, part) : fmax(now, part);
    }
    running[end_of] = (float)((1 - move) * (double)running[end_of] + move * now);
    out[end_of] = running[end_of];
  }
}

const mn_op_impl mn_range_finish_impl = {.plan = plan_ranges, .run = run_finish};

/* ---- range_join: what several ranges span together ------------------------------------------- */

static void run_join(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  (void)begin, (void)end;
  float *out = mn_train_write(run, step);
  out[0] = out[1] = 0; /* a range contains 0 */
  for (int32_t i = 0; i < step->node->in_count; i++) {
    const float *range = mn_train_read(run, step, i);
    out[0] = fminf(out[0], range[0]);
    out[1] = fmaxf(out[1], range[1]);
  }
}

const mn_op_impl mn_range_join_impl = {.plan = plan_ranges, .run = run_join};

/* ---- fake_quant and its gradient ------------------------------------------------------------- */

static mn_status plan_elements(mn_step *step, const mn_op_request *request, mn_error *err) {
  step->slices = mn_slices_of(mn_operand_elements(&step->out));
  return plan_kernels(step, request, err);
}

/* Elements of slices [begin, end), by the range that input 1 holds; false when it is unknown. */
static bool args_of(const mn_step *step, const mn_run *run, size_t begin, size_t end,
                    mn_fake_quant_args *args) {
  const float *range = mn_train_read(run, step, 1);
  const mn_code_scale by = mn_code_scale_of((mn_code_range){range[0], range[1]});
  const size_t size = mn_operand_elements(&step->out), from = begin * MN_SLICE_ELEMENTS;
  const size_t to = end * MN_SLICE_ELEMENTS < size ? end * MN_SLICE_ELEMENTS : size;
  *args = (mn_fake_quant_args){.x = mn_train_read(run, step, 0) + from,
                               .out = mn_train_write(run, step) + from,
                               .count = to - from,
                               .scale = by.scale,
                               .low = (float)(MN_CODE_LOW - by.zero),
                               .high = (float)(MN_CODE_HIGH - by.zero)};
  return mn_code_range_known((mn_code_range){range[0], range[1]});
}

static void run_fake_quant(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  mn_fake_quant_args args;
  if (args_of(step, run, begin, end, &args)) {
    kernels_of(step)->fake_quant(&args);
  } else if (args.out != args.x) {
    memcpy(args.out, args.x, args.count * sizeof *args.out);
  }
}

const mn_op_impl mn_fake_quant_impl = {.plan = plan_elements, .run = run_fake_quant, .in_place = 1};

static void run_gradient(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  mn_fake_quant_args args;
  const bool known = args_of(step, run, begin, end, &args);
  args.gradient = mn_train_read(run, step, 2) + begin * MN_SLICE_ELEMENTS;
  if (known) {
    kernels_of(step)->fake_quant_gradient(&args);
  } else if (args.out != args.gradient) {
    memcpy(args.out, args.gradient, args.count * sizeof *args.out);
  }
}

const mn_op_impl mn_fake_quant_gradient_impl = {
    .plan = plan_elements, .run = run_gradient, .in_place = 4};
