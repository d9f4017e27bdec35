/* SPDX-License-Identifier: Apache-2.0
 * A network in training: one batch forward, then its loss's gradient backward. Between the two, and
 * between a batch and the next, whoever trains has the word: losses, optimizers, clipping and sums
 * over machines need all of a batch or all gradients, and no part of the graph. */
#ifndef MN_TRAIN_STEPPER_H
#define MN_TRAIN_STEPPER_H

#include "kernels/grad/grad.h"
#include "mobilenet/train.h"
#include "run/session.h"
#include "train/autodiff.h"

typedef struct mn_stepper {
  const mn_graph *model;
  mn_training_graph training;
  mn_plan *plan;
  mn_session *session;
  int32_t backward; /* the first step of it */
  mn_threads *threads;
  const mn_grad_kernels *kernels;
} mn_stepper;

typedef struct mn_stepper_options {
  mn_autodiff_options autodiff;
  const mn_ranks *sync; /* batch norms are over these; NULL: each over its own batch */
  mn_threads *threads;  /* NULL: the caller alone */
  uint32_t features;    /* mn_cpu_features */
  bool bf16;            /* operands of convolutions' products are rounded to it */
  bool keep_all;        /* every value can be read after a pass: mn_session_value */
} mn_stepper_options;

/* `model` outlives the stepper. Errors: those of mn_autodiff; MEMORY. */
mn_status mn_stepper_new(mn_stepper **out, const mn_graph *model, const mn_stepper_options *options,
                         mn_error *err);
void mn_stepper_free(mn_stepper *stepper);

/* Input 0, of the model's shape at the batch; to be filled before each forward pass. */
float *mn_stepper_input(const mn_stepper *stepper);
/* Output `index` of the last forward pass. */
const float *mn_stepper_output(const mn_stepper *stepper, int32_t index);
/* What the loss's gradient of output `index` is; to be filled before each backward pass. */
float *mn_stepper_output_gradient(const mn_stepper *stepper, int32_t index);
/* The gradient of parameter `index` after a backward pass; NULL if it has none. */
const float *mn_stepper_gradient(const mn_stepper *stepper, int32_t index);

/* What autodiff.dropout asked for, and its size; to be filled before each forward pass. */
float *mn_stepper_dropout(const mn_stepper *stepper, size_t *rows, size_t *channels);

void mn_stepper_forward(mn_stepper *stepper);
void mn_stepper_backward(mn_stepper *stepper);
/* Steps [first, end) of the plan, as a part of a pass; the backward pass begins at `backward`. */
void mn_stepper_run(mn_stepper *stepper, int32_t first, int32_t end);
/* The first step that may run after the gradient of parameter `index` was taken. */
int32_t mn_stepper_gradient_step(const mn_stepper *stepper, int32_t index);
/* After parameters changed. */
void mn_stepper_changed(mn_stepper *stepper);

/* A copy of the model with its parameters' data replaced, by the present ones when NULL, and its
 * running statistics. It borrows from the model. */
mn_status mn_stepper_snapshot(const mn_stepper *stepper, const float *const *parameters,
                              mn_graph *out, mn_error *err);

#endif
