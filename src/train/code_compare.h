/* SPDX-License-Identifier: Apache-2.0
 * How far training's idea of an int8 network is from the int8 network: the same pictures through
 * rounded floats and through integers, code by code. */
#ifndef MN_TRAIN_CODE_COMPARE_H
#define MN_TRAIN_CODE_COMPARE_H

#include "train/code_points.h"

typedef struct mn_code_comparison {
  const mn_graph *prepared; /* of mn_deploy_prepare, with the weights of now */
  const mn_code_points *codes;
  const mn_code_range *ranges; /* [codes->group_count] */
  const mn_graph *int8;        /* of mn_int8_graph, with these */
  const float *pixels;         /* [batch][height][width][3] */
  int32_t batch, height, width;
  uint32_t features;
} mn_code_comparison;

typedef struct mn_code_differences {
  int64_t codes, differ; /* all that are computed, and those that are not the same */
  int32_t largest;       /* difference of two codes */
  double worst;   /* share of a layer's codes that differ where both read the same, of the layer */
  char layer[64]; /* where it is largest; "": there is none */
} mn_code_differences;

/* Errors: those of mn_stepper_new and of plans. */
mn_status mn_code_compare(mn_code_differences *out, const mn_code_comparison *how, mn_error *err);

#endif
