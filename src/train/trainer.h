/* SPDX-License-Identifier: Apache-2.0
 * A network in training: steps of batches, with everything that a step changes. What it is trained
 * for is its objective; what a batch is and when to stop is the caller's. The same batches give the
 * same bits whatever the threads. */
#ifndef MN_TRAIN_TRAINER_H
#define MN_TRAIN_TRAINER_H

#include "train/gradient_norm.h"
#include "train/objective.h"
#include "train/optimizer.h"
#include "train/step_sum.h"

typedef struct mn_trainer_options {
  mn_objective *objective;      /* outlives the trainer */
  int32_t batch, height, width; /* 0 for the latter two: the model's own */
  int32_t batches;              /* of a step, in all ranks, which divide them; 0: one */
  const mn_ranks *ranks;        /* outlives the trainer; NULL: this process alone */
  bool sync_norm;               /* batch norms are over all ranks, which have a batch each */
  mn_optimizer optimizer;
  double weight_decay;
  bool decay_all;      /* vectors and depthwise weights too */
  double clip;         /* most of the norm of all gradients together; 0: any */
  double average;      /* decay of the weights' moving average; 0: none */
  bool average_warmup; /* it forgets faster in the beginning */
  /* The first node of what begins anew, counted from 1; 0: the last layer with weights. */
  int32_t head;
  double backbone_share; /* of the rate, for what is before it; 0: that stays as it is */
  double layer_decay;    /* and times this for each depthwise layer between it and the head; 0: 1 */
  int32_t frozen;        /* the first nodes, which stay as they are, batch norms too */
  double norm_momentum;  /* of batch norms */
  bool frozen_norm;
  const mn_code_points *codes; /* training for 8 bits: outlive the trainer; NULL: floats */
  double dropout;              /* of the last layer's input; by `seed` and the step */
  uint64_t seed;
  mn_threads *threads;
  uint32_t features;
  bool bf16; /* convolutions and dense layers multiply in it */
} mn_trainer_options;

/* What changes in the course of a training for 8 bits. */
typedef struct mn_trainer_stage {
  bool rounded;      /* weights and activations are rounded to codes */
  float range_share; /* of a batch in the ranges of activations; 0: they stay */
  bool frozen_norm;  /* batch norms keep their statistics and use them */
} mn_trainer_stage;

typedef struct mn_trainer {
  mn_trainer_options options;
  mn_trainer_stage stage;
  const mn_graph *model;
  mn_stepper *stepper;
  mn_step_sum sum;
  int64_t steps;    /* done */
  int32_t head;     /* the first parameter of what begins anew */
  double *shares;   /* [parameters] of the rate */
  float **slots;    /* [parameters][MN_OPTIMIZER_SLOTS], each as its parameter */
  float **averages; /* [parameters]; NULL: none */
  mn_gradients gradients;
  mn_arena arena;
} mn_trainer;

/* `model` is a float graph that ends in what the objective judges; it outlives the trainer. Errors:
 * UNSUPPORTED, SHAPE, MEMORY. */
mn_status mn_trainer_new(mn_trainer **out, const mn_graph *model, const mn_trainer_options *options,
                         mn_error *err);
void mn_trainer_free(mn_trainer *trainer);

/* To be filled before each step: pixels as the contract maps them, and a classifier's targets;
 * other objectives take theirs from a batch of the feed. */
static inline float *mn_trainer_pixels(const mn_trainer *trainer) {
  return mn_stepper_input(trainer->stepper); /* [batch][height][width][3] */
}
static inline float *mn_trainer_targets(const mn_trainer *trainer) {
  return trainer->options.objective->targets; /* [batch][classes] */
}

/* Goes on in another stage, with all that was learned. Error: MEMORY; then it can only be
 * freed. */
mn_status mn_trainer_enter(mn_trainer *trainer, mn_trainer_stage stage, mn_error *err);

/* Ranges of the groups of options.codes, as observed so far. */
static inline mn_code_range *mn_trainer_ranges(const mn_trainer *trainer) {
  return trainer->stepper->training.ranges; /* [range_count] */
}

typedef struct mn_trained_step {
  double loss;          /* mean over the step's batches */
  double right;         /* the objective's */
  double gradient_norm; /* of all parameters together, before clipping */
} mn_trained_step;

/* Forward and backward: the rank's next batch of a step. Not `whole`: the batch could not be filled
 * and counts for nothing. */
void mn_trainer_batch(mn_trainer *trainer, bool whole);
/* After the rank's batches (trainer->sum.batches) of a step: the update, by the mean of all ranks'
 * gradients. Errors: FORMAT: a loss or gradient is no number, and nothing is changed; CANCELLED:
 * another rank is gone. */
mn_status mn_trainer_update(mn_trainer *trainer, double rate, mn_trained_step *done, mn_error *err);
/* Both, where a step is one batch; false: a loss or gradient is no number, nothing is changed. */
bool mn_trainer_step(mn_trainer *trainer, double rate, mn_trained_step *done);

/* The model as it is now, or with averaged weights where they are kept. It borrows from the model
 * that the trainer began with. */
mn_status mn_trainer_snapshot(const mn_trainer *trainer, mn_graph *out, mn_error *err);

#endif
