/* SPDX-License-Identifier: Apache-2.0
 * From a network to the graph that trains it: the forward pass with the batch's statistics, and
 * backwards through it the gradient of every trainable constant. Reverse accumulation: Baydin et
 * al., "Automatic Differentiation in Machine Learning: a Survey" (2018), section 3.2. */
#ifndef MN_TRAIN_AUTODIFF_H
#define MN_TRAIN_AUTODIFF_H

#include "train/code_points.h"

/* A constant of the model that training changes. */
typedef struct mn_parameter {
  mn_id model_value; /* what it is in the model */
  mn_id value;       /* STATE of the training graph */
  mn_id gradient;    /* TEMP of the same shape */
  float *data;       /* [count] in the training graph's arena */
  float *seen;       /* [count] what the graph reads: data, or that rounded to codes */
  size_t count;
  mn_op layer;            /* whose weights these are */
  bool depthwise, vector; /* depthwise weights; a bias, gamma or beta: recipes decay these less */
} mn_parameter;

/* A batch norm's running mean or variance: STATE that the forward pass changes. */
typedef struct mn_running {
  mn_id model_value;
  float *data; /* [count] */
  size_t count;
} mn_running;

typedef struct mn_training_graph {
  mn_graph graph;  /* its constants are the model's, which must outlive it */
  mn_id *value_of; /* [the model's values] their values here, or MN_NONE */
  mn_parameter *parameters;
  int32_t parameter_count;
  mn_running *running;
  int32_t running_count;
  mn_code_range *ranges; /* [range_count] STATE: of groups of activations, as observed so far */
  int32_t range_count;
  int32_t forward_nodes; /* the first nodes are the forward pass */
} mn_training_graph;

typedef struct mn_autodiff_options {
  int32_t batch, height, width; /* 0: the model's own */
  float norm_momentum; /* share of the batch in the running statistics, as PyTorch has it */
  bool frozen_norm;    /* normalize by running statistics, which stay */
  /* The model's node, counted from 1, whose input 0 is multiplied by an input of its own shape,
   * "dropout", which the graph has after the gradients; 0: none. */
  int32_t dropout;
  int32_t frozen; /* the model's first so many nodes stay as they are, batch norms too */
  /* Training for 8 bits; NULL: none. Of the model, which mn_deploy_prepare made. */
  const mn_code_points *codes;
  float range_share; /* of the batch in the running ranges; 0: they stay */
  bool rounded;      /* weights and activations are rounded to codes; else only observed */
  bool forward_only; /* no gradients */
} mn_autodiff_options;

/* `model` is verified, float, and its batch norms are not folded, or gone for good. For each output
 * NAME the graph has an input NAME.gradient, what the loss's gradient of it is; its outputs are the
 * model's, and after them the parameters' gradients. Errors: UNSUPPORTED, naming the node that has
 * no gradient; SHAPE; MEMORY. */
mn_status mn_autodiff(mn_training_graph *out, const mn_graph *model,
                      const mn_autodiff_options *options, mn_error *err);
void mn_training_graph_free(mn_training_graph *training);

#endif
