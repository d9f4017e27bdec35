/* SPDX-License-Identifier: Apache-2.0
 * Post-training quantization: the ranges of a float network's values over pictures, by the graph
 * that training for 8 bits would run, without gradients. mn_int8_graph makes the int8 graph of
 * them. */
#ifndef MN_TRAIN_CALIBRATE_H
#define MN_TRAIN_CALIBRATE_H

#include "train/code_points.h"
#include "train/feed.h"

typedef struct mn_calibration {
  const mn_graph *prepared; /* of mn_deploy_prepare */
  mn_feed *feed;            /* not of training, by the contract of `prepared` */
  int64_t batches;          /* of the feed, from its first on; 0: all */
  int32_t batch, height, width;
  /* Of a batch in the ranges: 1 / batches is about their mean. Extremes of single pictures, which
   * a scale for all of them would waste codes on, weigh as little. */
  float share;
  mn_threads *threads;
  uint32_t features;
} mn_calibration;

/* ranges: one for each group of mn_code_points_prepared. Errors: those of mn_stepper_new and of the
 * feed; FORMAT: there is no picture. */
mn_status mn_calibrate(mn_code_range *ranges, const mn_calibration *how, mn_error *err);

#endif
