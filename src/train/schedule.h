/* SPDX-License-Identifier: Apache-2.0
 * The learning rate of a step: a function of the schedule and the step's number alone, so that a
 * resumed run needs nothing but that number. */
#ifndef MN_TRAIN_SCHEDULE_H
#define MN_TRAIN_SCHEDULE_H

#include <stdint.h>

/* t, T: steps since the warm-up and in all after it. Names in quotes are PyTorch's. */
typedef enum mn_schedule_kind {
  MN_SCHEDULE_CONSTANT,
  MN_SCHEDULE_COSINE,      /* half a cosine from `rate` to `last`: "CosineAnnealingLR" of T steps */
  MN_SCHEDULE_STEP,        /* rate * factor^floor(t / every): "StepLR", TensorFlow's staircase */
  MN_SCHEDULE_EXPONENTIAL, /* rate * factor^(t / every): TensorFlow's exponential_decay */
  MN_SCHEDULE_ONE_CYCLE    /* half a cosine up from `first`, one down to `last`: "OneCycleLR" */
} mn_schedule_kind;

typedef struct mn_schedule {
  mn_schedule_kind kind;
  double rate;         /* the highest */
  double first, last;  /* rates at both ends: ONE_CYCLE; COSINE has a last one only */
  double rising;       /* ONE_CYCLE: part of the steps before the peak, "pct_start" */
  double every;        /* STEP, EXPONENTIAL: steps */
  double factor;       /* what they bring */
  double warmup_first; /* rate of step 0 when there is a warm-up; from there in equal parts */
  int64_t warmup;      /* steps before all this begins; 0: none */
  int64_t steps;       /* of the run, warm-up included: COSINE, ONE_CYCLE; past them it is `last` */
} mn_schedule;

/* Steps count from 0. */
double mn_schedule_rate(const mn_schedule *schedule, int64_t step);

#endif
