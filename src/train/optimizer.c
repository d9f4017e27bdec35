/* SPDX-License-Identifier: Apache-2.0
 * See optimizer.h. Factors are formed in double and rounded once, as PyTorch and TensorFlow do; a
 * loop per formula, without branches, for the compiler to make vectors of. */
#include "train/optimizer.h"

#include <math.h>

int mn_optimizer_slots(const mn_optimizer *optimizer) {
  const int momentum = optimizer->momentum != 0;
  switch (optimizer->kind) {
    case MN_SGD: return momentum;
    case MN_RMSPROP_TF:
    case MN_RMSPROP_TORCH: return 1 + momentum;
    case MN_ADAMW: break;
  }
  return 2;
}

/* TensorFlow starts RMSProp's mean square at 1 (rmsprop.py, _create_slots), so that first steps are
 * short; PyTorch and Keras at 0. */
float mn_optimizer_slot_start(const mn_optimizer *optimizer, int slot) {
  return optimizer->kind == MN_RMSPROP_TF && slot == 0 ? 1.0f : 0.0f;
}

/* What every loop reads, passed by value: no array written to can then hide these numbers. Arrays
 * begin at the range's first element. */
typedef struct range {
  float *weights, *first, *second;
  const float *gradient;
  size_t count;
  float scale, weight_decay, rate, momentum;
} range;

static inline float decayed(const range *r, float gradient, float w) {
  return gradient * r->scale + r->weight_decay * w;
}

static void descend(range r) {
  float *restrict w = r.weights;
  const float *restrict gradient = r.gradient;
  for (size_t i = 0; i < r.count; i++) w[i] -= r.rate * decayed(&r, gradient[i], w[i]);
}

static void sgd_heavy_ball(range r) {
  float *restrict w = r.weights, *restrict velocity = r.first;
  const float *restrict gradient = r.gradient;
  for (size_t i = 0; i < r.count; i++) {
    velocity[i] = r.momentum * velocity[i] + decayed(&r, gradient[i], w[i]);
    w[i] -= r.rate * velocity[i];
  }
}

static void sgd_nesterov(range r) {
  float *restrict w = r.weights, *restrict velocity = r.first;
  const float *restrict gradient = r.gradient;
  for (size_t i = 0; i < r.count; i++) {
    const float g = decayed(&r, gradient[i], w[i]);
    velocity[i] = r.momentum * velocity[i] + g;
    w[i] -= r.rate * (g + r.momentum * velocity[i]);
  }
}

static void sgd(const mn_optimizer *optimizer, range r) {
  if (optimizer->momentum == 0) {
    descend(r);
  } else if (optimizer->nesterov) {
    sgd_nesterov(r);
  } else {
    sgd_heavy_ball(r);
  }
}

/* The mean square after gradient g. */
static inline float mean_square(float before, float g, float decay, float rest) {
  return decay * before + rest * (g * g);
}

static void rmsprop_tf(const mn_optimizer *optimizer, range r) {
  float *restrict w = r.weights, *restrict square = r.first, *restrict velocity = r.second;
  const float *restrict gradient = r.gradient;
  const float decay = (float)optimizer->decay, rest = (float)(1 - optimizer->decay);
  const float epsilon = (float)optimizer->epsilon;
  if (!velocity) {
    for (size_t i = 0; i < r.count; i++) {
      const float g = decayed(&r, gradient[i], w[i]);
      square[i] = mean_square(square[i], g, decay, rest);
      w[i] -= r.rate * g / sqrtf(square[i] + epsilon);
    }
    return;
  }
  for (size_t i = 0; i < r.count; i++) {
    const float g = decayed(&r, gradient[i], w[i]);
    square[i] = mean_square(square[i], g, decay, rest);
    velocity[i] = r.momentum * velocity[i] + r.rate * g / sqrtf(square[i] + epsilon);
    w[i] -= velocity[i];
  }
}

static void rmsprop_torch(const mn_optimizer *optimizer, range r) {
  float *restrict w = r.weights, *restrict square = r.first, *restrict velocity = r.second;
  const float *restrict gradient = r.gradient;
  const float decay = (float)optimizer->decay, rest = (float)(1 - optimizer->decay);
  const float epsilon = (float)optimizer->epsilon;
  if (!velocity) {
    for (size_t i = 0; i < r.count; i++) {
      const float g = decayed(&r, gradient[i], w[i]);
      square[i] = mean_square(square[i], g, decay, rest);
      w[i] -= r.rate * g / (sqrtf(square[i]) + epsilon);
    }
    return;
  }
  for (size_t i = 0; i < r.count; i++) {
    const float g = decayed(&r, gradient[i], w[i]);
    square[i] = mean_square(square[i], g, decay, rest);
    velocity[i] = r.momentum * velocity[i] + g / (sqrtf(square[i]) + epsilon);
    w[i] -= r.rate * velocity[i];
  }
}

static void adamw(const mn_optimizer *optimizer, const mn_update *update, range r) {
  float *restrict w = r.weights, *restrict mean = r.first, *restrict square = r.second;
  const float *restrict gradient = r.gradient;
  const double step = (double)update->step;
  const float beta1 = (float)optimizer->beta1, rest1 = (float)(1 - optimizer->beta1);
  const float beta2 = (float)optimizer->beta2, rest2 = (float)(1 - optimizer->beta2);
  const float kept = (float)(1 - update->rate * update->weight_decay);
  const float size = (float)(update->rate / (1 - pow(optimizer->beta1, step)));
  const float bias = (float)sqrt(1 - pow(optimizer->beta2, step));
  const float epsilon = (float)optimizer->epsilon;
  for (size_t i = 0; i < r.count; i++) {
    const float g = gradient[i] * r.scale;
    mean[i] = beta1 * mean[i] + rest1 * g;
    square[i] = mean_square(square[i], g, beta2, rest2);
    w[i] = w[i] * kept - size * (mean[i] / (sqrtf(square[i]) / bias + epsilon));
  }
}

void mn_optimizer_update(const mn_optimizer *optimizer, const mn_update *update, size_t begin,
                         size_t end) {
  const int slots = mn_optimizer_slots(optimizer);
  const range r = {.weights = update->weights + begin,
                   .gradient = update->gradient + begin,
                   .first = slots > 0 ? update->slots[0] + begin : NULL,
                   .second = slots > 1 ? update->slots[1] + begin : NULL,
                   .count = end - begin,
                   .scale = update->scale,
                   .weight_decay = (float)update->weight_decay,
                   .rate = (float)update->rate,
                   .momentum = (float)optimizer->momentum};
  switch (optimizer->kind) {
    case MN_SGD: sgd(optimizer, r); break;
    case MN_RMSPROP_TF: rmsprop_tf(optimizer, r); break;
    case MN_RMSPROP_TORCH: rmsprop_torch(optimizer, r); break;
    case MN_ADAMW: adamw(optimizer, update, r); break;
  }
}
