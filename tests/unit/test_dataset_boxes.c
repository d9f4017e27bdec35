/* SPDX-License-Identifier: Apache-2.0
 * Sets with boxes and masks: COCO's JSON, Pascal VOC's XML, YOLO's text, folders of masks, with
 * splits of both kinds; what boxes, classes and notes come of them, and what is refused. */
#define _POSIX_C_SOURCE 200809L
#include "../temp_folder.h"
#include "data/dataset.h"
#include "data/decimal.h"

static mn_error last;

typedef struct query {
  const char *path, *split;
  mn_class_names known;
  mn_task task; /* NONE: DETECT */
} query;

static mn_dataset *open_set(const query *q) {
  const mn_dataset_options options = {
      .struct_size = sizeof options, .split = q->split, .task = q->task ? q->task : MN_TASK_DETECT};
  mn_class_names known = q->known;
  if (!known.count) known.background = -1;
  mn_dataset *set = NULL;
  mn_error_clear(&last);
  mn_status status = mn_dataset_open_named(&set, temp_path(q->path), &options, &known, &last);
  assert_true(status ? set == NULL && last.text[0] : set != NULL);
  return set;
}

enum { WIDTH = 200, HEIGHT = 100, ROOM = 8 };

/* "a.jpg: 0 (1 2 3 4) 1 (...); b.jpg: ..." with c for crowds, d for difficult. */
static void describe(const mn_dataset *set, char *text, size_t room) {
  size_t used = 0;
  text[0] = '\0';
  for (int64_t i = 0; i < mn_dataset_count(set); ++i) {
    mn_box boxes[ROOM];
    const int count = mn_dataset_box_count(set, i);
    assert_true(count <= ROOM);
    mn_dataset_boxes(set, i, WIDTH, HEIGHT, boxes);
    used += (size_t)snprintf(text + used, room - used, "%s%s:", i ? "; " : "",
                             strrchr(mn_dataset_path(set, i), '/') + 1);
    for (int b = 0; b < count; ++b) {
      const double *box = boxes[b].box;
      used += (size_t)snprintf(text + used, room - used, " %d%s%s (%g %g %g %g)",
                               (int)boxes[b].class_index, boxes[b].crowd ? "c" : "",
                               boxes[b].difficult ? "d" : "", box[0], box[1], box[2], box[3]);
    }
  }
}

static void expect(const query *q, int classes, const char *expected, const char *note) {
  mn_dataset *set = open_set(q);
  char text[2048];
  if (!set) fail_msg("%s: %s", q->path, last.text);
  describe(set, text, sizeof text);
  assert_string_equal(text, expected);
  assert_int_equal(mn_dataset_class_count(set), classes);
  assert_int_equal(mn_dataset_note_count(set), note ? 1 : 0);
  if (note && !strstr(mn_dataset_note(set, 0), note)) {
    fail_msg("the note is '%s'", mn_dataset_note(set, 0));
  }
  mn_dataset_free(set);
}

static void expect_refused(const query *q, mn_status status, const char *words) {
  mn_dataset *set = open_set(q);
  if (set) fail_msg("%s was not refused", q->path);
  assert_int_equal(last.status, status);
  if (!strstr(last.text, words)) fail_msg("'%s' does not say '%s'", last.text, words);
}

/* ---- COCO ----------------------------------------------------------------------------------- */

#define CATEGORIES "\"categories\":[{\"id\":7,\"name\":\"dog\"},{\"id\":3,\"name\":\"Cat\"}]"

static void coco_is_read(void **state) {
  (void)state;
  temp_put("coco/images/a.jpg", "");
  temp_put("coco/images/b.jpg", "");
  temp_put("coco/instances.json",
           "{\"info\": {\"x\": [\"]}\\\"\"]}, \"annotations\": [\n"
           "{\"image_id\":12,\"category_id\":7,\"bbox\":[1,2,3.5,4],\"area\":9,\"iscrowd\":0,\n"
           "\"segmentation\":[[1,2,3,4]]},"
           "{\"image_id\":11,\"category_id\":3,\"bbox\":[0,0,5,5],\"iscrowd\":1},"
           "{\"image_id\":12,\"category_id\":3,\"bbox\":[5,5,0,5]},"
           "{\"image_id\":12,\"category_id\":3,\"bbox\":[5,5,1,5]}],"
           "\"images\":[{\"id\":12,\"file_name\":\"val2017/b.jpg\"},{\"id\":11,\"file_name\":"
           "\"a.jpg\"},{\"id\":13,\"file_name\":\"gone.jpg\"}]," CATEGORIES "}");
  /* Classes by category id; a picture that is not there is listed, so that reading it says so. */
  expect(&(query){.path = "coco"}, 2,
         "b.jpg: 1 (1 2 4.5 6) 0 (5 5 6 10); a.jpg: 0c (0 0 5 5); gone.jpg:",
         "annotation 2: a box without area is left out");
  mn_dataset *set = open_set(&(query){.path = "coco"});
  mn_box boxes[2];
  mn_dataset_boxes(set, 0, 1, 1, boxes);
  assert_true(boxes[0].area == 9 && boxes[1].area == 5);
  assert_int_equal(mn_dataset_task(set), MN_TASK_DETECT);
  mn_dataset_free(set);
}

static void coco_refuses(const char *json, const char *words) {
  temp_put("bad/images/a.jpg", "");
  temp_put("bad/instances.json", json);
  expect_refused(&(query){.path = "bad"}, MN_ERR_FORMAT, words);
}

static void coco_is_strict(void **state) {
  (void)state;
  coco_refuses("[]", "expected a JSON object");
  coco_refuses("{\"categories\":[]", "expected a comma or the end");
  coco_refuses("{\"categories\":[{", "ends within an array");
  coco_refuses("{\"x\":\"", "ends within a value");
  coco_refuses("{\"images\":[]}", "no array \"categories\"");
  coco_refuses("{\"categories\":[{\"id\":1}]}", "categories[0]: expected a number id and a name");
  coco_refuses("{\"categories\":[{\"id\":1,\"name\":\"a\"},{\"id\":1,\"name\":\"b\"}]}",
               "two categories have the id 1");
  coco_refuses("{" CATEGORIES
               ",\"images\":[{\"id\":1,\"file_name\":\"a.jpg\"},{\"id\":1,"
               "\"file_name\":\"a.jpg\"}]}",
               "two images have the id 1");
  coco_refuses("{" CATEGORIES ",\"images\":[],\"annotations\":[{\"image_id\":1}]}",
               "annotations[0]: its image_id is that of no image");
  coco_refuses("{" CATEGORIES
               ",\"images\":[{\"id\":1,\"file_name\":\"a.jpg\"}],"
               "\"annotations\":[{\"image_id\":1,\"category_id\":7,\"bbox\":[1,2,3]}]}",
               "expected a bbox of four numbers");
  coco_refuses("{\"categories\":[{\"id\":01}]}", "JSON line 1");
}

static void coco_has_splits_below_images(void **state) {
  (void)state;
  temp_put("years/images/train2017/a.jpg", "");
  temp_put("years/images/val2017/b.jpg", "");
  temp_put("years/instances.json",
           "{" CATEGORIES
           ",\"images\":[{\"id\":1,\"file_name\":\"a.jpg\"},{\"id\":2,\"file_name\":"
           "\"b.jpg\"}],\"annotations\":["
           "{\"image_id\":1,\"category_id\":3,\"bbox\":[0,0,1,1]},"
           "{\"image_id\":2,\"category_id\":7,\"bbox\":[0,0,2,2]}]}");
  expect(&(query){.path = "years"}, 2, "b.jpg: 1 (0 0 2 2)", NULL);
  expect(&(query){.path = "years", .split = "train"}, 2, "a.jpg: 0 (0 0 1 1)", NULL);
  expect(&(query){.path = "years", .split = "val2017"}, 2, "b.jpg: 1 (0 0 2 2)", NULL);
  expect_refused(&(query){.path = "years", .split = "test"}, MN_ERR_ARGUMENT,
                 "there are: train2017, val2017");
}

/* ---- Pascal VOC ----------------------------------------------------------------------------- */

#define BNDBOX(a, b, c, d) \
  "<bndbox><xmin>" a "</xmin><ymin>" b "</ymin><xmax>" c "</xmax><ymax>" d "</ymax></bndbox>"

static void voc_is_read(void **state) {
  (void)state;
  temp_put("voc/val/JPEGImages/a.jpg", "");
  temp_put("voc/train/JPEGImages/b.jpg", "");
  temp_put("voc/val/Annotations/1.xml",
      "<?xml version='1.0'?><!-- <object> -->\n<annotation><filename> a.jpg\n</filename>"
      "<object><name>person</name><difficult>1</difficult>" BNDBOX("1", "2", "3", "4.5")
      "<part><name>hand</name>" BNDBOX("0", "0", "1", "1") "</part></object>"
      "<object>" BNDBOX("5", "5", "5", "9") "<name>cat &amp; dog</name></object>\n"
      "<object><name>cat &amp; dog</name>" BNDBOX("5", "5", "6", "9") "</object></annotation>");
  temp_put("voc/train/Annotations/2.xml",
           "<annotation><filename>b.jpg</filename><object><name>ant</name>" BNDBOX(
               "0", "0", "1", "1") "</object></annotation>");
  /* Names are sorted over both splits. */
  expect(&(query){.path = "voc"}, 3, "a.jpg: 2d (1 2 3 4.5) 1 (5 5 6 9)",
         "line 3: a box without area is left out");
  expect(&(query){.path = "voc", .split = "train"}, 3, "b.jpg: 0 (0 0 1 1)", NULL);
}

static void voc_refuses(const char *xml, const char *words) {
  temp_put("badvoc/images/a.jpg", "");
  temp_put("badvoc/Annotations/a.xml", xml);
  expect_refused(&(query){.path = "badvoc"}, MN_ERR_FORMAT, words);
}

static void voc_is_strict(void **state) {
  (void)state;
  voc_refuses("<annotation>", "XML line 1: no element found");
  voc_refuses("<note/>", "expected an <annotation>");
  voc_refuses("<annotation/>", "there is no <filename>");
  voc_refuses("<annotation><object><name>a</name></object></annotation>",
              "an object without a name, or without xmin");
  voc_refuses("<annotation><object>" BNDBOX("1", "1", "x", "2") "</object></annotation>",
              "expected a number");
  voc_refuses("<annotation><object><name> </name></object></annotation>", "name is empty");
}

static void voc_has_splits_in_image_sets(void **state) {
  (void)state;
  static const char *const names[] = {"a", "a.b", "c"};
  for (int i = 0; i < 3; i++) {
    char path[64], text[256];
    snprintf(path, sizeof path, "sets/JPEGImages/%s.jpg", names[i]);
    temp_put(path, "");
    snprintf(path, sizeof path, "sets/Annotations/%s.xml", names[i]);
    snprintf(text, sizeof text,
             "<annotation><filename>%s.jpg</filename><object><name>cat</name>" BNDBOX(
                 "1", "2", "3", "%d") "</object></annotation>",
             names[i], i + 5);
    temp_put(path, text);
  }
  temp_put("sets/ImageSets/Main/train.txt", "a\r\n\r\n");
  temp_put("sets/ImageSets/Main/val.txt", " a.b  1\nnot_there\nc");
  temp_put("sets/ImageSets/Main/cat_train.txt", "c 1\n");
  temp_put("sets/ImageSets/Main/empty.txt", "");
  expect(&(query){.path = "sets"}, 1, "a.b.jpg: 0 (1 2 3 6); c.jpg: 0 (1 2 3 7)", NULL);
  expect(&(query){.path = "sets", .split = "train"}, 1, "a.jpg: 0 (1 2 3 5)", NULL);
  expect_refused(&(query){.path = "sets", .split = "empty"}, MN_ERR_FORMAT,
                 "empty.txt: the file is empty");
  expect_refused(&(query){.path = "sets", .split = "cat_train"}, MN_ERR_ARGUMENT,
                 "there are: empty, train, val");
}

/* ---- YOLO ----------------------------------------------------------------------------------- */

static void put_yolo(const char *yaml) {
  temp_put("yolo/data.yaml", yaml);
  temp_put("yolo/images/val/a.jpg", "");
  temp_put("yolo/images/val/deep/b.png", "");
  temp_put("yolo/images/val/c.jpg", "");
  temp_put("yolo/labels/val/a.txt", "1 0.5 0.5 0.5 0.2\r\n\n0 .25 0.5 5e-1 1\n");
  temp_put("yolo/labels/val/deep/b.txt", "1 0.1 0.1 0.5 0.2 0.3 0.7");
}

static const char yolo_boxes[] =
    "a.jpg: 1 (50 40 150 60) 0 (0 0 100 100); c.jpg:; b.png: 1 (20 10 100 70)";

static void yolo_is_read(void **state) {
  (void)state;
  static const char *const yamls[] = {
      "# names: [no]\nnc: 2\nnames:\n  0: cat  # one\n\n  1: 'it''s'\npath: x\n",
      "names:\n- cat\n- \"a \\\"dog\\\" # 2\"\nnc: 2",
      "\xef\xbb\xbfnames: [cat, 'dog, or not']  # two\n",
      "names: {0: cat,\n  1: dog\n}\n",
  };
  for (size_t i = 0; i < sizeof yamls / sizeof *yamls; ++i) {
    put_yolo(yamls[i]);
    expect(&(query){.path = "yolo"}, 2, yolo_boxes, NULL);
  }
}

static void yolo_refuses(const char *yaml, const char *labels, const char *words) {
  put_yolo(yaml);
  if (labels) temp_put("yolo/labels/val/a.txt", labels);
  expect_refused(&(query){.path = "yolo"}, MN_ERR_FORMAT, words);
}

static void yolo_is_strict(void **state) {
  (void)state;
  yolo_refuses("nc: 2\n", NULL, "no line that begins with names:");
  yolo_refuses("names: [a, b\n", NULL, "a bracket that is not closed");
  yolo_refuses("names: *other\n", NULL, "expected a list or a map");
  yolo_refuses("names:\n  0: a\n  2: b\n", NULL, "class 2 where 1 comes next");
  yolo_refuses("names: [a, a]\n", NULL, "'a' is there twice");
  yolo_refuses("names: [a, 'b]\n", NULL, "not closed");
  yolo_refuses("names:\nnc: 2\n", NULL, "there are none");
  yolo_refuses("names: [a]\n", "\n1 0.5 0.5 0.1 0.1\n", "line 2: class 1, but the names");
  yolo_refuses("names: [a]\n", "0 0.5 0.5 0.1\n", "3 numbers after the class, expected 4");
  yolo_refuses("names: [a]\n", "0 50 50 10 10\n", "expected fractions of the picture's size");
  yolo_refuses("names: [a]\n", "0 0.5 0.5 0.1 x\n", "expected numbers");
  yolo_refuses("names: [a]\n", "cat 0.5 0.5 0.1 0.1\n", "expected a class number first");
}

/* ---- Classes of a model --------------------------------------------------------------------- */

static void classes_are_matched_by_name(void **state) {
  (void)state;
  static const char *const labels[] = {"???", "Dog", "???", "cat", "CAT", "dog"};
  put_yolo("names: [cat, Dog]\n");
  expect(&(query){.path = "yolo", .known = {labels, 6, 0}}, 5,
         "a.jpg: 0 (50 40 150 60) 2 (0 0 100 100); c.jpg:; b.png: 0 (20 10 100 70)", NULL);
  put_yolo("names: [fox, DOG]\n"); /* DOG could be two labels */
  expect_refused(&(query){.path = "yolo", .known = {labels, 6, 0}}, MN_ERR_FORMAT,
                 "none of its 2 classes is a label of the model: 'fox'");
  put_yolo("names: [fox, dog]\n");
  expect(&(query){.path = "yolo", .known = {labels, 6, -1}}, 6,
         "a.jpg: 5 (50 40 150 60); c.jpg:; b.png: 5 (20 10 100 70)",
         "class 'fox' is not a label of the model: its 1 box is left out");
  put_yolo("names: [fox, '?\?\?']\n");
  expect_refused(&(query){.path = "yolo", .known = {labels, 6, -1}}, MN_ERR_FORMAT,
                 "'?\?\?' is a label that the model has twice");
}

/* ---- Masks ---------------------------------------------------------------------------------- */

static void masks_are_found(void **state) {
  (void)state;
  temp_put("seg/images/val/a.jpg", "");
  temp_put("seg/images/val/b.jpg", "");
  temp_put("seg/images/train/c.jpg", "");
  temp_put("seg/masks/val/a.png", "");
  mn_dataset *set = open_set(&(query){.path = "seg", .task = MN_TASK_SEGMENT});
  assert_non_null(set);
  assert_int_equal(mn_dataset_count(set), 1);
  assert_string_equal(mn_dataset_mask_path(set, 0), temp_path("seg/masks/val/a.png"));
  assert_null(mn_dataset_mask_path(set, 1));
  assert_int_equal(mn_dataset_note_count(set), 1);
  assert_non_null(strstr(mn_dataset_note(set, 0), "1 picture has no mask"));
  mn_dataset_free(set);
  expect_refused(&(query){.path = "seg", .split = "train", .task = MN_TASK_SEGMENT}, MN_ERR_FORMAT,
                 "there are no pictures with masks in it");
  expect_refused(&(query){.path = "seg/images", .task = MN_TASK_SEGMENT}, MN_ERR_FORMAT,
                 "there is no folder images in it");
  expect_refused(&(query){.path = "seg"}, MN_ERR_FORMAT, "there is no instances.json");
}

/* ---- Numbers -------------------------------------------------------------------------------- */

static void decimals_equal_strtod(void **state) {
  (void)state;
  static const char *const texts[] = {"0",   "-1.5",          "0.389578", "5e-1",
                                      "1E3", "123456789.125", "+.5",      "0.000001",
                                      "640", "1e-300",        "7.",       "-0.0385937"};
  double value;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; ++i) {
    assert_true(mn_decimal_parse(texts[i], strlen(texts[i]), &value));
    const double exact = strtod(texts[i], NULL);
    assert_true(value == exact || (value - exact) / exact < 1e-15);
  }
  static const char *const wrong[] = {"",    "-",   ".",   "1e",    "1 ",
                                      "0x1", "nan", "inf", "1e400", "1.2.3"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    assert_false(mn_decimal_parse(wrong[i], strlen(wrong[i]), &value));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(coco_is_read),
      cmocka_unit_test(coco_is_strict),
      cmocka_unit_test(coco_has_splits_below_images),
      cmocka_unit_test(voc_is_read),
      cmocka_unit_test(voc_has_splits_in_image_sets),
      cmocka_unit_test(voc_is_strict),
      cmocka_unit_test(yolo_is_read),
      cmocka_unit_test(yolo_is_strict),
      cmocka_unit_test(classes_are_matched_by_name),
      cmocka_unit_test(masks_are_found),
      cmocka_unit_test(decimals_equal_strtod),
  };
  return cmocka_run_group_tests(tests, temp_make, temp_drop);
}
