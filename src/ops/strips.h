/* SPDX-License-Identifier: Apache-2.0
 * A chain of layers as one step: a few rows of the last layer at a time, and of every layer before
 * it the rows that these need, each once, in a ring that holds no more rows than the layers after
 * it look at. So the maps between the layers, an inverted residual's wide one above all, never
 * exist as a whole. Workers share the last layer's rows; each makes the rows around its share
 * again, so that no byte depends on how many there are. */
#ifndef MN_OPS_STRIPS_H
#define MN_OPS_STRIPS_H

#include "ops/ops.h"

enum { MN_MOST_LAYERS = 64 };

typedef struct mn_strip_layer {
  const mn_step *step;
  mn_reach reach;
  int32_t from[2];     /* the layer whose ring is read, or MN_NONE: a map in the arena */
  int32_t last_reader; /* the last layer that reads this one's ring */
  int32_t most;        /* rows made at a time, when so many are asked for */
  int32_t ring_rows;
  size_t row_bytes;
  size_t ring; /* offset in scratch */
} mn_strip_layer;

typedef struct mn_strips {
  mn_strip_layer *layers; /* [count] */
  int32_t count;
  size_t scratch; /* offset of what the layers' own steps need */
  size_t bytes;   /* of scratch, per worker */
} mn_strips;

/* How a chain is laid out. */
typedef struct mn_strips_request {
  size_t
      pixels; /* made at a time, about, at least one row: more is faster, and takes more memory */
  int32_t threads; /* as in mn_op_request */
  bool estimate;   /* bytes may be a little too few: for comparing chains, not for running */
} mn_strips_request;

/* Whether a planned step can be a layer: from maps to a map of as many images, by rows. */
bool mn_strips_take(const mn_step *step);

/* Fills `strips`, whose layers[count] the caller gives, for planned steps: each is read by later
 * ones of them only, but for the last. */
void mn_strips_lay_out(mn_strips *strips, const mn_step *steps, int32_t count,
                       const mn_strips_request *request);

/* `step`, a copy of the chain's last, does all of it. */
void mn_strips_become(mn_step *step, mn_strips *strips);

#endif
