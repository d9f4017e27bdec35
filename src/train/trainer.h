/* SPDX-License-Identifier: Apache-2.0
 * A classifier in training: steps of batches, with everything that a step changes. What a batch is
 * and when to stop is the caller's. The same batches give the same bits whatever the threads. */
#ifndef MN_TRAIN_TRAINER_H
#define MN_TRAIN_TRAINER_H

#include "train/gradient_norm.h"
#include "train/optimizer.h"
#include "train/stepper.h"

typedef struct mn_trainer_options {
  int32_t batch, height, width; /* 0 for the latter two: the model's own */
  mn_optimizer optimizer;
  double weight_decay;
  bool decay_all;        /* vectors and depthwise weights too */
  double clip;           /* most of the norm of all gradients together; 0: any */
  double average;        /* decay of the weights' moving average; 0: none */
  bool average_warmup;   /* it forgets faster in the beginning */
  double backbone_share; /* of the rate, for all but the last layer; 0: they stay as they are */
  double norm_momentum;  /* of batch norms */
  bool frozen_norm;
  double dropout; /* of the last layer's input; by `seed` and the step */
  uint64_t seed;
  mn_threads *threads;
  uint32_t features;
} mn_trainer_options;

typedef struct mn_trainer {
  mn_trainer_options options;
  mn_stepper *stepper;
  int32_t classes;
  int64_t steps;    /* done */
  int32_t head;     /* the first parameter of the last layer */
  float *targets;   /* [batch][classes] */
  float **slots;    /* [parameters][MN_OPTIMIZER_SLOTS], each as its parameter */
  float **averages; /* [parameters]; NULL: none */
  mn_gradients gradients;
  mn_arena arena;
} mn_trainer;

/* `model` is a float graph that ends in raw scores [batch, classes] (train/head.h); it outlives the
 * trainer. Errors: UNSUPPORTED, SHAPE, MEMORY. */
mn_status mn_trainer_new(mn_trainer **out, const mn_graph *model, const mn_trainer_options *options,
                         mn_error *err);
void mn_trainer_free(mn_trainer *trainer);

/* To be filled before each step: pixels as the contract maps them, and what every class of each
 * picture should be. */
static inline float *mn_trainer_pixels(const mn_trainer *trainer) {
  return mn_stepper_input(trainer->stepper); /* [batch][height][width][3] */
}
static inline float *mn_trainer_targets(const mn_trainer *trainer) {
  return trainer->targets; /* [batch][classes] */
}

typedef struct mn_trained_step {
  double loss;          /* mean over the batch */
  int32_t right;        /* whose highest score is the class with the highest target */
  double gradient_norm; /* of all parameters together, before clipping */
} mn_trained_step;

/* Forward, backward, update. A loss or gradient that is no number changes nothing: false. */
bool mn_trainer_step(mn_trainer *trainer, double rate, mn_trained_step *done);

/* The model as it is now, or with averaged weights where they are kept. It borrows from the model
 * that the trainer began with. */
mn_status mn_trainer_snapshot(const mn_trainer *trainer, mn_graph *out, mn_error *err);

#endif
