/* SPDX-License-Identifier: Apache-2.0
 * See feed_order.h. */
#include "train/feed_order.h"

#include "base/alloc.h"
#include "base/rng.h"

mn_status mn_feed_order_reserve(mn_feed_order *order, mn_error *err) {
  order->order = mn_alloc((size_t)order->count * sizeof *order->order);
  if (!order->order) return mn_fail_memory(err, (size_t)order->count * sizeof *order->order);
  order->has_order = false;
  return MN_OK;
}

void mn_feed_order_free(mn_feed_order *order) {
  mn_free(order->order);
  order->order = NULL;
}

int64_t mn_feed_order_batches(const mn_feed_order *order) {
  const int64_t rest = order->drop_last ? 0 : order->batch - 1;
  return (order->count + rest) / order->batch;
}

static void make_order(mn_feed_order *order, uint32_t epoch) {
  if (order->has_order && (!order->shuffled || order->epoch == epoch)) return;
  for (int64_t i = 0; i < order->count; ++i) order->order[i] = (uint32_t)i;
  mn_rng rng = mn_rng_at(order->seed, MN_RNG_ORDER, epoch, 0);
  if (order->shuffled) mn_rng_shuffle(&rng, order->order, (size_t)order->count);
  order->epoch = epoch;
  order->has_order = true;
}

/* Where a part begins: at a pair (mixup mixes two), the last part ends at the end. */
static int64_t part_begin(const mn_feed_order *order, int64_t length, int32_t part) {
  if (part >= order->parts) return length;
  return length * part / order->parts / 2 * 2;
}

int32_t mn_feed_order_take(mn_feed_order *order, uint32_t epoch, int64_t batch, int64_t *items) {
  const int64_t first = batch * order->batch, left = order->count - first;
  const int64_t length = left < order->batch ? left : order->batch;
  const int64_t begin = part_begin(order, length, order->part);
  const int64_t end = part_begin(order, length, order->part + 1);
  make_order(order, epoch);
  for (int64_t i = begin; i < end; ++i) items[i - begin] = order->items[order->order[first + i]];
  return (int32_t)(end - begin);
}
