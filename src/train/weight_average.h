/* SPDX-License-Identifier: Apache-2.0
 * The exponential moving average of weights, which is what a trained model often ships (Polyak and
 * Juditsky, 1992). Elements are independent of each other, as an optimizer's. */
#ifndef MN_TRAIN_WEIGHT_AVERAGE_H
#define MN_TRAIN_WEIGHT_AVERAGE_H

#include <stddef.h>
#include <stdint.h>

/* TensorFlow's warm-up, so that early weights are forgotten: min(decay, (1 + n) / (10 + n)) of
 * ExponentialMovingAverage(decay, num_updates = n). */
double mn_average_decay(double decay, int64_t updates);

/* average = decay * average + (1 - decay) * weights, of elements begin to end - 1. */
void mn_average_update(float *average, const float *weights, double decay, size_t begin,
                       size_t end);

#endif
