/* SPDX-License-Identifier: Apache-2.0
 * What a classifier should say of each picture of a batch: one class, smoothed labels (Szegedy et
 * al., 2016), mixtures of two pictures (mixup, Zhang et al., 2018). */
#ifndef MN_TRAIN_TARGETS_H
#define MN_TRAIN_TARGETS_H

#include <stddef.h>
#include <stdint.h>

/* `smoothing` is spread over all classes, the rest is the class's. */
void mn_targets_of_class(float *targets /* [classes] */, int32_t classes, int32_t class_index,
                         double smoothing);

/* A batch of `count` pieces of `size` numbers: the first and the second, the third and the fourth
 * and so on each become `share` of themselves and the rest of the other. The last of an odd number
 * stays as it is. Pairs, and not a turn of the whole batch, so that a batch may be divided anywhere
 * between two of them. */
void mn_mix(float *batch /* [count][size] */, int32_t count, size_t size, double share);

#endif
