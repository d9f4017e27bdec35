/* SPDX-License-Identifier: Apache-2.0
 * The Euclidean norm of all gradients together, and clipping by it (Pascanu, Mikolov and Bengio,
 * "On the difficulty of training recurrent neural networks", 2013). */
#ifndef MN_TRAIN_GRADIENT_NORM_H
#define MN_TRAIN_GRADIENT_NORM_H

#include <stddef.h>

#include "mobilenet/mobilenet.h"

typedef struct mn_gradients {
  const float *const *arrays; /* [array_count] of [counts[i]] */
  const size_t *counts;
  size_t array_count;
} mn_gradients;

/* The same bits whatever the number of threads (NULL: the caller alone). Not finite when one of the
 * gradients is not. */
double mn_gradient_norm(const mn_gradients *gradients, mn_threads *threads);

/* What gradients of this norm are multiplied by: min(1, most / (norm + 1e-6)) as PyTorch's
 * clip_grad_norm_; 1 when `most` is not positive. */
float mn_clip_scale(double norm, double most);

#endif
