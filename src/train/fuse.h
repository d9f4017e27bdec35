/* SPDX-License-Identifier: Apache-2.0
 * Training is bound by memory more than by arithmetic: this rewrites a training graph so that maps
 * are written and read less often. */
#ifndef MN_TRAIN_FUSE_H
#define MN_TRAIN_FUSE_H

#include "train/autodiff.h"

/* Pointwise and depthwise layers take the batch norms around them into their own steps
 * (train/fused.h). Where all that reads a normalized map are such layers it is not made at all:
 * forward and backward each make it again, a few rows at a time. What outputs and gradients are
 * does not change but for the order of sums. Error: MEMORY. */
mn_status mn_fuse(mn_training_graph *training, mn_error *err);

#endif
