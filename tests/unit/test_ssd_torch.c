/* SPDX-License-Identifier: Apache-2.0
 * torchvision's SSD post-processing: softmax scores, its box coder and suppression give the boxes
 * of tests/oracle/torch_ssd.py in the same order, within 0.01 pixel. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "post/anchors.h"
#include "post/ssd.h"

enum { SIDE = 64, MOST_ROWS = 256, MOST_CLASSES = 8, MOST_FOUND = 64 };

typedef struct scene {
  float encodings[MOST_ROWS][4], scores[MOST_ROWS * MOST_CLASSES];
  int32_t count;
  float boxes[MOST_FOUND][4], best[MOST_FOUND];
  int32_t labels[MOST_FOUND];
} scene;

static void take(FILE *file, void *to, size_t size, size_t count) {
  assert_int_equal(fread(to, size, count, file), count);
}

static void softmax(float *row, int32_t count) {
  float most = row[0], sum = 0;
  for (int32_t i = 1; i < count; i++) most = fmaxf(most, row[i]);
  for (int32_t i = 0; i < count; i++) sum += row[i] = expf(row[i] - most);
  for (int32_t i = 0; i < count; i++) row[i] /= sum;
}

static void read_scene(FILE *file, const mn_ssd_rule *rule, scene *s) {
  const size_t rows = (size_t)rule->anchors, columns = (size_t)rule->score_columns;
  take(file, s->encodings, sizeof(float), rows * 4);
  take(file, s->scores, sizeof(float), rows * columns);
  for (size_t i = 0; i < rows; i++) softmax(s->scores + i * columns, rule->score_columns);
  take(file, &s->count, sizeof s->count, 1);
  assert_in_range(s->count, 1, MOST_FOUND);
  take(file, s->boxes, sizeof(float), (size_t)s->count * 4);
  take(file, s->best, sizeof(float), (size_t)s->count);
  take(file, s->labels, sizeof(int32_t), (size_t)s->count);
}

static void check_scene(const mn_ssd_rule *rule, const scene *s, const float *anchors) {
  static float boxes[MOST_FOUND][4], classes[MOST_FOUND], scores[MOST_FOUND];
  float count;
  void *scratch = malloc(mn_ssd_scratch_bytes(rule));
  assert_non_null(scratch);
  mn_ssd_picture picture = {.encodings = s->encodings[0],
                            .encoding_stride = 4,
                            .scores = s->scores,
                            .anchors = anchors,
                            .boxes = boxes[0],
                            .classes = classes,
                            .class_scores = scores,
                            .count = &count};
  mn_ssd_detect(rule, &picture, scratch);
  free(scratch);
  assert_int_equal((int)count, s->count);
  for (int i = 0; i < s->count; i++) {
    assert_int_equal((int)classes[i], s->labels[i] - 1);
    assert_true(fabsf(scores[i] - s->best[i]) < 1e-5f);
    for (int k = 0; k < 4; k++) { /* ours y0 x0 y1 x1 in 0..1, theirs x0 y0 x1 y1 in pixels */
      assert_true(fabsf(boxes[i][k] * SIDE - s->boxes[i][k ^ 1]) < 0.01f);
    }
  }
}

static void test_torchvision(void **state) {
  (void)state;
  int32_t header[4];
  static float anchors[MOST_ROWS * 4];
  static scene s;
  mn_anchor_maps maps = {.count = 6,
                         .size = {{4, 4}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
                         .picture_h = SIDE,
                         .picture_w = SIDE,
                         .min_scale = 0.2,
                         .max_scale = 0.95};
  FILE *file = fopen(MN_TEST_DIR "/golden/torch_ssd.bin", "rb");
  assert_non_null(file);
  take(file, header, sizeof *header, 4);
  assert_int_equal(mn_anchors_torch_count(&maps), header[0]);
  assert_true(header[0] <= MOST_ROWS && header[1] <= MOST_CLASSES && header[2] <= MOST_FOUND);
  mn_anchors_torch(&maps, anchors);
  mn_ssd_rule rule = {.anchors = header[0],
                      .score_columns = header[1],
                      .classes = header[1] - 1,
                      .detections = header[2],
                      .per_anchor = 1,
                      .per_class = header[2],
                      .regular = true,
                      .torch_boxes = true,
                      .candidates = 20,
                      .score_threshold = 0.05f,
                      .iou_threshold = 0.55f,
                      .scale = {10, 10, 5, 5}};
  for (int i = 0; i < header[3]; i++) {
    read_scene(file, &rule, &s);
    check_scene(&rule, &s, anchors);
  }
  fclose(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_torchvision)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
