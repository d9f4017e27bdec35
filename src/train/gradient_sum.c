/* SPDX-License-Identifier: Apache-2.0
 * See gradient_sum.h. Sums of this rank's batches are a binary counter: level l holds the sum of
 * 2^l batches that follow one another, and the last batch takes all levels that are occupied. */
#define _POSIX_C_SOURCE 200809L
#include "train/gradient_sum.h"

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/crew.h"
#include "base/threads.h"

enum { BUCKET_FLOATS = 1 << 18, SLICE_FLOATS = 1 << 14, MOST_LEVELS = 31 };

typedef struct bucket {
  size_t offset, floats; /* of the sum; floats are a multiple of the ranks */
  int32_t first, end;    /* summands */
  int32_t ready;
} bucket;

struct mn_gradient_sum {
  mn_gradient_sum_options options;
  mn_summand *summands;
  size_t *offsets; /* [summands] in the sum */
  int32_t count, bucket_count;
  bucket *buckets;
  size_t floats;
  float *levels[MOST_LEVELS]; /* each [floats] */
  float *sum;                 /* [floats] */
  float *inbox;               /* [ranks][largest piece]: everybody's piece that is this rank's */
  size_t piece;               /* floats of the largest one */
  double waited_s;
  mn_crew *crew; /* who makes buckets travel; NULL: there is one rank */
  /* Under the crew's lock. */
  int32_t taken, arrived; /* buckets of the last batch */
  bool travels, gone;
};

static int32_t rank_count(const mn_gradient_sum *s) {
  return s->options.ranks ? s->options.ranks->count : 1;
}

/* ---- Buckets ------------------------------------------------------------------------------- */

static void close_bucket(mn_gradient_sum *s, bucket *b) {
  const size_t ranks = (size_t)rank_count(s), piece = (b->floats + ranks - 1) / ranks;
  b->floats = piece * ranks;
  s->floats = b->offset + b->floats;
  if (piece > s->piece) s->piece = piece;
}

static void fill_buckets(mn_gradient_sum *s) {
  const size_t most = s->options.bucket_floats ? s->options.bucket_floats : BUCKET_FLOATS;
  bucket *b = NULL;
  for (int32_t i = 0; i < s->count; i++) {
    if (!b || b->floats >= most) {
      if (b) close_bucket(s, b);
      b = &s->buckets[s->bucket_count++];
      *b = (bucket){.offset = s->floats, .first = i};
    }
    s->offsets[i] = b->offset + b->floats;
    b->floats += s->summands[i].count;
    b->end = i + 1;
    b->ready = s->summands[i].ready;
  }
  if (b) close_bucket(s, b);
}

/* ---- This rank's batches ------------------------------------------------------------------- */

typedef struct addition {
  const float *from; /* NULL: zeros */
  float *to;
  const float *levels[MOST_LEVELS]; /* added in this order, each in front */
  int level_count;
  size_t count;
} addition;

static void add_slices(void *context, int worker, size_t begin, size_t end) {
  const addition *a = context;
  (void)worker;
  const size_t from = begin * SLICE_FLOATS;
  const size_t to = end * SLICE_FLOATS < a->count ? end * SLICE_FLOATS : a->count;
  if (a->from) {
    memcpy(a->to + from, a->from + from, (to - from) * sizeof(float));
  } else {
    memset(a->to + from, 0, (to - from) * sizeof(float));
  }
  for (int l = 0; l < a->level_count; l++) {
    for (size_t i = from; i < to; i++) a->to[i] = a->levels[l][i] + a->to[i];
  }
}

/* Levels that batch `batch` completes, or all that there are when it is the last one. */
static float *choose_levels(mn_gradient_sum *s, int32_t batch, addition *a) {
  const bool last = batch == s->options.batches - 1;
  int level = 0;
  a->level_count = 0;
  for (; level < MOST_LEVELS && batch >> level; level++) {
    const bool occupied = batch >> level & 1;
    if (!occupied && !last) break;
    if (occupied) a->levels[a->level_count++] = s->levels[level];
  }
  return last ? s->sum : s->levels[level];
}

static void add_summand(mn_gradient_sum *s, int32_t batch, int32_t i, bool counts) {
  addition a = {.from = counts ? s->summands[i].from : NULL, .count = s->summands[i].count};
  a.to = choose_levels(s, batch, &a) + s->offsets[i];
  for (int l = 0; l < a.level_count; l++) a.levels[l] += s->offsets[i];
  const size_t slices = (a.count + SLICE_FLOATS - 1) / SLICE_FLOATS;
  const int workers = mn_threads_count(s->options.threads);
  mn_threads_run(s->options.threads, workers, slices, add_slices, &a);
}

/* ---- All ranks' ---------------------------------------------------------------------------- */

/* Everybody's piece of a bucket, one after the other, into the first. */
static void add_pieces(float *pieces, size_t floats, int32_t ranks) {
  for (int32_t apart = 1; apart < ranks; apart *= 2) {
    for (int32_t r = 0; r + apart < ranks; r += 2 * apart) {
      float *to = pieces + (size_t)r * floats;
      const float *more = to + (size_t)apart * floats;
      for (size_t i = 0; i < floats; i++) to[i] += more[i];
    }
  }
}

static bool share(mn_gradient_sum *s, const bucket *b) {
  const mn_ranks *ranks = s->options.ranks;
  const size_t piece = b->floats / (size_t)ranks->count, bytes = piece * sizeof(float);
  float *whole = s->sum + b->offset;
  if (ranks->exchange(ranks->user, whole, s->inbox, bytes)) return false;
  add_pieces(s->inbox, piece, ranks->count);
  return ranks->gather(ranks->user, s->inbox, whole, bytes) == 0;
}

static bool travel(void *context, int worker) {
  mn_gradient_sum *s = context;
  (void)worker;
  if (s->travels || s->gone || s->arrived == s->taken) return false;
  const bucket *b = &s->buckets[s->arrived];
  s->travels = true;
  mn_crew_unlock(s->crew);
  const bool done = share(s, b);
  mn_crew_lock(s->crew);
  s->travels = false;
  s->gone = !done;
  s->arrived++;
  mn_crew_changed(s->crew);
  return true;
}

/* ---- A step -------------------------------------------------------------------------------- */

static void take(mn_gradient_sum *s, int32_t batch, int32_t index, bool counts) {
  const bucket *b = &s->buckets[index];
  for (int32_t i = b->first; i < b->end; i++) add_summand(s, batch, i, counts);
  if (!s->crew || batch < s->options.batches - 1) return;
  mn_crew_lock(s->crew);
  s->taken = index + 1;
  mn_crew_changed(s->crew);
  mn_crew_unlock(s->crew);
}

void mn_gradient_sum_take(mn_gradient_sum *s, int32_t batch, int32_t index) {
  take(s, batch, index, true);
}

void mn_gradient_sum_take_nothing(mn_gradient_sum *s, int32_t batch, int32_t index) {
  take(s, batch, index, false);
}

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

mn_status mn_gradient_sum_finish(mn_gradient_sum *s, mn_error *err) {
  if (!s->crew) return MN_OK;
  const double begin = now_s();
  mn_crew_lock(s->crew);
  while (!s->gone && s->arrived < s->bucket_count) {
    if (mn_crew_threads(s->crew) || !travel(s, 0)) mn_crew_wait(s->crew);
  }
  const bool gone = s->gone;
  s->taken = s->arrived = 0;
  mn_crew_unlock(s->crew);
  s->waited_s += now_s() - begin;
  if (!gone) return MN_OK;
  return mn_fail(err, MN_ERR_CANCELLED, "ranks", "another process of this run has ended");
}

float *mn_gradient_sum_of(const mn_gradient_sum *s, int32_t index) {
  return s->sum + s->offsets[index];
}

int32_t mn_gradient_sum_buckets(const mn_gradient_sum *s) { return s->bucket_count; }

int32_t mn_gradient_sum_ready(const mn_gradient_sum *s, int32_t b) { return s->buckets[b].ready; }

double mn_gradient_sum_waited_s(const mn_gradient_sum *s) { return s->waited_s; }

/* ---- Beginning and end --------------------------------------------------------------------- */

static bool reserve(mn_gradient_sum *s) {
  const size_t ranks = (size_t)rank_count(s);
  s->sum = mn_alloc_zero(s->floats * sizeof(float));
  if (!s->sum) return false;
  for (int l = 0; l < MOST_LEVELS && (s->options.batches - 1) >> l; l++) {
    s->levels[l] = mn_alloc(s->floats * sizeof(float));
    if (!s->levels[l]) return false;
  }
  if (ranks == 1) return true;
  s->inbox = mn_alloc(ranks * s->piece * sizeof(float));
  return s->inbox != NULL;
}

static mn_status build(mn_gradient_sum *s, const mn_summand *summands, mn_error *err) {
  const size_t count = (size_t)s->count + 1; /* never none */
  s->summands = mn_alloc_zero(count * sizeof *s->summands);
  s->offsets = mn_alloc_zero(count * sizeof *s->offsets);
  s->buckets = mn_alloc_zero(count * sizeof *s->buckets);
  if (!s->summands || !s->offsets || !s->buckets) {
    return mn_fail_memory(err, count * sizeof *s->summands);
  }
  for (int32_t i = 0; i < s->count; i++) s->summands[i] = summands[i];
  fill_buckets(s);
  if (!reserve(s)) return mn_fail_memory(err, s->floats * sizeof(float));
  return rank_count(s) > 1 ? mn_crew_new(&s->crew, 1, travel, s, err) : MN_OK;
}

mn_status mn_gradient_sum_new(mn_gradient_sum **out, const mn_summand *summands, int32_t count,
                              const mn_gradient_sum_options *options, mn_error *err) {
  *out = NULL;
  mn_gradient_sum *s = mn_alloc_zero(sizeof *s);
  if (!s) return mn_fail_memory(err, sizeof *s);
  s->options = *options;
  s->count = count;
  mn_status status = build(s, summands, err);
  if (status) {
    mn_gradient_sum_free(s);
    return status;
  }
  *out = s;
  return MN_OK;
}

void mn_gradient_sum_free(mn_gradient_sum *s) {
  if (!s) return;
  mn_crew_free(s->crew);
  for (int l = 0; l < MOST_LEVELS; l++) mn_free(s->levels[l]);
  mn_free(s->sum);
  mn_free(s->inbox);
  mn_free(s->summands);
  mn_free(s->offsets);
  mn_free(s->buckets);
  mn_free(s);
}
