/* SPDX-License-Identifier: Apache-2.0
 * Names of maps of classes whose number tells what they are: Pascal VOC's 21, as DeepLab and
 * torchvision order them, and the two of a binary mask. */
#include "contract/contract.h"

static const char *const voc[21] = {
    "background", "aeroplane", "bicycle",      "bird",  "boat",        "bottle", "bus",
    "car",        "cat",       "chair",        "cow",   "diningtable", "dog",    "horse",
    "motorbike",  "person",    "potted plant", "sheep", "sofa",        "train",  "tv",
};

static const char *const binary[2] = {"background", "foreground"};

const char *const *mn_mask_names(int32_t classes) {
  return classes == 21 ? voc : classes == 2 ? binary : NULL;
}
