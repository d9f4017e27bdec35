/* SPDX-License-Identifier: Apache-2.0
 * Which features a step leaves out (Srivastava et al., 2014). A picture's come from a stream of
 * its own, so they are the same whoever computes it: another thread, another machine, a resumed
 * run. */
#ifndef MN_TRAIN_DROPOUT_H
#define MN_TRAIN_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

typedef struct mn_dropout {
  double rate;   /* of features that are left out, below 1 */
  uint64_t seed; /* the run's */
  int64_t step;
  int64_t first; /* the first row's picture, as its place in the whole batch */
} mn_dropout;

/* 0 for what is left out, 1 / (1 - rate) for the others, so that their mean is 1. */
void mn_dropout_mask(const mn_dropout *dropout, size_t rows, size_t channels,
                     float *mask /* [rows][channels] */);

#endif
