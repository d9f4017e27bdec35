/* SPDX-License-Identifier: Apache-2.0
 * mAP equal to pycocotools and mIoU equal to plain numpy, on the sets of coco_map.txt and miou.txt
 * (tests/oracle/coco_map.py, miou.py); what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mobilenet/eval.h"

static FILE *open_golden(const char *name) {
  char path[512], line[256];
  snprintf(path, sizeof path, "%s/golden/%s", MN_TEST_DIR, name);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  for (int i = 0; i < 2; ++i) assert_non_null(fgets(line, sizeof line, file));
  return file;
}

static void expect_score(double met, double expected) {
  if (expected < 0) expected = 0; /* pycocotools's -1: there is nothing to average */
  if (fabs(met - expected) > 1e-9) fail_msg("met %.12f, expected %.12f", met, expected);
}

/* ---- mAP ------------------------------------------------------------------------------------ */

enum { MOST_PICTURES = 16, MOST_CLASSES = 12, MOST_ENTRIES = 200 };

typedef struct map_set {
  int pictures, classes, boxes, detections;
  mn_box box[MOST_PICTURES][MOST_ENTRIES];
  mn_detection found[MOST_PICTURES][MOST_ENTRIES];
  mn_map_picture picture[MOST_PICTURES];
} map_set;

static map_set set;

static void read_boxes(FILE *file) {
  for (int i = 0; i < set.boxes; ++i) {
    mn_box box = {0};
    int picture, crowd;
    double w, h;
    assert_int_equal(fscanf(file, "%d %d %d %lf %lf %lf %lf %lf", &picture, &box.class_index,
                            &crowd, &box.area, &box.box[0], &box.box[1], &w, &h),
                     8);
    box.crowd = (uint8_t)crowd;
    box.box[2] = box.box[0] + w;
    box.box[3] = box.box[1] + h;
    mn_map_picture *p = &set.picture[picture];
    assert_true(p->box_count < MOST_ENTRIES);
    set.box[picture][p->box_count++] = box;
  }
}

static void read_detections(FILE *file) {
  for (int i = 0; i < set.detections; ++i) {
    mn_detection found = {0};
    int picture;
    float w, h;
    assert_int_equal(fscanf(file, "%d %d %f %f %f %f %f", &picture, &found.class_index,
                            &found.score, &found.box[0], &found.box[1], &w, &h),
                     7);
    found.box[2] = found.box[0] + w;
    found.box[3] = found.box[1] + h;
    mn_map_picture *p = &set.picture[picture];
    assert_true(p->detection_count < MOST_ENTRIES);
    set.found[picture][p->detection_count++] = found;
  }
}

static bool read_map_set(FILE *file) {
  memset(&set, 0, sizeof set);
  for (int i = 0; i < MOST_PICTURES; ++i) {
    set.picture[i].boxes = set.box[i];
    set.picture[i].detections = set.found[i];
  }
  if (fscanf(file, " set %d %d %d %d", &set.pictures, &set.classes, &set.boxes, &set.detections) !=
      4) {
    return false;
  }
  assert_true(set.pictures <= MOST_PICTURES && set.classes <= MOST_CLASSES);
  read_boxes(file);
  read_detections(file);
  return true;
}

static void map_equals_pycocotools(void **state) {
  (void)state;
  FILE *file = open_golden("coco_map.txt");
  int sets = 0;
  for (; read_map_set(file); ++sets) {
    const mn_map_query query = {set.picture, set.pictures, set.classes};
    mn_map_scores scores;
    mn_map_class classes[MOST_CLASSES];
    double map, map50;
    assert_int_equal(mn_map_score(&query, &scores, classes, NULL), MN_OK);
    assert_int_equal(fscanf(file, "%lf %lf", &map, &map50), 2);
    expect_score(scores.map, map);
    expect_score(scores.map50, map50);
    for (int c = 0; c < set.classes; ++c) {
      assert_int_equal(fscanf(file, "%lf %lf", &map, &map50), 2);
      assert_int_equal(classes[c].boxes > 0, map >= 0);
      expect_score(classes[c].ap, map);
      expect_score(classes[c].ap50, map50);
    }
  }
  assert_int_equal(sets, 9);
  fclose(file);
}

static void difficult_boxes_neither_count_nor_cost(void **state) {
  (void)state;
  mn_box boxes[] = {{.box = {0, 0, 8, 8}, .area = 64},
                    {.box = {20, 0, 28, 8}, .area = 64, .difficult = 1}};
  const mn_detection found[] = {{.score = 0.9f, .box = {20, 0, 28, 8}},
                                {.score = 0.8f, .box = {0, 0, 8, 8}}};
  const mn_map_picture picture = {boxes, found, 2, 2};
  const mn_map_query query = {&picture, 1, 1};
  mn_map_scores scores;
  mn_map_class class;
  assert_int_equal(mn_map_score(&query, &scores, &class, NULL), MN_OK);
  expect_score(scores.map, 1);
  assert_int_equal(class.boxes, 1);
  boxes[1].difficult = 0;
  const mn_map_picture without = {boxes, found + 1, 2, 1};
  const mn_map_query half = {&without, 1, 1};
  assert_int_equal(mn_map_score(&half, &scores, NULL, NULL), MN_OK);
  expect_score(scores.map, 51.0 / 101); /* recalls 0 to .50 */
}

static void scores_that_are_no_numbers_are_refused(void **state) {
  (void)state;
  const mn_detection found = {.score = NAN, .box = {0, 0, 8, 8}};
  const mn_map_picture picture = {NULL, &found, 0, 1};
  const mn_map_query query = {&picture, 1, 1};
  mn_map_scores scores;
  mn_error err;
  assert_int_equal(mn_map_score(&query, &scores, NULL, &err), MN_ERR_ARGUMENT);
  assert_non_null(strstr(err.text, "detection 0 of picture 0"));
}

/* ---- mIoU ----------------------------------------------------------------------------------- */

enum { PIXELS = 400 };

static void read_pixels(FILE *file, uint8_t pixels[PIXELS]) {
  for (int i = 0; i < PIXELS; ++i) {
    unsigned value;
    assert_int_equal(fscanf(file, "%2x", &value), 1);
    pixels[i] = (uint8_t)value;
  }
}

static double read_number(FILE *file) {
  double value;
  assert_int_equal(fscanf(file, "%lf", &value), 1);
  return value;
}

/* Half of the masks go through a second matrix, as those of a second thread would. */
static void add_masks(FILE *file, mn_confusion *confusion, mn_confusion *second, int masks) {
  uint8_t truth[PIXELS], prediction[PIXELS];
  for (int m = 0; m < masks; ++m) {
    read_pixels(file, truth);
    read_pixels(file, prediction);
    mn_confusion *to = m % 2 ? second : confusion;
    assert_int_equal(mn_confusion_add(to, truth, prediction, PIXELS, NULL), MN_OK);
  }
  assert_int_equal(mn_confusion_merge(confusion, second, NULL), MN_OK);
}

static void miou_equals_numpy(void **state) {
  (void)state;
  FILE *file = open_golden("miou.txt");
  int sets = 0, classes, masks;
  for (; fscanf(file, " set %d %d", &classes, &masks) == 2; ++sets) {
    mn_confusion *confusion, *second;
    assert_int_equal(mn_confusion_new(&confusion, classes, NULL), MN_OK);
    assert_int_equal(mn_confusion_new(&second, classes, NULL), MN_OK);
    add_masks(file, confusion, second, masks);
    mn_miou_scores scores;
    mn_miou_class each[255];
    mn_confusion_score(confusion, &scores, each);
    expect_score(scores.miou, read_number(file));
    expect_score(scores.miou_truth, read_number(file));
    expect_score(scores.pixel_accuracy, read_number(file));
    for (int c = 0; c < classes; ++c) expect_score(each[c].iou, read_number(file));
    mn_confusion_free(second);
    mn_confusion_free(confusion);
  }
  assert_int_equal(sets, 5);
  fclose(file);
}

static void classes_beyond_the_count_are_refused(void **state) {
  (void)state;
  const uint8_t truth[] = {0, 255, 3}, prediction[] = {0, 9, 0}, ok[] = {0, 255, 2};
  mn_confusion *confusion, *other;
  mn_miou_scores scores;
  mn_error err;
  assert_int_equal(mn_confusion_new(&confusion, 256, &err), MN_ERR_ARGUMENT);
  assert_int_equal(mn_confusion_new(&confusion, 3, &err), MN_OK);
  assert_int_equal(mn_confusion_add(confusion, truth, prediction, 3, &err), MN_ERR_ARGUMENT);
  assert_non_null(strstr(err.text, "class 3"));
  mn_confusion_score(confusion, &scores, NULL);
  assert_int_equal(scores.pixels, 0);
  assert_int_equal(mn_confusion_add(confusion, ok, prediction, 3, &err), MN_OK);
  mn_confusion_score(confusion, &scores, NULL);
  assert_int_equal(scores.pixels, 2);
  assert_int_equal(mn_confusion_new(&other, 4, &err), MN_OK);
  assert_int_equal(mn_confusion_merge(confusion, other, &err), MN_ERR_ARGUMENT);
  mn_confusion_free(other);
  mn_confusion_free(confusion);
}

static void pixels_without_a_prediction_are_wrong(void **state) {
  (void)state;
  const uint8_t truth[] = {0, 0, 1, 1}, prediction[] = {0, 255, 1, 1};
  mn_confusion *confusion;
  mn_miou_scores scores;
  mn_miou_class classes[2];
  assert_int_equal(mn_confusion_new(&confusion, 2, NULL), MN_OK);
  assert_int_equal(mn_confusion_add(confusion, truth, prediction, 4, NULL), MN_OK);
  mn_confusion_score(confusion, &scores, classes);
  expect_score(scores.pixel_accuracy, 0.75);
  expect_score(classes[0].iou, 0.5);
  expect_score(classes[1].iou, 1);
  assert_int_equal(classes[0].truth, 2);
  mn_confusion_free(confusion);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(map_equals_pycocotools),
      cmocka_unit_test(difficult_boxes_neither_count_nor_cost),
      cmocka_unit_test(scores_that_are_no_numbers_are_refused),
      cmocka_unit_test(miou_equals_numpy),
      cmocka_unit_test(classes_beyond_the_count_are_refused),
      cmocka_unit_test(pixels_without_a_prediction_are_wrong),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
