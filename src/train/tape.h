/* SPDX-License-Identifier: Apache-2.0
 * What autodiff.c and gradients.c build on: the training graph as it grows. Everything is a no-op
 * after the first failure, so that rules need not look after each call. */
#ifndef MN_TRAIN_TAPE_H
#define MN_TRAIN_TAPE_H

#include "train/autodiff.h"
#include "train/train_ops.h"

typedef struct mn_tape {
  mn_training_graph *training;
  mn_graph *graph; /* training->graph */
  const mn_autodiff_options *options;
  mn_id *gradient; /* [capacity] of a value, or MN_NONE */
  bool *wanted;    /* [capacity] something trainable is behind the value */
  int32_t capacity;
  mn_status status;
  mn_error *err;
} mn_tape;

/* A node with new outputs of these shapes, of which the first is returned; it and its outputs are
 * named after `name` and the operator. The node is the graph's last. */
typedef struct mn_emission {
  int32_t op; /* mn_op or MN_TRAIN_... */
  const char *name;
  mn_id in[8];
  int32_t in_count;
  mn_shape out[2];
  int32_t out_count; /* 0: 1 */
} mn_emission;
mn_id mn_tape_emit(mn_tape *tape, const mn_emission *what, const mn_attr *attr);

/* The shape of a value. */
static inline const mn_shape *mn_tape_shape(const mn_tape *tape, mn_id id) {
  static const mn_shape none = {0, {0}};
  return id == MN_NONE ? &none : &tape->graph->values[id].shape;
}

/* Room in the tables for the graph's newest value; after every one that is not a node's. */
void mn_tape_follow(mn_tape *tape);

/* Adds `gradient` to what is known of a value's; nothing when it is not wanted. */
void mn_tape_add(mn_tape *tape, mn_id value, mn_id gradient);
static inline bool mn_tape_wants(const mn_tape *tape, mn_id value) {
  return value != MN_NONE && !tape->status && tape->wanted[value];
}

/* Passes the gradient of node `index`'s output on to its inputs (gradients.c). */
void mn_gradient_of(mn_tape *tape, int32_t index);

#endif
