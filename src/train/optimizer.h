/* SPDX-License-Identifier: Apache-2.0
 * One step of an optimizer on a range of weights. Formulas and their sources: docs/training.md.
 * Every element is computed from its own numbers only, so a range may be split among threads in any
 * way. Global norms and averages of weights are elsewhere. */
#ifndef MN_TRAIN_OPTIMIZER_H
#define MN_TRAIN_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum mn_optimizer_kind {
  MN_SGD,           /* as PyTorch's SGD without dampening, TensorFlow 1's MomentumOptimizer */
  MN_RMSPROP_TF,    /* TensorFlow 1's RMSPropOptimizer, which TF-slim trains with */
  MN_RMSPROP_TORCH, /* PyTorch's RMSprop, not centred */
  MN_ADAMW          /* PyTorch's AdamW, no AMSGrad; with beta1 and beta2 */
} mn_optimizer_kind;

typedef struct mn_optimizer {
  mn_optimizer_kind kind;
  double momentum; /* SGD and RMSProp; 0: none */
  bool nesterov;   /* SGD with momentum */
  double decay;    /* RMSProp: of the mean square; PyTorch's alpha, Keras' rho */
  double beta1, beta2;
  double epsilon; /* RMSPROP_TF: inside the root; the others: outside */
} mn_optimizer;

enum { MN_OPTIMIZER_SLOTS = 2 }; /* most of a kind */

/* Arrays of the weights' size that are kept from step to step, and what they start as. */
int mn_optimizer_slots(const mn_optimizer *optimizer);
float mn_optimizer_slot_start(const mn_optimizer *optimizer, int slot);

/* A step of one parameter. */
typedef struct mn_update {
  float *weights;                   /* [count], changed */
  const float *gradient;            /* [count] */
  float *slots[MN_OPTIMIZER_SLOTS]; /* [count] each, changed; as many as the optimizer has */
  double rate;
  double weight_decay; /* added to the gradient (L2); AdamW: off the weights at `rate` */
  float scale;         /* what gradients are multiplied by first: 1, or what clips them */
  int64_t step;        /* from 1; AdamW */
} mn_update;

/* Elements begin to end - 1. */
void mn_optimizer_update(const mn_optimizer *optimizer, const mn_update *update, size_t begin,
                         size_t end);

#endif
