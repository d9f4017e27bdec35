/* SPDX-License-Identifier: Apache-2.0
 * Batch norm with the statistics of the batch, and its gradients. Ioffe and Szegedy, "Batch
 * Normalization" (2015). Activations are part of it: what has to be kept for the gradients is x
 * alone, from which the normalized value is made again. Statistics of parts of the pixels are
 * joined by Chan, Golub and LeVeque's formula, "Updating Formulae and a Pairwise Algorithm for
 * Computing Sample Variances" (1979). */
#include <math.h>
#include <string.h>

#include "train/fused.h"

typedef struct norm {
  const mn_grad_kernels *kernels;
  size_t pixels, channels, parts;
  mn_grad_act act;
} norm;

mn_grad_act mn_grad_act_of(mn_act act) {
  switch (act) {
    case MN_ACT_RELU: return MN_GRAD_RELU;
    case MN_ACT_RELU6: return MN_GRAD_RELU6;
    case MN_ACT_HARD_SWISH: return MN_GRAD_HARD_SWISH;
    default: return MN_GRAD_LINEAR;
  }
}

static mn_status plan_norm(mn_step *step, const mn_op_request *request, mn_error *err) {
  norm *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  *p = (norm){
      .kernels = mn_grad_kernels_select(request->features),
      .pixels = mn_operand_pixels(&step->in[0]),
      .channels = mn_operand_channels(&step->in[0]),
      .parts = (size_t)step->node->attr.train.parts,
      .act = mn_grad_act_of(step->node->attr.train.act),
  };
  step->params = p;
  step->kernel_name = p->kernels->name;
  step->macs = p->pixels * p->channels;
  return MN_OK;
}

/* ---- Statistics ----------------------------------------------------------------------------- */

static mn_status plan_parts(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = plan_norm(step, request, err);
  if (status) return status;
  const norm *p = step->params;
  step->slices = p->parts;
  step->scratch_bytes = 2 * p->channels * sizeof(double);
  return MN_OK;
}

void mn_fused_put_moments(const mn_norm_args *sums, size_t pixels, float *part) {
  const double count = (double)pixels;
  for (size_t c = 0; c < sums->channels; c++) {
    const double first = sums->first[c], second = sums->second[c];
    part[c] = (float)((double)sums->mean[c] + first / count);
    part[sums->channels + c] = (float)fmax(second - first * first / count, 0);
  }
}

void mn_fused_put_sums(const mn_norm_args *sums, float *part) {
  for (size_t c = 0; c < sums->channels; c++) {
    part[c] = (float)sums->second[c];
    part[sums->channels + c] = (float)sums->first[c];
  }
}

static void run_moments(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const norm *p = step->params;
  double *first = run->scratch, *second = first + p->channels;
  for (size_t i = begin; i < end; i++) {
    const size_t from = mn_part_begin(p->pixels, p->parts, i);
    const size_t to = mn_part_begin(p->pixels, p->parts, i + 1);
    const float *x = mn_train_read(run, step, 0) + from * p->channels;
    const mn_norm_args sums = {.x = x,
                               .mean = x,
                               .first = first,
                               .second = second,
                               .pixels = to - from,
                               .channels = p->channels};
    p->kernels->moments(&sums);
    mn_fused_put_moments(&sums, to - from, mn_train_write(run, step) + 2 * i * p->channels);
  }
}

const mn_op_impl mn_moments_impl = {.plan = plan_parts, .run = run_moments};

/* ---- The batch's mean and deviation, and the running ones ----------------------------------- */

typedef struct finish {
  size_t pixels, channels, parts;
  double epsilon, momentum;
} finish;

static mn_status plan_finish(mn_step *step, const mn_op_request *request, mn_error *err) {
  finish *p = mn_arena_take(request->arena, sizeof *p);
  if (!p) return mn_fail_memory(err, sizeof *p);
  *p = (finish){
      .pixels = (size_t)step->node->attr.train.parts,
      .channels = mn_operand_channels(&step->out),
      .parts = step->node->in_count > 2 ? (size_t)step->in[2].shape.dim[0] : 0,
      .epsilon = (double)step->node->attr.train.epsilon,
      .momentum = (double)step->node->attr.train.momentum,
  };
  step->params = p;
  return MN_OK;
}

static void join_channel(const finish *p, const float *parts, size_t c, double *mean,
                         double *spread) {
  double count = 0;
  *mean = *spread = 0;
  for (size_t i = 0; i < p->parts; i++) {
    const float *part = parts + 2 * i * p->channels;
    const double more =
        (double)(mn_part_begin(p->pixels, p->parts, i + 1) - mn_part_begin(p->pixels, p->parts, i));
    const double away = (double)part[c] - *mean, total = count + more;
    *mean += away * more / total;
    *spread += (double)part[p->channels + c] + away * away * count * more / total;
    count = total;
  }
}

/* Running statistics move towards the batch's; of the variance that is the unbiased one. */
static void run_finish(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  (void)begin, (void)end;
  const finish *p = step->params;
  float *running_mean = (float *)(uintptr_t)step->in[0].data;
  float *running_variance = (float *)(uintptr_t)step->in[1].data;
  float *mean_out = mn_train_write(run, step);
  float *inverse_out = mn_operand_write(run, &step->more_out[0]);
  const double count = (double)p->pixels, move = p->momentum;
  for (size_t c = 0; c < p->channels; c++) {
    double mean, spread;
    join_channel(p, mn_train_read(run, step, 2), c, &mean, &spread);
    mean_out[c] = (float)mean;
    inverse_out[c] = (float)(1 / sqrt(spread / count + p->epsilon));
    const double unbiased = spread / (count > 1 ? count - 1 : 1);
    running_mean[c] = (float)((1 - move) * (double)running_mean[c] + move * mean);
    running_variance[c] = (float)((1 - move) * (double)running_variance[c] + move * unbiased);
  }
}

const mn_op_impl mn_norm_finish_impl = {.plan = plan_finish, .run = run_finish};

static void run_frozen(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  (void)begin, (void)end;
  const finish *p = step->params;
  float *inverse = mn_operand_write(run, &step->more_out[0]);
  memcpy(mn_train_write(run, step), mn_train_read(run, step, 0), p->channels * sizeof(float));
  for (size_t c = 0; c < p->channels; c++) {
    inverse[c] = (float)(1 / sqrt((double)mn_train_read(run, step, 1)[c] + p->epsilon));
  }
}

const mn_op_impl mn_norm_frozen_impl = {.plan = plan_finish, .run = run_frozen};

/* ---- Forward and gradient ------------------------------------------------------------------- */

enum { SLICE_FLOATS = 16384 };

static size_t slice_pixels(const norm *p) {
  const size_t fit = SLICE_FLOATS / p->channels;
  return fit ? fit : 1;
}

static mn_status plan_pixels(mn_step *step, const mn_op_request *request, mn_error *err) {
  mn_status status = plan_norm(step, request, err);
  if (status) return status;
  const norm *p = step->params;
  step->slices = (p->pixels + slice_pixels(p) - 1) / slice_pixels(p);
  return MN_OK;
}

/* Pixels [from, to) of operands; per-channel numbers are inputs `first` to `first` + 3. */
static mn_norm_args args_of(const mn_step *step, const mn_run *run, size_t from, size_t to,
                            int32_t first) {
  const norm *p = step->params;
  return (mn_norm_args){
      .x = mn_train_read(run, step, 0) + from * p->channels,
      .mean = mn_train_read(run, step, first),
      .inverse = mn_train_read(run, step, first + 1),
      .gamma = mn_train_read(run, step, first + 2),
      .beta = mn_train_read(run, step, first + 3),
      .pixels = to - from,
      .channels = p->channels,
      .act = p->act,
  };
}

static void slice_range(const norm *p, size_t begin, size_t end, size_t *from, size_t *to) {
  *from = begin * slice_pixels(p);
  *to = end * slice_pixels(p) < p->pixels ? end * slice_pixels(p) : p->pixels;
}

static void run_norm(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const norm *p = step->params;
  size_t from, to;
  slice_range(p, begin, end, &from, &to);
  mn_norm_args args = args_of(step, run, from, to, 1);
  args.out = mn_train_write(run, step) + from * p->channels;
  p->kernels->norm(&args);
}

const mn_op_impl mn_norm_impl = {.plan = plan_pixels, .run = run_norm};

static void run_sums(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const norm *p = step->params;
  double *first = run->scratch, *second = first + p->channels;
  for (size_t i = begin; i < end; i++) {
    const size_t from = mn_part_begin(p->pixels, p->parts, i);
    const size_t to = mn_part_begin(p->pixels, p->parts, i + 1);
    mn_norm_args args = args_of(step, run, from, to, 2);
    args.gradient = mn_train_read(run, step, 1) + from * p->channels;
    args.first = first;
    args.second = second;
    p->kernels->norm_sums(&args);
    mn_fused_put_sums(&args, mn_train_write(run, step) + 2 * i * p->channels);
  }
}

const mn_op_impl mn_norm_sums_impl = {.plan = plan_parts, .run = run_sums};

static void run_gradient(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const norm *p = step->params;
  size_t from, to;
  slice_range(p, begin, end, &from, &to);
  mn_norm_args args = args_of(step, run, from, to, 2);
  args.gradient = mn_train_read(run, step, 1) + from * p->channels;
  args.gamma_gradient = mn_train_read(run, step, 6);
  args.beta_gradient = mn_train_read(run, step, 7);
  args.count = p->parts ? mn_norm_count(step, p->pixels) : 0; /* 0 parts: frozen */
  args.out = mn_train_write(run, step) + from * p->channels;
  p->kernels->norm_gradient(&args);
}

const mn_op_impl mn_norm_gradient_impl = {.plan = plan_pixels, .run = run_gradient, .in_place = 2};
