/* SPDX-License-Identifier: Apache-2.0
 * Layers whose batch norms are not steps of their own (fuse.c makes them): a map is read while the
 * piece of it that was just made is still in the cache, and what is made of it at once (normalized
 * inputs, gradients through batch norms) is a few rows of scratch and never a map.
 *
 * Inputs forward: x, weights; where x is normalized on the way in (attr.train.normed) its mean,
 * 1/deviation, gamma, beta. Outputs: y, and for a batch norm after it the moments' parts.
 *
 * Inputs backward, of y = layer(x) whose batch norm made act(z): y, gradient of act(z), mean,
 * 1/deviation, gamma, beta, gradients of gamma and beta, weights, x and, if that is normalized, its
 * four numbers. Outputs: gradient of x (of act(z) of x), parts of the weights' gradients and, if
 * there are three, of the sums for gamma and beta of x's batch norm. */
#ifndef MN_TRAIN_FUSED_H
#define MN_TRAIN_FUSED_H

#include "mobilenet/train.h"
#include "train/train_ops.h"

enum { MN_FORWARD_NORM = 2 }; /* first of the four numbers, forward */
enum {
  MN_BACK_Y,
  MN_BACK_GRADIENT,
  MN_BACK_NORM,
  MN_BACK_GAMMA_GRADIENT = 6,
  MN_BACK_BETA_GRADIENT,
  MN_BACK_WEIGHTS,
  MN_BACK_X,
  MN_BACK_X_NORM
};

mn_grad_act mn_grad_act_of(mn_act act); /* norm_ops.c */

/* Pixels that a batch norm's statistics are of. */
static inline float mn_norm_count(const mn_step *step, size_t pixels) {
  const mn_ranks *ranks = step->node->attr.train.ranks;
  return (float)pixels * (float)(ranks ? ranks->count : 1);
}

/* The numbers of a batch norm, inputs `first` to `first` + 3. */
static inline mn_norm_args mn_fused_norm(const mn_step *step, const mn_run *run, int32_t first,
                                         mn_act act) {
  return (mn_norm_args){
      .mean = mn_train_read(run, step, first),
      .inverse = mn_train_read(run, step, first + 1),
      .gamma = mn_train_read(run, step, first + 2),
      .beta = mn_train_read(run, step, first + 3),
      .channels = mn_operand_channels(&step->in[first]),
      .act = mn_grad_act_of(act),
  };
}

/* The gradient through the batch norm of y, of pixels that are still to be named. */
static inline mn_norm_args mn_fused_gradient(const mn_step *step, const mn_run *run) {
  mn_norm_args args = mn_fused_norm(step, run, MN_BACK_NORM, step->node->attr.train.act);
  args.gamma_gradient = mn_train_read(run, step, MN_BACK_GAMMA_GRADIENT);
  args.beta_gradient = mn_train_read(run, step, MN_BACK_BETA_GRADIENT);
  const bool frozen = step->node->attr.train.frozen;
  args.count = frozen ? 0 : mn_norm_count(step, mn_operand_pixels(&step->in[MN_BACK_Y]));
  return args;
}

/* Part i [2][channels] from sums: of moments, mean and squares away from it; else as they are. */
void mn_fused_put_moments(const mn_norm_args *sums, size_t pixels, float *part);
void mn_fused_put_sums(const mn_norm_args *sums, float *part);

#endif
