/* SPDX-License-Identifier: Apache-2.0
 * See mask.h. A row of the picture lies between two rows of the map: these are blended once, into
 * a row of the map's width, and each pixel blends two vectors of that. Every product is with 1 - w
 * or w, so that what is larger in both stays larger or equal between them. */
#include "post/mask.h"

#include <math.h>

#include "base/alloc.h"
#include "base/checked.h"

/* Between which two map indices a pixel lies; upper's weight. */
typedef struct tap {
  int32_t lower, upper;
  float weight;
  bool seen;
} tap;

typedef struct worker {
  const mn_mask_job *job;
  tap *columns; /* [out.width] */
  float *row;   /* [map.width][map.channels] */
} worker;

static tap place(const mn_mask_axis *axis, int32_t index, int32_t extent) {
  double at = index * axis->scale + axis->offset;
  tap to = {.seen = at >= axis->first && at <= axis->last};
  if (!(at > 0)) at = 0;
  if (at > extent - 1) at = extent - 1;
  to.lower = (int32_t)at;
  to.upper = to.lower + 1 < extent ? to.lower + 1 : to.lower;
  to.weight = (float)(at - to.lower);
  return to;
}

/* ---- Rows ----------------------------------------------------------------------------------- */

static float real_at(const mn_mask_map *map, size_t i) {
  switch (map->type) {
    case MN_F32: return ((const float *)map->data)[i];
    case MN_U8: return map->scale * (float)(((const uint8_t *)map->data)[i] - map->zero);
    default: return map->scale * (float)(((const int8_t *)map->data)[i] - map->zero);
  }
}

static void blend_rows(const worker *w, const tap *at) {
  const mn_mask_map *map = &w->job->map;
  size_t count = (size_t)map->width * (size_t)map->channels;
  size_t lower = (size_t)at->lower * count, upper = (size_t)at->upper * count;
  float after = at->weight, before = 1 - after;
  for (size_t i = 0; i < count; i++) {
    w->row[i] = real_at(map, lower + i) * before + real_at(map, upper + i) * after;
  }
}

/* The two vectors of channels that a column lies between. */
typedef struct pair {
  const float *lower, *upper; /* [channels] */
  float before, after;        /* their weights */
} pair;

static pair pair_of(const worker *w, const tap *at) {
  size_t channels = (size_t)w->job->map.channels;
  return (pair){w->row + (size_t)at->lower * channels, w->row + (size_t)at->upper * channels,
                1 - at->weight, at->weight};
}

static float blend(const pair *p, size_t c) {
  return p->lower[c] * p->before + p->upper[c] * p->after;
}

/* ---- One pixel ------------------------------------------------------------------------------ */

typedef uint8_t pixel_rule(const worker *w, const tap *column);

static uint8_t largest(const worker *w, const tap *column) {
  pair p = pair_of(w, column);
  size_t channels = (size_t)w->job->map.channels, best = 0;
  float most = -INFINITY;
  for (size_t c = 0; c < channels; c++) {
    float v = blend(&p, c);
    bool more = v > most; /* NaN is not */
    most = more ? v : most;
    best = more ? c : best;
  }
  return (uint8_t)best;
}

/* Of the one class, or of the second of two. */
static float probability(const worker *w, const tap *column) {
  pair p = pair_of(w, column);
  bool one = w->job->map.channels == 1;
  float v = blend(&p, one ? 0 : 1);
  if (w->job->score == MN_SCORE_NONE) return v;
  if (!one && w->job->score == MN_SCORE_SOFTMAX) v -= blend(&p, 0);
  return 1 / (1 + expf(-v));
}

static uint8_t half_or_more(const worker *w, const tap *column) {
  return probability(w, column) >= 0.5f;
}

static uint8_t alpha(const worker *w, const tap *column) {
  float p = probability(w, column);
  if (!(p > 0)) return 0;
  return p < 1 ? (uint8_t)lrintf(p * 255) : 255;
}

/* ---- All of them ---------------------------------------------------------------------------- */

static void fill_row(uint8_t *out, int32_t width, uint8_t value) {
  for (int32_t x = 0; x < width; x++) out[x] = value;
}

static void blended_row(const worker *w, const tap *row, uint8_t *out, pixel_rule *rule) {
  blend_rows(w, row);
  for (int32_t x = 0; x < w->job->out.width; x++) {
    const tap *column = &w->columns[x];
    out[x] = column->seen ? rule(w, column) : w->job->outside;
  }
}

static void nearest_row(const worker *w, const tap *row, uint8_t *out) {
  const mn_mask_map *map = &w->job->map;
  size_t y = (size_t)(row->weight < 0.5f ? row->lower : row->upper);
  for (int32_t i = 0; i < w->job->out.width; i++) {
    const tap *column = &w->columns[i];
    size_t x = (size_t)(column->weight < 0.5f ? column->lower : column->upper);
    size_t at = y * (size_t)map->width + x;
    int64_t v =
        map->type == MN_I32 ? ((const int32_t *)map->data)[at] : ((const int64_t *)map->data)[at];
    out[i] = column->seen && v >= 0 && v <= UINT8_MAX ? (uint8_t)v : w->job->outside;
  }
}

static void fill_mask(const worker *w, pixel_rule *rule) {
  const mn_mask_job *job = w->job;
  for (int32_t x = 0; x < job->out.width; x++) w->columns[x] = place(&job->x, x, job->map.width);
  for (int32_t y = 0; y < job->out.height; y++) {
    uint8_t *out = job->out.classes + (size_t)y * job->out.stride;
    tap row = place(&job->y, y, job->map.height);
    if (!row.seen) {
      fill_row(out, job->out.width, job->outside);
    } else if (rule) {
      blended_row(w, &row, out, rule);
    } else {
      nearest_row(w, &row, out);
    }
  }
}

/* rule NULL: the map holds classes. */
static mn_status run(const mn_mask_job *job, pixel_rule *rule, mn_error *err) {
  worker w = {.job = job};
  size_t columns, row;
  bool exact = mn_mul_size((size_t)job->out.width, sizeof *w.columns, &columns) &&
               mn_mul_size((size_t)job->map.width, (size_t)job->map.channels, &row) &&
               mn_mul_size(row, sizeof *w.row, &row);
  if (!exact) return mn_fail_memory(err, SIZE_MAX);
  w.columns = mn_alloc(columns);
  w.row = mn_alloc(rule ? row : 1);
  mn_status status = w.columns && w.row ? MN_OK : mn_fail_memory(err, columns + row);
  if (!status) fill_mask(&w, rule);
  mn_free(w.row);
  mn_free(w.columns);
  return status;
}

mn_status mn_mask_classes(const mn_mask_job *job, mn_error *err) {
  bool classes = job->map.type == MN_I32 || job->map.type == MN_I64;
  return run(job, classes ? NULL : job->map.channels == 1 ? half_or_more : largest, err);
}

mn_status mn_mask_alpha(const mn_mask_job *job, mn_error *err) { return run(job, alpha, err); }
