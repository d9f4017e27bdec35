/* SPDX-License-Identifier: Apache-2.0
 * Gradients of activations that stand alone, element by element. */
#include "train/train_ops.h"

static mn_status plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_grad_kernels **kernels = mn_arena_take(request->arena, sizeof *kernels);
  if (!kernels) return mn_fail_memory(err, sizeof *kernels);
  *kernels = mn_grad_kernels_select(request->features);
  step->params = kernels;
  step->slices = mn_slices_of(mn_operand_elements(&step->out));
  step->kernel_name = (*kernels)->name;
  return MN_OK;
}

/* Hard-sigmoid is no activation that a layer could have: it comes without one. */
static mn_grad_act act_of(mn_act act) {
  switch (act) {
    case MN_ACT_NONE: return MN_GRAD_HARD_SIGMOID;
    case MN_ACT_RELU: return MN_GRAD_RELU;
    case MN_ACT_RELU6: return MN_GRAD_RELU6;
    default: return MN_GRAD_HARD_SWISH;
  }
}

static size_t slices_end(const mn_step *step, size_t end) {
  const size_t size = mn_operand_elements(&step->out);
  return end * MN_SLICE_ELEMENTS < size ? end * MN_SLICE_ELEMENTS : size;
}

static void run_act(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const mn_grad_kernels *kernels = *(const mn_grad_kernels **)step->params;
  const size_t from = begin * MN_SLICE_ELEMENTS;
  kernels->act_gradient(&(mn_act_gradient_args){.x = mn_train_read(run, step, 0) + from,
                                                .gradient = mn_train_read(run, step, 1) + from,
                                                .out = mn_train_write(run, step) + from,
                                                .count = slices_end(step, end) - from,
                                                .act = act_of(step->node->attr.train.act)});
}

const mn_op_impl mn_act_gradient_impl = {.plan = plan, .run = run_act, .in_place = 2};

static void run_logistic(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const float *y = mn_train_read(run, step, 0), *gradient = mn_train_read(run, step, 1);
  float *out = mn_train_write(run, step);
  const size_t last = slices_end(step, end);
  for (size_t i = begin * MN_SLICE_ELEMENTS; i < last; i++) {
    out[i] = gradient[i] * y[i] * (1.0f - y[i]);
  }
}

const mn_op_impl mn_logistic_gradient_impl = {.plan = plan, .run = run_logistic, .in_place = 3};
