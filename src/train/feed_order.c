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
  return (order->count + rest) / order->batch / order->step * order->step;
}

static void make_order(mn_feed_order *order, uint32_t epoch) {
  if (order->has_order && (!order->shuffled || order->epoch == epoch)) return;
  for (int64_t i = 0; i < order->count; ++i) order->order[i] = (uint32_t)i;
  mn_rng rng = mn_rng_at(order->seed, MN_RNG_ORDER, epoch, 0);
  if (order->shuffled) mn_rng_shuffle(&rng, order->order, (size_t)order->count);
  order->epoch = epoch;
  order->has_order = true;
}

int64_t mn_feed_order_next(const mn_feed_order *order, int64_t batch) {
  const int64_t share = order->step / order->ranks, first = share * order->rank;
  const int64_t at = batch % order->step, begin = batch - at + first;
  if (at < first) return begin;
  return at < first + share ? batch : begin + order->step;
}

int32_t mn_feed_order_take(mn_feed_order *order, uint32_t epoch, int64_t batch, int64_t *items) {
  const int64_t first = batch * order->batch, left = order->count - first;
  const int64_t length = left < order->batch ? left : order->batch;
  make_order(order, epoch);
  for (int64_t i = 0; i < length; ++i) items[i] = order->items[order->order[first + i]];
  return (int32_t)length;
}
