/* SPDX-License-Identifier: Apache-2.0
 * Losses: a batch's value, and its gradient with respect to what the network said. Formulas and
 * whose they are: docs/training.md. A value is a sum over rows (pictures, pixels, anchors) divided
 * by what counts of them; sums have parts whose bounds depend on the rows only, so that every
 * number is the same whatever the number of threads. Nothing is allocated. */
#ifndef MN_TRAIN_LOSS_H
#define MN_TRAIN_LOSS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/grad/grad.h"
#include "mobilenet/mobilenet.h"

/* Who computes: threads (NULL: the caller alone), with which kernels. */
typedef struct mn_loss_means {
  mn_threads *threads;
  const mn_grad_kernels *kernels;
} mn_loss_means;

/* The loss is sum / divisor; 0 when nothing counted. */
typedef struct mn_loss {
  double sum, divisor;
} mn_loss;

static inline double mn_loss_value(mn_loss loss) {
  return loss.divisor > 0 ? loss.sum / loss.divisor : 0;
}

/* `divisor` of all arguments below: what the gradients are divided by. 0: the divisor returned, so
 * that they are the batch's own. A part of a batch (accumulation, several machines) gives that of
 * the whole batch. */

/* Softmax and cross entropy of soft targets: smoothed labels, mixtures, another network's
 * probabilities. Divisor: rows. */
typedef struct mn_soft_loss_args {
  const float *logits;        /* [rows][classes] */
  const float *targets;       /* [rows][classes] */
  const float *class_weights; /* [classes], or NULL: all 1 */
  float *gradient;            /* [rows][classes] */
  size_t rows, classes;
  double divisor;
} mn_soft_loss_args;
mn_loss mn_soft_loss(const mn_soft_loss_args *args, const mn_loss_means *means);

/* Softmax and cross entropy of one label a row: the pixels of masks. Divisor: the weights of the
 * rows that count. Labels are below `classes`, or `ignored`. */
typedef struct mn_label_loss_args {
  const float *logits;        /* [rows][classes] */
  const uint8_t *labels;      /* [rows] */
  const float *class_weights; /* [classes], or NULL: all 1 */
  float *gradient;            /* [rows][classes]; 0 in rows that are ignored */
  size_t rows, classes;
  int ignored; /* the label of rows that say nothing; -1: there is none */
  double divisor;
} mn_label_loss_args;
mn_loss mn_label_loss(const mn_label_loss_args *args, const mn_loss_means *means);

/* SSD, boxes: the smooth L1 distance of encodings, over the anchors that are some box's.
 * Divisor: those anchors, at least 1. */
typedef struct mn_box_loss_args {
  const float *encodings; /* [rows][4] */
  const float *targets;   /* [rows][4] */
  const int32_t *classes; /* [rows]: 0 background */
  float *gradient;        /* [rows][4]; 0 in the background's rows */
  size_t rows;            /* anchors of all pictures */
  double divisor;
} mn_box_loss_args;
mn_loss mn_box_loss(const mn_box_loss_args *args, const mn_loss_means *means);

/* SSD, classes: softmax and cross entropy over the anchors that are some box's, and over those of
 * the background that are furthest off (hard negative mining). Divisor: as of boxes. */
typedef struct mn_mined_loss_args {
  const float *logits;                    /* [pictures][anchors][classes], background first */
  const int32_t *classes;                 /* [pictures][anchors]: 0 background */
  float *gradient;                        /* [pictures][anchors][classes] */
  float *losses;                          /* [pictures][anchors], of work */
  size_t pictures, anchors, column_count; /* column_count: classes and background */
  double negatives; /* background anchors for each of a box, in a picture: 3 */
  size_t least;     /* of them where boxes are few: torchvision 0, TensorFlow 3 */
  double divisor;
} mn_mined_loss_args;
mn_loss mn_mined_loss(const mn_mined_loss_args *args, const mn_loss_means *means);

/* Sigmoid and focal loss, each class on its own. Divisor: the rows of some box, at least 1. */
typedef struct mn_focal_loss_args {
  const float *logits;    /* [rows][classes], no background */
  const int32_t *classes; /* [rows]: 0 background, from 1; -1: says nothing */
  float *gradient;        /* [rows][classes] */
  size_t rows, column_count;
  double alpha; /* weight of a class that is there, 1 - alpha of one that is not; < 0: all 1 */
  double gamma; /* how much less what is nearly right weighs */
  double divisor;
} mn_focal_loss_args;
mn_loss mn_focal_loss(const mn_focal_loss_args *args, const mn_loss_means *means);

#endif
