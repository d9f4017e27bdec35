/* SPDX-License-Identifier: Apache-2.0
 * What a classifier gets right of the pictures of a feed, by the plan that inference would use. */
#ifndef MN_TRAIN_SCORING_H
#define MN_TRAIN_SCORING_H

#include "plan/plan.h"
#include "train/class_tally.h"
#include "train/feed.h"

typedef struct mn_scoring {
  const mn_graph *graph; /* ends in scores */
  mn_feed *feed;         /* not of training; its batch is the plan's */
  const mn_part *part;   /* the feed's */
  int32_t batch, height, width;
  mn_threads *threads;
  uint32_t features;
} mn_scoring;

/* Adds all pictures of the feed to the tally. Errors: those of a plan, a session and a feed. */
mn_status mn_scoring_run(const mn_scoring *scoring, mn_class_tally *tally, mn_error *err);

#endif
