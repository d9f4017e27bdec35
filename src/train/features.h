/* SPDX-License-Identifier: Apache-2.0
 * What a frozen backbone says of each picture, computed once and kept, so that the head behind it
 * is trained on numbers and not on pictures. Of each picture as it is, or of a fixed number of
 * augmented views, of which every epoch takes one. */
#ifndef MN_TRAIN_FEATURES_H
#define MN_TRAIN_FEATURES_H

#include "graph/graph.h"
#include "train/class_tally.h"
#include "train/feed.h"
#include "train/feed_order.h"

typedef struct mn_features_request {
  const mn_graph *backbone; /* one input, one output */
  const mn_part *part;      /* outlives the features */
  mn_feed_options feed;     /* as for training; its batches are those of the features */
  int32_t views;            /* augmented ones of each picture; 0: the picture as it is */
  mn_threads *threads;
  uint32_t features; /* of the CPU */
  /* Called now and then with how many views are made; not 0 cancels. */
  int (*progress)(void *user, int64_t done, int64_t count);
  void *user;
} mn_features_request;

typedef struct mn_features {
  mn_feed_options feed;
  mn_feed_order order;
  int32_t views;
  size_t size;   /* numbers of a picture */
  float *values; /* [views][pictures of the part][size] */
  bool *there;   /* [views][pictures of the part]; false: it could not be read */
  const mn_part *part;
  uint32_t epoch; /* of the next batch */
  int64_t next;   /* its index */
  int64_t *items; /* [batch] */
  uint32_t cpu;   /* its features, which plans are for */
} mn_features;

/* How many bytes they would take. */
uint64_t mn_features_bytes(const mn_features_request *request);
/* Errors: those of a plan and a feed; CANCELLED; MEMORY. */
mn_status mn_features_new(mn_features **out, const mn_features_request *request, mn_error *err);
void mn_features_free(mn_features *features);

/* The same as of a feed: batches of an epoch, going to the first of one, and taking the next. */
int64_t mn_features_batches(const mn_features *features);
void mn_features_seek(mn_features *features, uint32_t epoch);
void mn_features_next(mn_features *features, float *values, float *targets, mn_feed_batch *batch);

/* Adds what the head `last`, whose input the features are, makes of each picture. Errors: those of
 * a plan and a session. */
mn_status mn_features_score(const mn_features *features, const mn_graph *last,
                            mn_class_tally *tally, mn_error *err);

#endif
