/* SPDX-License-Identifier: Apache-2.0
 * Weights as int8 codes: symmetric, -127 to 127, a scale for each output channel so that its
 * largest weight is 127. Such a scale follows any factor of its channel: weights that a batch norm
 * was folded into have the codes that they had before, and what training rounds is what the
 * integer network holds. */
#ifndef MN_TRAIN_CODE_WEIGHTS_H
#define MN_TRAIN_CODE_WEIGHTS_H

#include "graph/graph.h"
#include "kernels/grad/grad.h"

/* Which weights are a channel's: `count` of them, `apart` elements apart from `first` on. */
typedef struct mn_weight_channel {
  size_t first, apart, count;
} mn_weight_channel;

/* Output channels of a layer's weights, and the weights of one. */
size_t mn_weight_channels(mn_op op, const mn_shape *weights);
mn_weight_channel mn_weight_channel_of(mn_op op, const mn_shape *weights, size_t channel);

/* What a channel's largest code stands for, over 127; 0 when all its weights are 0. */
float mn_weight_scale(const float *weights, mn_weight_channel channel,
                      const mn_grad_kernels *kernels);
/* The channel's weights rounded to codes of `scale`, as reals. */
void mn_weight_round(const float *from, float *to, mn_weight_channel channel, float scale,
                     const mn_grad_kernels *kernels);
/* As codes. */
void mn_weight_codes(const float *from, int8_t *to, mn_weight_channel channel, float scale);

#endif
