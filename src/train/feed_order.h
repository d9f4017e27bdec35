/* SPDX-License-Identifier: Apache-2.0
 * Which pictures are in which batch of which epoch. */
#ifndef MN_TRAIN_FEED_ORDER_H
#define MN_TRAIN_FEED_ORDER_H

#include <stdbool.h>

#include "base/error.h"

typedef struct mn_feed_order {
  const int64_t *items; /* [count], borrowed */
  int64_t count;
  int32_t batch;
  int32_t step;        /* batches of a step of training: an epoch has whole ones only */
  int32_t rank, ranks; /* of each step's batches, this share of so many is wanted */
  bool shuffled;       /* each epoch in an order of its own; else as they are */
  bool drop_last;      /* leave out a batch that is not full */
  uint64_t seed;
  uint32_t *order; /* [count] of `epoch` */
  uint32_t epoch;
  bool has_order;
} mn_feed_order;

/* Makes room for a filled-in struct. Error: MEMORY. */
mn_status mn_feed_order_reserve(mn_feed_order *order, mn_error *err);
void mn_feed_order_free(mn_feed_order *order);
/* Batches in an epoch; 0 when there is not enough for one. */
int64_t mn_feed_order_batches(const mn_feed_order *order);
/* The first batch from `batch` on that is the rank's; past the last: the epoch has no more. */
int64_t mn_feed_order_next(const mn_feed_order *order, int64_t batch);
/* The items of a batch, into [batch]; returns how many. */
int32_t mn_feed_order_take(mn_feed_order *order, uint32_t epoch, int64_t batch, int64_t *items);

#endif
