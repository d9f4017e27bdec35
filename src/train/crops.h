/* SPDX-License-Identifier: Apache-2.0
 * Which view of a picture a training step sees, chosen at random; docs/training.md says which paper
 * or library each follows. */
#ifndef MN_TRAIN_CROPS_H
#define MN_TRAIN_CROPS_H

#include "base/rng.h"
#include "image/fit.h"
#include "mobilenet/io.h"

/* Least and largest. */
typedef struct mn_range {
  double low, high;
} mn_range;

/* Inception's crop (Szegedy et al., 2015) as torchvision's RandomResizedCrop has it: a part of the
 * picture whose area is a fraction of it and whose width over height is within `aspect` (log
 * uniform), stretched to the input. After ten crops that do not fit, the central one that is
 * nearest to a permitted aspect. */
mn_placement mn_crop_inception(mn_rng *rng, mn_size picture, mn_size input, mn_range area,
                               mn_range aspect);

/* CIFAR's: what `fit` shows, surrounded by `padding` pixels, of which the input's size is cut. */
mn_placement mn_crop_padded(mn_rng *rng, const mn_placement *fit, mn_size input, int32_t padding);

/* Scale jitter of segmentation: the picture with its aspect, its shorter side `scale` times the
 * input's, of which the input's size is cut; where it is smaller it lies anywhere in the input. */
mn_placement mn_crop_jitter(mn_rng *rng, mn_size picture, mn_size input, mn_range scale);

/* SSD's (Liu et al., 2016) as torchvision has it: the picture in a canvas up to `zoom_out` times
 * its size (one time in two, when above 1), of which a part is cut whose sides are `side` of the
 * canvas's, whose aspect is between 1/2 and 2, and which shows the centre of a box that it overlaps
 * by at least 0, 0.1, 0.3, 0.5, 0.7 or 0.9 (intersection over union); or all of the canvas. */
typedef struct mn_crop_ssd_rule {
  double zoom_out;
  mn_range side;
} mn_crop_ssd_rule;
mn_placement mn_crop_ssd(mn_rng *rng, mn_size picture, mn_size input, const mn_crop_ssd_rule *rule,
                         const mn_box *boxes, int32_t count);

#endif
