/* SPDX-License-Identifier: Apache-2.0
 * What a plan knows of pictures (mn_plan.user): how one becomes the input, or why none can. */
#ifndef MN_API_PICTURE_PLAN_H
#define MN_API_PICTURE_PLAN_H

#include "image/preprocess.h"

typedef struct mn_picture_plan {
  mn_preprocess preprocess;
  const mn_error *refusal; /* the model's; NULL when pictures can be taken */
} mn_picture_plan;

#endif
