/* SPDX-License-Identifier: Apache-2.0
 * Detection against a brute-force oracle that states the rules another way: repeatedly take the
 * best remaining box and strike out what it overlaps. Random sets with ties, boxes without area,
 * swapped corners, and more boxes than the limit. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../tiny_net.h"
#include "post/ssd.h"

enum { MOST_ANCHORS = 60, MOST_CLASSES = 5, MOST_ROWS = 64 };

typedef struct scene {
  mn_ssd_rule rule;
  float encodings[MOST_ANCHORS][4], anchors[MOST_ANCHORS][4];
  float scores[MOST_ANCHORS][MOST_CLASSES + 1];
  double boxes[MOST_ANCHORS][4]; /* decoded, rounded to float as the rule says */
} scene;

typedef struct answer {
  float boxes[MOST_ROWS][4], classes[MOST_ROWS], scores[MOST_ROWS], count;
} answer;

static int pick(uint64_t *seed, int below) { return (int)(tiny_random(seed) % (uint64_t)below); }

static void make_scene(scene *s, uint64_t *seed) {
  memset(s, 0, sizeof *s);
  int classes = 1 + pick(seed, MOST_CLASSES), anchors = 1 + pick(seed, MOST_ANCHORS);
  s->rule = (mn_ssd_rule){.anchors = anchors,
                          .classes = classes,
                          .score_columns = classes + pick(seed, 2),
                          .detections = 1 + pick(seed, 12),
                          .per_anchor = 1 + pick(seed, classes),
                          .per_class = 1 + pick(seed, 9),
                          .regular = pick(seed, 2) == 1,
                          .score_threshold = 0.25f,
                          .iou_threshold = 0.5f,
                          .scale = {10, 10, 5, 5}};
  for (int i = 0; i < anchors; i++) {
    for (int k = 0; k < 4; k++) {
      s->encodings[i][k] = (float)pick(seed, 9) - 4;
      s->anchors[i][k] = (float)(1 + pick(seed, 8)) / 8;
    }
    if (pick(seed, 10) == 0) s->anchors[i][2] = 0;                 /* no area */
    if (pick(seed, 10) == 0) s->anchors[i][3] = -s->anchors[i][3]; /* swapped corners */
    for (int c = 0; c < s->rule.score_columns; c++) {
      s->scores[i][c] = (float)pick(seed, 9) / 8; /* many ties */
    }
    double ha = s->anchors[i][2], wa = s->anchors[i][3];
    float y = (float)(s->encodings[i][0] / 10.0 * ha + (double)s->anchors[i][0]);
    float x = (float)(s->encodings[i][1] / 10.0 * wa + (double)s->anchors[i][1]);
    float h = (float)(0.5 * exp(s->encodings[i][2] / 5.0) * ha);
    float w = (float)(0.5 * exp(s->encodings[i][3] / 5.0) * wa);
    s->boxes[i][0] = (double)(y - h);
    s->boxes[i][1] = (double)(x - w);
    s->boxes[i][2] = (double)(y + h);
    s->boxes[i][3] = (double)(x + w);
  }
}

static bool overlaps(const scene *s, int a, int b) {
  const double *p = s->boxes[a], *q = s->boxes[b];
  double area_p = (p[2] - p[0]) * (p[3] - p[1]), area_q = (q[2] - q[0]) * (q[3] - q[1]);
  if (area_p <= 0 || area_q <= 0) return false;
  double h = fmin(p[2], q[2]) - fmax(p[0], q[0]), w = fmin(p[3], q[3]) - fmax(p[1], q[1]);
  double common = h > 0 && w > 0 ? h * w : 0;
  return common / (area_p + area_q - common) > 0.5;
}

/* Takes the best of `scores` that is left, again and again; indices in `taken`. */
static int strike_out(const scene *s, const float *scores, int most, int *taken) {
  bool gone[MOST_ANCHORS] = {false};
  int count = 0;
  while (count < most) {
    int best = -1;
    for (int i = 0; i < s->rule.anchors; i++) {
      if (gone[i] || scores[i] < s->rule.score_threshold) continue;
      if (best < 0 || scores[i] > scores[best]) best = i;
    }
    if (best < 0) break;
    taken[count++] = best;
    gone[best] = true;
    for (int i = 0; i < s->rule.anchors; i++) gone[i] = gone[i] || overlaps(s, best, i);
  }
  return count;
}

static float score_of(const scene *s, int anchor, int class_index) {
  return s->scores[anchor][class_index + s->rule.score_columns - s->rule.classes];
}

static void put(const scene *s, answer *a, int row, int anchor, int class_index) {
  for (int k = 0; k < 4; k++) a->boxes[row][k] = (float)s->boxes[anchor][k];
  a->classes[row] = (float)class_index;
  a->scores[row] = score_of(s, anchor, class_index);
}

static void brute_fast(const scene *s, answer *a) {
  float best[MOST_ANCHORS];
  int taken[MOST_ANCHORS], row = 0;
  for (int i = 0; i < s->rule.anchors; i++) {
    best[i] = 0;
    for (int c = 0; c < s->rule.classes; c++) best[i] = fmaxf(best[i], score_of(s, i, c));
  }
  int count = strike_out(s, best, s->rule.detections, taken);
  for (int i = 0; i < count; i++) {
    bool used[MOST_CLASSES] = {false};
    for (int k = 0; k < s->rule.per_anchor; k++) {
      int top = -1;
      for (int c = 0; c < s->rule.classes; c++) {
        if (used[c]) continue;
        if (top < 0 || score_of(s, taken[i], c) > score_of(s, taken[i], top)) top = c;
      }
      used[top] = true;
      put(s, a, row++, taken[i], top);
    }
  }
  a->count = (float)count;
}

static void brute_regular(const scene *s, answer *a) {
  bool kept[MOST_CLASSES][MOST_ANCHORS] = {{false}};
  int order[MOST_CLASSES][MOST_ANCHORS], counts[MOST_CLASSES], row = 0;
  for (int c = 0; c < s->rule.classes; c++) {
    float scores[MOST_ANCHORS];
    for (int i = 0; i < s->rule.anchors; i++) scores[i] = score_of(s, i, c);
    counts[c] = strike_out(s, scores, s->rule.per_class, order[c]);
  }
  while (row < s->rule.detections) { /* the best of what is left, first class first among equals */
    int best_class = -1, best_rank = -1;
    for (int c = 0; c < s->rule.classes; c++) {
      for (int r = 0; r < counts[c]; r++) {
        if (kept[c][r]) continue;
        bool better = best_class < 0 || score_of(s, order[c][r], c) >
                                            score_of(s, order[best_class][best_rank], best_class);
        if (better) {
          best_class = c;
          best_rank = r;
        }
        break;
      }
    }
    if (best_class < 0) break;
    kept[best_class][best_rank] = true;
    put(s, a, row++, order[best_class][best_rank], best_class);
  }
  a->count = (float)row;
}

static void equals_brute_force(void **state) {
  (void)state;
  uint64_t seed = 5;
  for (int round = 0; round < 3000; round++) {
    scene s;
    answer expected, found;
    make_scene(&s, &seed);
    memset(&expected, 0, sizeof expected);
    memset(&found, 0, sizeof found);
    if (s.rule.regular) {
      brute_regular(&s, &expected);
    } else {
      brute_fast(&s, &expected);
    }
    float scores[MOST_ANCHORS * (MOST_CLASSES + 1)];
    for (int i = 0; i < s.rule.anchors; i++) {
      for (int c = 0; c < s.rule.score_columns; c++) {
        scores[i * s.rule.score_columns + c] = s.scores[i][c];
      }
    }
    mn_ssd_picture picture = {.encodings = &s.encodings[0][0],
                              .encoding_stride = 4,
                              .scores = scores,
                              .anchors = &s.anchors[0][0],
                              .boxes = &found.boxes[0][0],
                              .classes = found.classes,
                              .class_scores = found.scores,
                              .count = &found.count};
    void *scratch = malloc(mn_ssd_scratch_bytes(&s.rule));
    mn_ssd_detect(&s.rule, &picture, scratch);
    free(scratch);
    if (memcmp(&expected, &found, sizeof found) != 0) fail_msg("round %d differs", round);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(equals_brute_force)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
