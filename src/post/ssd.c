/* SPDX-License-Identifier: Apache-2.0
 * See ssd.h. Equal scores keep the order of their boxes, so that the answer is defined. Boxes whose
 * corners are swapped have no area: they overlap nothing. */
#include "post/ssd.h"

#include <math.h>
#include <string.h>

typedef struct corner_box {
  float y0, x0, y1, x1;
} corner_box;

/* One detection before the last choice of regular mode. */
typedef struct choice {
  float score;
  int32_t anchor, class_index;
} choice;

/* The parts of the scratch block. */
typedef struct workspace {
  corner_box *boxes;      /* [anchors] */
  float *scores;          /* [anchors] of the class at hand */
  int32_t *order;         /* [anchors] above the threshold, best first */
  int32_t *spare;         /* [anchors] for sorting; then [classes] too */
  int32_t *selected;      /* [anchors] */
  bool *suppressed;       /* [anchors] */
  choice *chosen, *other; /* [detections + per_class] */
} workspace;

static size_t most_choices(const mn_ssd_rule *rule) {
  int32_t of_class = rule->per_class < rule->anchors ? rule->per_class : rule->anchors;
  return (size_t)rule->detections + (size_t)of_class;
}

static size_t take(size_t *used, size_t count, size_t size) {
  size_t at = (*used + 15) / 16 * 16;
  *used = at + count * size;
  return at;
}

/* Lays out the block and gives its size; with `block` NULL the size only. */
static size_t lay_out(const mn_ssd_rule *rule, workspace *work, unsigned char *block) {
  size_t anchors = (size_t)rule->anchors, used = 0;
  size_t spare = anchors > (size_t)rule->classes ? anchors : (size_t)rule->classes;
  size_t boxes = take(&used, anchors, sizeof *work->boxes);
  size_t scores = take(&used, anchors, sizeof *work->scores);
  size_t order = take(&used, anchors, sizeof *work->order);
  size_t spares = take(&used, spare, sizeof *work->spare);
  size_t selected = take(&used, anchors, sizeof *work->selected);
  size_t suppressed = take(&used, anchors, sizeof *work->suppressed);
  size_t chosen = take(&used, most_choices(rule), sizeof *work->chosen);
  size_t other = take(&used, most_choices(rule), sizeof *work->other);
  if (!block) return used;
  *work = (workspace){
      .boxes = (corner_box *)(void *)(block + boxes),
      .scores = (float *)(void *)(block + scores),
      .order = (int32_t *)(void *)(block + order),
      .spare = (int32_t *)(void *)(block + spares),
      .selected = (int32_t *)(void *)(block + selected),
      .suppressed = (bool *)(void *)(block + suppressed),
      .chosen = (choice *)(void *)(block + chosen),
      .other = (choice *)(void *)(block + other),
  };
  return used;
}

size_t mn_ssd_scratch_bytes(const mn_ssd_rule *rule) {
  workspace unused;
  return lay_out(rule, &unused, NULL);
}

/* ---- Boxes ----------------------------------------------------------------------------------- */

static float centre(float t, float scale, float extent, float at) {
  return (float)((double)t / (double)scale * (double)extent + (double)at);
}

static float half_extent(float t, float scale, float extent) {
  return (float)(0.5 * exp((double)t / (double)scale) * (double)extent);
}

static void decode_boxes(const mn_ssd_rule *rule, const mn_ssd_picture *picture,
                         corner_box *boxes) {
  for (int32_t i = 0; i < rule->anchors; i++) {
    const float *t = picture->encodings + (size_t)i * picture->encoding_stride;
    const float *anchor = picture->anchors + 4 * (size_t)i;
    float y = centre(t[0], rule->scale[0], anchor[2], anchor[0]);
    float x = centre(t[1], rule->scale[1], anchor[3], anchor[1]);
    float h = half_extent(t[2], rule->scale[2], anchor[2]);
    float w = half_extent(t[3], rule->scale[3], anchor[3]);
    boxes[i] = (corner_box){y - h, x - w, y + h, x + w};
  }
}

static float clip(float v) { return fminf(fmaxf(v, 0), 1); }

/* torchvision's BoxCoder.decode_single and clip_boxes_to_image. */
static void decode_torch_boxes(const mn_ssd_rule *rule, const mn_ssd_picture *picture,
                               corner_box *boxes) {
  const float most = 4.135166556742356f; /* log(1000 / 16) */
  for (int32_t i = 0; i < rule->anchors; i++) {
    const float *t = picture->encodings + (size_t)i * picture->encoding_stride;
    const float *anchor = picture->anchors + 4 * (size_t)i;
    float x = centre(t[0], rule->scale[1], anchor[3], anchor[1]);
    float y = centre(t[1], rule->scale[0], anchor[2], anchor[0]);
    float w = half_extent(fminf(t[2] / rule->scale[3], most), 1, anchor[3]);
    float h = half_extent(fminf(t[3] / rule->scale[2], most), 1, anchor[2]);
    boxes[i] = (corner_box){clip(y - h), clip(x - w), clip(y + h), clip(x + w)};
  }
}

static float area(const corner_box *box) { return (box->y1 - box->y0) * (box->x1 - box->x0); }

/* Intersection over union; 0 for a box without area. */
static float overlap(const corner_box *a, const corner_box *b) {
  float area_a = area(a), area_b = area(b);
  if (area_a <= 0 || area_b <= 0) return 0;
  float h = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
  float w = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0);
  float common = (h > 0 ? h : 0) * (w > 0 ? w : 0);
  return common / (area_a + area_b - common);
}

/* ---- Suppression ----------------------------------------------------------------------------- */

/* Stable merge sort of order[0..count) by scores descending. */
static void sort_by_score(const float *scores, int32_t *order, int32_t *spare, int32_t count) {
  for (int32_t run = 1; run < count; run *= 2) {
    for (int32_t from = 0; from < count; from += 2 * run) {
      int32_t middle = from + run < count ? from + run : count;
      int32_t end = middle + run < count ? middle + run : count;
      int32_t a = from, b = middle;
      for (int32_t to = from; to < end; to++) {
        bool left = a < middle && (b == end || !(scores[order[b]] > scores[order[a]]));
        spare[to] = order[left ? a++ : b++];
      }
    }
    memcpy(order, spare, (size_t)count * sizeof *order);
  }
}

/* Boxes of work->scores to keep, best first, at most `most`, in work->selected; how many. */
static int32_t suppress(const mn_ssd_rule *rule, workspace *work, int32_t most) {
  int32_t candidates = 0, kept = 0;
  for (int32_t i = 0; i < rule->anchors; i++) {
    if (work->scores[i] >= rule->score_threshold) work->order[candidates++] = i;
  }
  sort_by_score(work->scores, work->order, work->spare, candidates);
  if (rule->candidates && candidates > rule->candidates) candidates = rule->candidates;
  memset(work->suppressed, 0, (size_t)candidates * sizeof *work->suppressed);
  for (int32_t i = 0; i < candidates && kept < most; i++) {
    if (work->suppressed[i]) continue;
    const corner_box *box = &work->boxes[work->order[i]];
    work->selected[kept++] = work->order[i];
    for (int32_t j = i + 1; j < candidates; j++) {
      if (work->suppressed[j]) continue;
      work->suppressed[j] = overlap(box, &work->boxes[work->order[j]]) > rule->iou_threshold;
    }
  }
  return kept;
}

static void write_row(const mn_ssd_picture *picture, size_t row, const corner_box *box,
                      const choice *what) {
  memcpy(picture->boxes + 4 * row, box, sizeof *box);
  picture->classes[row] = (float)what->class_index;
  picture->class_scores[row] = what->score;
}

/* ---- Fast mode: each anchor stands for its best class --------------------------------------- */

/* The `count` best of scores[0..classes), best first, lower index first among equals. */
static void best_classes(const float *scores, int32_t classes, int32_t count, int32_t *best) {
  int32_t kept = 0;
  for (int32_t c = 0; c < classes; c++) {
    int32_t at = kept < count ? kept++ : count;
    for (; at > 0 && scores[c] > scores[best[at - 1]]; at--) {
      if (at < count) best[at] = best[at - 1];
    }
    if (at < count) best[at] = c;
  }
}

static void detect_fast(const mn_ssd_rule *rule, const mn_ssd_picture *picture, workspace *work) {
  int32_t offset = rule->score_columns - rule->classes;
  for (int32_t i = 0; i < rule->anchors; i++) {
    const float *scores = picture->scores + (size_t)i * (size_t)rule->score_columns + offset;
    float best = scores[0];
    for (int32_t c = 1; c < rule->classes; c++) best = scores[c] > best ? scores[c] : best;
    work->scores[i] = best;
  }
  int32_t kept = suppress(rule, work, rule->detections);
  size_t row = 0;
  for (int32_t i = 0; i < kept; i++) {
    int32_t anchor = work->selected[i];
    const float *scores = picture->scores + (size_t)anchor * (size_t)rule->score_columns + offset;
    best_classes(scores, rule->classes, rule->per_anchor, work->spare);
    for (int32_t c = 0; c < rule->per_anchor; c++) {
      choice what = {scores[work->spare[c]], anchor, work->spare[c]};
      write_row(picture, row++, &work->boxes[anchor], &what);
    }
  }
  *picture->count = (float)kept;
}

/* ---- Regular mode: every class on its own, then the best of all ----------------------------- */

/* Merges `added` choices, best first, behind `count` chosen ones, best first; earlier ones win
 * among equals. Returns how many stay. */
static int32_t merge_choices(workspace *work, int32_t count, int32_t added, int32_t most) {
  int32_t a = 0, b = count, end = count + added, kept = 0;
  while (kept < most && (a < count || b < end)) {
    bool first = a < count && (b == end || !(work->chosen[b].score > work->chosen[a].score));
    work->other[kept++] = work->chosen[first ? a++ : b++];
  }
  memcpy(work->chosen, work->other, (size_t)kept * sizeof *work->chosen);
  return kept;
}

static void detect_regular(const mn_ssd_rule *rule, const mn_ssd_picture *picture,
                           workspace *work) {
  int32_t offset = rule->score_columns - rule->classes, count = 0;
  for (int32_t c = 0; c < rule->classes; c++) {
    const float *column = picture->scores + offset + c;
    for (int32_t i = 0; i < rule->anchors; i++, column += rule->score_columns) {
      work->scores[i] = *column;
    }
    int32_t kept = suppress(rule, work, rule->per_class);
    for (int32_t i = 0; i < kept; i++) {
      int32_t anchor = work->selected[i];
      work->chosen[count + i] = (choice){work->scores[anchor], anchor, c};
    }
    count = merge_choices(work, count, kept, rule->detections);
  }
  for (int32_t i = 0; i < count; i++) {
    write_row(picture, (size_t)i, &work->boxes[work->chosen[i].anchor], &work->chosen[i]);
  }
  *picture->count = (float)count;
}

void mn_ssd_detect(const mn_ssd_rule *rule, const mn_ssd_picture *picture, void *scratch) {
  workspace work = {0};
  size_t rows = (size_t)rule->detections * (size_t)(rule->regular ? 1 : rule->per_anchor);
  lay_out(rule, &work, scratch);
  memset(picture->boxes, 0, rows * 4 * sizeof(float));
  memset(picture->classes, 0, rows * sizeof(float));
  memset(picture->class_scores, 0, rows * sizeof(float));
  if (rule->torch_boxes) {
    decode_torch_boxes(rule, picture, work.boxes);
  } else {
    decode_boxes(rule, picture, work.boxes);
  }
  if (rule->regular) {
    detect_regular(rule, picture, &work);
  } else {
    detect_fast(rule, picture, &work);
  }
}
