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

/* A batch of `count` pieces of `size` numbers: each becomes `share` of itself and the rest of the
 * one before it, the first of the last, as torchvision's RandomMixup. */
void mn_mix(float *batch /* [count][size] */, int32_t count, size_t size, double share,
            float *work /* [size] */);

#endif
