/* SPDX-License-Identifier: Apache-2.0
 * See features.h. */
#include "train/features.h"

#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "run/session.h"
#include "train/targets.h"

enum { AT_ONCE = 16 };

/* Which of the part's pictures an item of the set is. */
static int64_t row_of(const mn_part *part, int64_t item) {
  int64_t low = 0, high = part->count;
  while (low + 1 < high) {
    const int64_t middle = low + (high - low) / 2;
    if (part->items[middle] <= item) {
      low = middle;
    } else {
      high = middle;
    }
  }
  return low;
}

static size_t numbers_of(const mn_graph *graph, mn_id id) {
  int32_t count = 0;
  mn_shape_elements(&graph->values[id].shape, &count);
  return (size_t)count;
}

static size_t rows_of(const mn_features_request *r) {
  return (size_t)(r->views ? r->views : 1) * (size_t)r->part->count;
}

uint64_t mn_features_bytes(const mn_features_request *r) {
  return (uint64_t)rows_of(r) * (numbers_of(r->backbone, r->backbone->outputs[0]) * 4 + 1);
}

/* ---- Making them ---------------------------------------------------------------------------- */

typedef struct making {
  const mn_features_request *request;
  mn_features *features;
  mn_feed *feed;
  mn_session *session;
} making;

static mn_status make_view(const making *m, int32_t view, mn_error *err) {
  const mn_features_request *r = m->request;
  mn_features *f = m->features;
  const int64_t batches = mn_feed_batches(m->feed), count = r->part->count;
  mn_status status = mn_feed_seek(m->feed, (uint32_t)view, 0, err);
  for (int64_t b = 0; b < batches && !status; b++) {
    mn_feed_batch batch;
    if (r->progress && r->progress(r->user, view * count + b * AT_ONCE, f->views * count)) {
      return mn_fail(err, MN_ERR_CANCELLED, "features", "stopped before the first epoch");
    }
    status = mn_feed_next(m->feed, mn_session_input(m->session, 0), NULL, &batch, err);
    if (!status) status = mn_session_run(m->session, err);
    if (status) break;
    const float *said = mn_session_output(m->session, 0);
    for (int32_t i = 0; i < batch.count; i++, said += f->size) {
      const size_t row = (size_t)(view * count + row_of(r->part, batch.items[i]));
      memcpy(f->values + row * f->size, said, f->size * sizeof *said);
      f->there[row] = true;
    }
  }
  return status;
}

static mn_status open_session(mn_session **out, const mn_features_request *r, mn_plan **plan,
                              mn_error *err) {
  const mn_plan_request request = {.batch = AT_ONCE,
                                   .height = r->feed.height,
                                   .width = r->feed.width,
                                   .threads = mn_threads_count(r->threads),
                                   .features = r->features};
  const mn_session_options with = {.struct_size = sizeof with, .threads = r->threads};
  mn_status status = mn_plan_build(plan, r->backbone, &request, err);
  return status ? status : mn_session_new(out, *plan, &with, err);
}

static mn_status make(const mn_features_request *r, mn_features *features, mn_error *err) {
  mn_feed_options options = r->feed;
  making m = {.request = r, .features = features};
  mn_plan *plan = NULL;
  options.batch = AT_ONCE;
  options.step = options.ranks = 1;
  options.rank = options.classes = 0;
  options.cache_bytes = 0;
  options.training = r->views > 0;
  options.drop_last = false;
  options.augment.mixup = 0;
  mn_status status = mn_feed_new(&m.feed, r->part, &options, err);
  if (!status) status = open_session(&m.session, r, &plan, err);
  for (int32_t v = 0; v < features->views && !status; v++) status = make_view(&m, v, err);
  mn_session_free(m.session);
  mn_plan_free(plan);
  mn_feed_free(m.feed);
  return status;
}

static bool make_room(mn_features *f, const mn_features_request *r) {
  const size_t rows = rows_of(r);
  f->values = mn_alloc_zero(rows * f->size * sizeof *f->values + 1);
  f->there = mn_alloc_zero(rows + 1);
  f->items = mn_alloc_zero((size_t)r->feed.batch * sizeof *f->items);
  return f->values && f->there && f->items;
}

mn_status mn_features_new(mn_features **out, const mn_features_request *r, mn_error *err) {
  mn_features *f = mn_alloc_zero(sizeof *f);
  *out = NULL;
  if (!f) return mn_fail_memory(err, sizeof *f);
  f->feed = r->feed;
  f->part = r->part;
  f->views = r->views ? r->views : 1;
  f->cpu = r->features;
  f->size = numbers_of(r->backbone, r->backbone->outputs[0]);
  f->order = (mn_feed_order){.items = r->part->items,
                             .count = r->part->count,
                             .batch = r->feed.batch,
                             .step = r->feed.step,
                             .rank = r->feed.rank,
                             .ranks = r->feed.ranks,
                             .shuffled = true,
                             .drop_last = true,
                             .seed = r->feed.seed};
  mn_status status = mn_feed_order_reserve(&f->order, err);
  if (!status && !make_room(f, r)) status = mn_fail_memory(err, (size_t)mn_features_bytes(r));
  if (!status) status = make(r, f, err);
  if (status) {
    mn_features_free(f);
    return status;
  }
  *out = f;
  return MN_OK;
}

void mn_features_free(mn_features *f) {
  if (!f) return;
  mn_feed_order_free(&f->order);
  mn_free(f->values);
  mn_free(f->there);
  mn_free(f->items);
  mn_free(f);
}

/* ---- Batches -------------------------------------------------------------------------------- */

int64_t mn_features_batches(const mn_features *f) { return mn_feed_order_batches(&f->order); }

void mn_features_seek(mn_features *f, uint32_t epoch) {
  f->epoch = epoch;
  f->next = mn_feed_order_next(&f->order, 0);
}

/* A picture's view in this epoch. */
static size_t view_of(const mn_features *f, int64_t item) {
  const size_t row = (size_t)row_of(f->part, item);
  if (f->views == 1) return row;
  mn_rng rng = mn_rng_at(f->feed.seed, MN_RNG_VIEW, f->epoch, (uint64_t)item);
  return mn_rng_below(&rng, (uint32_t)f->views) * (size_t)f->part->count + row;
}

void mn_features_next(mn_features *f, float *values, float *targets, mn_feed_batch *batch) {
  const size_t classes = (size_t)f->feed.classes;
  const int32_t taken = mn_feed_order_take(&f->order, f->epoch, f->next, f->items);
  int32_t given = 0;
  for (int32_t i = 0; i < taken; i++) {
    const size_t row = view_of(f, f->items[i]), at = (size_t)given;
    if (!f->there[row]) continue;
    memcpy(values + at * f->size, f->values + row * f->size, f->size * sizeof *values);
    mn_targets_of_class(targets + at * classes, f->feed.classes,
                        mn_dataset_class(f->part->set, f->items[i]), f->feed.augment.smoothing);
    f->items[given++] = f->items[i];
  }
  if (f->feed.augment.mixup > 0) {
    mn_rng rng = mn_rng_at(f->feed.seed, MN_RNG_MIXUP, f->epoch, (uint64_t)f->next);
    const double share = mn_rng_beta(&rng, f->feed.augment.mixup);
    mn_mix(values, given, f->size, share);
    mn_mix(targets, given, classes, share);
  }
  *batch = (mn_feed_batch){.epoch = f->epoch, .index = f->next, .count = given, .items = f->items};
  f->next = mn_feed_order_next(&f->order, f->next + 1);
}

/* ---- Scoring -------------------------------------------------------------------------------- */

static mn_status score_rows(const mn_features *f, mn_session *session, mn_class_tally *tally,
                            mn_error *err) {
  mn_status status = MN_OK;
  const int64_t count = f->part->count;
  for (int64_t first = 0; first < count && !status; first += AT_ONCE) {
    float *in = mn_session_input(session, 0);
    int32_t truth[AT_ONCE];
    size_t rows = 0;
    for (int64_t r = first; r < count && r < first + AT_ONCE; r++) {
      if (!f->there[r]) continue;
      memcpy(in + rows * f->size, f->values + (size_t)r * f->size, f->size * sizeof *in);
      truth[rows++] = mn_dataset_class(f->part->set, f->part->items[r]);
    }
    status = mn_session_run(session, err);
    if (!status) mn_class_tally_add(tally, mn_session_output(session, 0), truth, rows);
  }
  return status;
}

mn_status mn_features_score(const mn_features *f, const mn_graph *last, mn_class_tally *tally,
                            mn_error *err) {
  const mn_plan_request request = {.batch = AT_ONCE, .threads = 1, .features = f->cpu};
  const mn_session_options with = {.struct_size = sizeof with};
  mn_session *session = NULL;
  mn_plan *plan;
  mn_status status = mn_plan_build(&plan, last, &request, err);
  if (status) return status;
  status = mn_session_new(&session, plan, &with, err);
  if (!status) status = score_rows(f, session, tally, err);
  mn_session_free(session);
  mn_plan_free(plan);
  return status;
}
