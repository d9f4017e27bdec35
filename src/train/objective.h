/* SPDX-License-Identifier: Apache-2.0
 * What a network is trained for: what its outputs should have been for a batch, how far off they
 * are, and the gradient of that. One file a task; the trainer knows none of them. */
#ifndef MN_TRAIN_OBJECTIVE_H
#define MN_TRAIN_OBJECTIVE_H

#include "base/arena.h"
#include "graph/graph.h"
#include "train/feed.h"
#include "train/loss.h"

enum { MN_OBJECTIVE_OUTPUTS = 2 };

/* What a network said of a batch. */
typedef struct mn_said {
  const float *outputs[MN_OBJECTIVE_OUTPUTS];
  float *gradients[MN_OBJECTIVE_OUTPUTS]; /* as the outputs; to be filled */
  double divisor; /* of the gradients, as loss.h has it; 0: the batch's own */
  mn_loss_means means;
} mn_said;

typedef struct mn_verdict {
  double loss;
  double right; /* share of pictures, or pixels, whose highest score is the right one; < 0: for
                   this task there is no such thing */
} mn_verdict;

typedef struct mn_objective mn_objective;
struct mn_objective {
  /* Takes the shapes of a network's outputs at the size of a batch and makes room for targets.
   * Errors: SHAPE (not the outputs of such a network), MEMORY. */
  mn_status (*open)(mn_objective *objective, const mn_shape *outputs, int32_t count, mn_error *err);
  /* What the next batch's outputs should be; `batch` is full. */
  void (*take)(mn_objective *objective, const mn_feed_batch *batch);
  mn_verdict (*judge)(mn_objective *objective, const mn_said *said);
  /* A classifier's targets, which the feed fills: [batch][classes]; else NULL and 0. */
  float *targets;
  int32_t batch, classes;
  mn_arena arena;
};

/* Any objective: what it holds is in its arena. */
void mn_objective_free(mn_objective *objective);

/* A class for each picture, by softmax and soft targets. Error: MEMORY. */
mn_status mn_objective_classes(mn_objective **out, mn_error *err);

/* A class for each pixel: masks of the input's size. */
typedef struct mn_mask_terms {
  int32_t height, width;
  int32_t ignored; /* a class that says nothing, besides 255; -1: none */
} mn_mask_terms;
mn_status mn_objective_masks(mn_objective **out, const mn_mask_terms *terms, mn_error *err);

/* Boxes, by an SSD head. */
typedef struct mn_box_terms {
  const float *anchors; /* [anchor_count][4], as ssd_match.h has them; outlives the objective */
  size_t anchor_count;
  bool torch_boxes; /* as ssd_match.h */
  double scale[4];
  double threshold;     /* of a match */
  double negatives;     /* loss.h: background anchors for each of a box */
  size_t least;         /* of them in a picture with fewer */
  double width, height; /* of the input */
} mn_box_terms;
mn_status mn_objective_boxes(mn_objective **out, const mn_box_terms *terms, mn_error *err);

#endif
