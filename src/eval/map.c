/* SPDX-License-Identifier: Apache-2.0
 * COCO's average precision, step by step as pycocotools takes them, for its rounding and its ties
 * are part of the figure: matching per class and picture (the best detections first, each to the
 * free box that it overlaps most, boxes that do not count last), then one ranking per class. */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "base/error.h"
#include "mobilenet/eval.h"

enum { THRESHOLDS = 10, RECALL_POINTS = 101, MOST_DETECTIONS = 100 };

/* A detection, and for each threshold one bit of what became of it. */
typedef struct hit {
  const mn_detection *detection;
  int64_t picture;
  int32_t order; /* as given in its picture */
  uint16_t matched, ignored;
} hit;

typedef struct truth {
  const mn_box *box;
  int64_t picture;
  int32_t order;
  bool ignored;
} truth;

typedef struct job {
  int32_t class_count;
  double thresholds[THRESHOLDS];
  hit *hits;     /* [hit_count] by class, picture, falling score */
  truth *truths; /* [truth_count] by class, picture, those that count first */
  size_t hit_count, truth_count;
  double *overlaps;   /* [MOST_DETECTIONS][boxes of one class in one picture] */
  bool *taken;        /* [boxes of one class in one picture] */
  double *precisions; /* [detections of one class] */
  double *recalls;    /* [detections of one class] */
} job;

/* ---- Gathering ------------------------------------------------------------------------------ */

#define RETURN_ORDER(a, b) \
  if ((a) != (b)) return (a) < (b) ? -1 : 1

static int by_class_and_picture(const void *a, const void *b) {
  const hit *x = a, *y = b;
  RETURN_ORDER(x->detection->class_index, y->detection->class_index);
  RETURN_ORDER(x->picture, y->picture);
  RETURN_ORDER(y->detection->score, x->detection->score);
  RETURN_ORDER(x->order, y->order);
  return 0;
}

static int by_score(const void *a, const void *b) {
  const hit *x = a, *y = b;
  RETURN_ORDER(y->detection->score, x->detection->score);
  RETURN_ORDER(x->picture, y->picture);
  RETURN_ORDER(x->order, y->order);
  return 0;
}

static int truths_in_order(const void *a, const void *b) {
  const truth *x = a, *y = b;
  RETURN_ORDER(x->box->class_index, y->box->class_index);
  RETURN_ORDER(x->picture, y->picture);
  RETURN_ORDER(x->ignored, y->ignored);
  RETURN_ORDER(x->order, y->order);
  return 0;
}

/* COCO's range "all" has an end. */
static bool is_beyond_all(double area) { return area < 0 || area > 1e10; }

static double box_area(const double box[4]) { return (box[2] - box[0]) * (box[3] - box[1]); }

static void corners_of(const mn_detection *detection, double box[4]) {
  for (int i = 0; i < 4; ++i) box[i] = (double)detection->box[i];
}

static mn_status gather_picture(job *j, const mn_map_picture *picture, int64_t index,
                                mn_error *err) {
  for (int32_t i = 0; i < picture->box_count; ++i) {
    const mn_box *box = &picture->boxes[i];
    if (box->class_index < 0 || box->class_index >= j->class_count) continue;
    const bool ignored = box->crowd || box->difficult || is_beyond_all(box->area);
    j->truths[j->truth_count++] = (truth){box, index, i, ignored};
  }
  for (int32_t i = 0; i < picture->detection_count; ++i) {
    const mn_detection *detection = &picture->detections[i];
    if (detection->class_index < 0 || detection->class_index >= j->class_count) continue;
    if (isnan(detection->score)) {
      return mn_fail(err, MN_ERR_ARGUMENT, NULL,
                     "detection %d of picture %lld has a score that is not a number", (int)i,
                     (long long)index);
    }
    j->hits[j->hit_count++] = (hit){detection, index, i, 0, 0};
  }
  return MN_OK;
}

static mn_status gather(job *j, const mn_map_picture *pictures, int64_t count, mn_error *err) {
  size_t hits = 0, truths = 0;
  for (int64_t p = 0; p < count; ++p) {
    hits += (size_t)pictures[p].detection_count;
    truths += (size_t)pictures[p].box_count;
  }
  j->hits = mn_alloc(hits * sizeof *j->hits);
  j->truths = mn_alloc(truths * sizeof *j->truths);
  if (!j->hits || !j->truths) {
    return mn_fail_memory(err, hits * sizeof *j->hits + truths * sizeof *j->truths);
  }
  for (int64_t p = 0; p < count; ++p) {
    mn_status status = gather_picture(j, &pictures[p], p, err);
    if (status) return status;
  }
  qsort(j->hits, j->hit_count, sizeof *j->hits, by_class_and_picture);
  qsort(j->truths, j->truth_count, sizeof *j->truths, truths_in_order);
  return MN_OK;
}

/* ---- One class in one picture --------------------------------------------------------------- */

/* Entries from `at` on that belong to this class and, unless it is -1, picture. */
static size_t count_hits(const job *j, size_t at, int32_t class, int64_t picture) {
  size_t end = at;
  while (end < j->hit_count && j->hits[end].detection->class_index == class &&
         (picture < 0 || j->hits[end].picture == picture)) {
    end++;
  }
  return end - at;
}

static size_t count_truths(const job *j, size_t at, int32_t class, int64_t picture) {
  size_t end = at;
  while (end < j->truth_count && j->truths[end].box->class_index == class &&
         (picture < 0 || j->truths[end].picture == picture)) {
    end++;
  }
  return end - at;
}

/* Intersection over union; over the detection's area where the truth is a crowd. */
static double overlap(const double found[4], const mn_box *box) {
  const double *is = box->box;
  const double width = fmin(found[2], is[2]) - fmax(found[0], is[0]);
  if (width <= 0) return 0;
  const double height = fmin(found[3], is[3]) - fmax(found[1], is[1]);
  if (height <= 0) return 0;
  const double both = width * height, area = box_area(found);
  return both / (box->crowd ? area : area + box_area(is) - both);
}

/* The box that a detection goes to, or -1: the free one of largest overlap, the last of equals; a
 * box that does not count only when no other is left. overlaps: [count]. */
static ptrdiff_t choose_truth(const job *j, const truth *truths, size_t count,
                              const double *overlaps, double threshold) {
  double best = fmin(threshold, 1 - 1e-10);
  ptrdiff_t chosen = -1;
  for (size_t t = 0; t < count; ++t) {
    if (j->taken[t] && !truths[t].box->crowd) continue;
    if (chosen >= 0 && !truths[chosen].ignored && truths[t].ignored) break;
    if (overlaps[t] < best) continue;
    best = overlaps[t];
    chosen = (ptrdiff_t)t;
  }
  return chosen;
}

typedef struct group {
  hit *hits;
  truth *truths;
  size_t hit_count, truth_count;
} group;

static void match_at(job *j, const group *g, int threshold) {
  const uint16_t bit = (uint16_t)(1u << threshold);
  memset(j->taken, 0, g->truth_count * sizeof *j->taken);
  for (size_t h = 0; h < g->hit_count; ++h) {
    hit *found = &g->hits[h];
    double box[4];
    corners_of(found->detection, box);
    const double *overlaps = j->overlaps + h * g->truth_count;
    ptrdiff_t t = choose_truth(j, g->truths, g->truth_count, overlaps, j->thresholds[threshold]);
    if (t >= 0) {
      j->taken[t] = true;
      found->matched |= bit;
      if (g->truths[t].ignored) found->ignored |= bit;
    } else if (is_beyond_all(box_area(box))) {
      found->ignored |= bit;
    }
  }
}

static void match_group(job *j, const group *g) {
  for (size_t h = 0; h < g->hit_count; ++h) {
    double box[4];
    corners_of(g->hits[h].detection, box);
    for (size_t t = 0; t < g->truth_count; ++t) {
      j->overlaps[h * g->truth_count + t] = overlap(box, g->truths[t].box);
    }
  }
  for (int i = 0; i < THRESHOLDS; ++i) match_at(j, g, i);
}

/* ---- One class ------------------------------------------------------------------------------ */

/* Mean over 101 recalls of the best precision at that recall or beyond.
 * hits: [count], by falling score. */
static double average_precision(job *j, const hit *hits, size_t count, int64_t boxes, int at) {
  const double tiny = 0x1p-52; /* numpy.spacing(1) */
  double right = 0, wrong = 0, sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const bool counts = !(hits[i].ignored >> at & 1), matched = hits[i].matched >> at & 1;
    right += counts && matched;
    wrong += counts && !matched;
    j->recalls[i] = right / (double)boxes;
    j->precisions[i] = right / (wrong + right + tiny);
  }
  for (size_t i = count; i-- > 1;) {
    if (j->precisions[i] > j->precisions[i - 1]) j->precisions[i - 1] = j->precisions[i];
  }
  for (size_t point = 0, i = 0; point < RECALL_POINTS; ++point) {
    const double recall = point + 1 == RECALL_POINTS ? 1 : (double)point * 0.01;
    while (i < count && j->recalls[i] < recall) i++;
    if (i < count) sum += j->precisions[i];
  }
  return sum / RECALL_POINTS;
}

/* Matches the class's hits picture by picture and keeps the best of each: how many are left. */
static size_t match_class(job *j, hit *hits, size_t hit_count, truth *truths, size_t truth_count) {
  size_t kept = 0;
  for (size_t h = 0, t = 0; h < hit_count;) {
    const int32_t class = hits[h].detection->class_index;
    const int64_t picture = hits[h].picture;
    const size_t here = count_hits(j, (size_t)(hits - j->hits) + h, class, picture);
    while (t < truth_count && truths[t].picture < picture) t++;
    group g = {hits + h, truths + t, here < MOST_DETECTIONS ? here : MOST_DETECTIONS, 0};
    g.truth_count = count_truths(j, (size_t)(truths - j->truths) + t, class, picture);
    match_group(j, &g);
    memmove(hits + kept, g.hits, g.hit_count * sizeof *hits);
    kept += g.hit_count;
    h += here;
  }
  return kept;
}

static mn_map_class score_class(job *j, hit *hits, size_t hit_count, truth *truths,
                                size_t truth_count) {
  mn_map_class score = {0};
  for (size_t t = 0; t < truth_count; ++t) score.boxes += !truths[t].ignored;
  if (!score.boxes) return score;
  const size_t kept = match_class(j, hits, hit_count, truths, truth_count);
  qsort(hits, kept, sizeof *hits, by_score);
  double sum = 0;
  for (int i = 0; i < THRESHOLDS; ++i) {
    const double ap = average_precision(j, hits, kept, score.boxes, i);
    if (i == 0) score.ap50 = ap;
    sum += ap;
  }
  score.ap = sum / THRESHOLDS;
  return score;
}

/* ---- All of them ---------------------------------------------------------------------------- */

/* Work memory for the largest class, and the largest class of one picture. */
static mn_status reserve(job *j, mn_error *err) {
  size_t hits = 0, truths = 0, cells, bytes;
  for (size_t h = 0, n; h < j->hit_count; h += n) {
    n = count_hits(j, h, j->hits[h].detection->class_index, -1);
    if (n > hits) hits = n;
  }
  for (size_t t = 0, n; t < j->truth_count; t += n) {
    n = count_truths(j, t, j->truths[t].box->class_index, j->truths[t].picture);
    if (n > truths) truths = n;
  }
  if (!mn_mul_size(truths, MOST_DETECTIONS, &cells) ||
      !mn_mul_size(cells, sizeof *j->overlaps, &bytes)) {
    return mn_fail_memory(err, SIZE_MAX);
  }
  j->overlaps = mn_alloc(bytes);
  j->taken = mn_alloc(truths * sizeof *j->taken);
  j->precisions = mn_alloc(hits * sizeof *j->precisions);
  j->recalls = mn_alloc(hits * sizeof *j->recalls);
  if (j->overlaps && j->taken && j->precisions && j->recalls) return MN_OK;
  return mn_fail_memory(err, bytes + hits * 2 * sizeof *j->precisions);
}

static void score_classes(job *j, mn_map_scores *out, mn_map_class *classes) {
  size_t h = 0, t = 0;
  for (int32_t c = 0; c < j->class_count; ++c) {
    const size_t hits = count_hits(j, h, c, -1), truths = count_truths(j, t, c, -1);
    const mn_map_class score = score_class(j, j->hits + h, hits, j->truths + t, truths);
    if (classes) classes[c] = score;
    out->map += score.ap;
    out->map50 += score.ap50;
    out->class_count += score.boxes > 0;
    h += hits;
    t += truths;
  }
  if (!out->class_count) return;
  out->map /= out->class_count;
  out->map50 /= out->class_count;
}

/* .50, .55 ... .95 with numpy.linspace's rounding: an overlap may be exactly one of them. */
static void set_thresholds(double thresholds[THRESHOLDS]) {
  const double step = (0.95 - 0.5) / (THRESHOLDS - 1);
  for (int i = 0; i < THRESHOLDS; ++i) thresholds[i] = i * step + 0.5;
  thresholds[THRESHOLDS - 1] = 0.95;
}

static void free_job(job *j) {
  mn_free(j->hits);
  mn_free(j->truths);
  mn_free(j->overlaps);
  mn_free(j->taken);
  mn_free(j->precisions);
  mn_free(j->recalls);
}

mn_status mn_map_score(const mn_map_query *query, mn_map_scores *out, mn_map_class *classes,
                       mn_error *err) {
  job j = {.class_count = query->class_count};
  memset(out, 0, sizeof *out);
  set_thresholds(j.thresholds);
  mn_status status = gather(&j, query->pictures, query->picture_count, err);
  if (!status) status = reserve(&j, err);
  if (!status) score_classes(&j, out, classes);
  free_job(&j);
  return status;
}
