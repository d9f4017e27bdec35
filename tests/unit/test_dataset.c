/* SPDX-License-Identifier: Apache-2.0
 * Labelled sets: folders, splits and tables made in a temporary folder, the indices that their
 * classes get with and without a model's labels, and the sentences of what is refused. */
#define _POSIX_C_SOURCE 200809L
#include "../temp_folder.h"
#include "data/dataset.h"

typedef struct query {
  const char *path, *split;
  int64_t limit;
  mn_class_names known;
} query;

static mn_error last;

static mn_dataset *open_set(const query *q) {
  mn_dataset_options options = {
      .struct_size = sizeof options, .split = q->split, .limit = q->limit};
  mn_class_names known = q->known;
  if (!known.count) known.background = -1;
  mn_dataset *set = NULL;
  mn_error_clear(&last);
  mn_status status = mn_dataset_open_named(&set, temp_path(q->path), &options, &known, &last);
  assert_true(status ? set == NULL : set != NULL);
  return set;
}

/* "file:class file:class ..." with the files' last path component. */
static void expect(const query *q, int classes, const char *expected) {
  mn_dataset *set = open_set(q);
  if (!set) fail_msg("%s: %s", q->path, last.text);
  char text[1024] = "";
  for (int64_t i = 0; i < mn_dataset_count(set); ++i) {
    const char *path = mn_dataset_path(set, i);
    assert_int_equal(strncmp(path, temp_root, strlen(temp_root)), 0);
    size_t used = strlen(text);
    snprintf(text + used, sizeof text - used, "%s%s:%d", used ? " " : "", strrchr(path, '/') + 1,
             mn_dataset_class(set, i));
  }
  assert_string_equal(text, expected);
  assert_int_equal(mn_dataset_class_count(set), classes);
  assert_null(mn_dataset_path(set, mn_dataset_count(set)));
  assert_int_equal(mn_dataset_class(set, -1), -1);
  mn_dataset_free(set);
}

static void expect_error(const query *q, mn_status status, const char *words) {
  mn_dataset *set = open_set(q);
  assert_null(set);
  if (last.status != status || !strstr(last.text, words)) {
    fail_msg("expected '%s', got %d: %s", words, (int)last.status, last.text);
  }
}

static void a_folder_per_class(void **state) {
  (void)state;
  temp_put("a/rose/2.jpg", "");
  temp_put("a/rose/10.JPG", "");
  temp_put("a/rose/.hidden.jpg", "");
  temp_put("a/rose/notes.txt", "");
  temp_put("a/rose/more/1.png", "");
  temp_put("a/Zinnia/x.webp", "");
  temp_put("a/.git/y.jpg", "");
  temp_put("a/readme.md", "");
  expect(&(query){.path = "a"}, 2, "x.webp:0 10.JPG:1 2.jpg:1 1.png:1");
  expect(&(query){.path = "a/"}, 2, "x.webp:0 10.JPG:1 2.jpg:1 1.png:1");
}

static void splits_share_their_classes(void **state) {
  (void)state;
  temp_put("b/train/cat/1.jpg", "");
  temp_put("b/train/ant/2.jpg", "");
  temp_put("b/train/bee/3.jpg", "");
  temp_put("b/valid/cat/4.jpg", "");
  temp_put("b/test/bee/5.jpg", "");
  temp_put("b/test/cat/6.jpg", "");
  expect(&(query){.path = "b"}, 3, "4.jpg:2");
  expect(&(query){.path = "b", .split = "val"}, 3, "4.jpg:2");
  expect(&(query){.path = "b", .split = "valid"}, 3, "4.jpg:2");
  expect(&(query){.path = "b", .split = "test"}, 3, "5.jpg:1 6.jpg:2");
  expect(&(query){.path = "b", .split = "train"}, 3, "2.jpg:0 3.jpg:1 1.jpg:2");
  expect_error(&(query){.path = "b", .split = "dev"}, MN_ERR_ARGUMENT,
               "no split dev; there are: valid, test, train");
  temp_put("c/train/ant/1.jpg", "");
  expect(&(query){.path = "c"}, 1, "1.jpg:0");
  expect_error(&(query){.path = "c", .split = "val"}, MN_ERR_ARGUMENT, "there are: train");
}

static void folder_names_meet_labels(void **state) {
  (void)state;
  static const char *const labels[] = {"background", "cat", "ant", "bee"};
  static const char *const others[] = {"one", "two", "three"};
  static const char *const few[] = {"ant", "cat"};
  static const char *const twice[] = {"ant", "bee", "cat", "ant"};
  query q = {.path = "b", .split = "train", .known = {labels, 4, 0}};
  expect(&q, 3, "2.jpg:1 3.jpg:2 1.jpg:0");
  q.known = (mn_class_names){others, 3, -1};
  expect(&q, 3, "2.jpg:0 3.jpg:1 1.jpg:2");
  q.known = (mn_class_names){few, 2, -1};
  expect_error(&q, MN_ERR_FORMAT, "class 'bee' is not a label of the model");
  q.known = (mn_class_names){twice, 4, -1};
  expect_error(&q, MN_ERR_FORMAT, "twice");
  q.known = (mn_class_names){labels, 4, 3};
  expect_error(&q, MN_ERR_FORMAT, "class 'bee' is not a label");
}

static void tables(void **state) {
  (void)state;
  temp_put("t/plain.tsv", "x/1.jpg\t3\n2.jpg\t0\n");
  expect(&(query){.path = "t/plain.tsv"}, 4, "1.jpg:3 2.jpg:0");
  temp_put("t/header.csv",
           "\xef\xbb\xbfid,Label,Filename\r\n7,2,a.jpg\r\n\r\n8,1,\"b, \"\"c\"\".jpg\"");
  expect(&(query){.path = "t/header.csv"}, 3, "a.jpg:2 b, \"c\".jpg:1");
  temp_put("t/unknown_header.csv", "where,what\na.jpg,1\nb.jpg,0\n");
  expect(&(query){.path = "t/unknown_header.csv"}, 2, "a.jpg:1 b.jpg:0");
  temp_put("t/names.csv", "a.jpg,rose\nb.jpg,daisy\nc.jpg,rose\n");
  expect(&(query){.path = "t/names.csv"}, 2, "a.jpg:1 b.jpg:0 c.jpg:1");
  static const char *const labels[] = {"background", "rose", "tulip", "daisy"};
  query q = {.path = "t/names.csv", .known = {labels, 4, 0}};
  expect(&q, 3, "a.jpg:0 b.jpg:2 c.jpg:0");
  q.path = "t/plain.tsv";
  expect_error(&q, MN_ERR_FORMAT, "line 1: class 3, but the model's classes are 0 to 2");
  static const char *const others[] = {"lily", "rose"};
  q = (query){.path = "t/names.csv", .known = {others, 2, -1}};
  expect_error(&q, MN_ERR_FORMAT, "line 2: class 'daisy' is not a label");
  temp_put("u/labels.tsv", "1.jpg\t1\n2.jpg\t0\n");
  expect(&(query){.path = "u"}, 2, "1.jpg:1 2.jpg:0");
}

static void damaged_tables_name_their_line(void **state) {
  (void)state;
  temp_put("t/one.csv", "a.jpg,1\nb.jpg\n");
  expect_error(&(query){.path = "t/one.csv"}, MN_ERR_FORMAT, "line 2: 1 field, expected");
  temp_put("t/quote.csv", "a.jpg,1\n\"b.jpg,1\n");
  expect_error(&(query){.path = "t/quote.csv"}, MN_ERR_FORMAT, "line 2: a quote");
  temp_put("t/after.csv", "a.jpg,1\n\"b\"x.jpg,1\n");
  expect_error(&(query){.path = "t/after.csv"}, MN_ERR_FORMAT, "line 2: text after");
  temp_put("t/empty_class.csv", "a.jpg,\n");
  expect_error(&(query){.path = "t/empty_class.csv"}, MN_ERR_FORMAT, "line 1: the class is empty");
  temp_put("t/lines.csv", "\"a\nb.jpg\",1\nc.jpg\n");
  expect_error(&(query){.path = "t/lines.csv"}, MN_ERR_FORMAT, "line 3: 1 field");
  expect_error(&(query){.path = "t/plain.tsv", .split = "val"}, MN_ERR_ARGUMENT, "no splits");
  temp_put("t/blank.csv", "\n\n");
  expect_error(&(query){.path = "t/blank.csv"}, MN_ERR_FORMAT, "no pictures");
}

static void a_limit_takes_evenly(void **state) {
  (void)state;
  temp_put("t/ten.csv", "0,0\n1,1\n2,2\n3,3\n4,4\n5,5\n6,6\n7,7\n8,8\n9,9\n");
  expect(&(query){.path = "t/ten.csv", .limit = 4}, 10, "0:0 2:2 5:5 7:7");
  expect(&(query){.path = "t/ten.csv", .limit = 3}, 10, "0:0 3:3 6:6");
  expect(&(query){.path = "t/ten.csv", .limit = 1}, 10, "0:0");
  expect(&(query){.path = "t/ten.csv", .limit = 11}, 10, "0:0 1:1 2:2 3:3 4:4 5:5 6:6 7:7 8:8 9:9");
  expect_error(&(query){.path = "t/ten.csv", .limit = -1}, MN_ERR_ARGUMENT, "limit");
}

static void what_is_no_dataset_is_refused(void **state) {
  (void)state;
  expect_error(&(query){.path = "none"}, MN_ERR_IO, "none");
  temp_put("flat/1.jpg", "");
  expect_error(&(query){.path = "flat"}, MN_ERR_FORMAT, "no folder per class");
  temp_put("bare/class/readme.txt", "");
  expect_error(&(query){.path = "bare"}, MN_ERR_FORMAT, "no pictures");
  mn_dataset *set;
  assert_int_equal(mn_dataset_open(&set, NULL, NULL, &last), MN_ERR_ARGUMENT);
  assert_int_equal(mn_dataset_open(&set, temp_path("a"), NULL, &last), MN_OK);
  assert_int_equal(mn_dataset_count(set), 4);
  mn_dataset_free(set);
  mn_dataset_free(NULL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_folder_per_class),
      cmocka_unit_test(splits_share_their_classes),
      cmocka_unit_test(folder_names_meet_labels),
      cmocka_unit_test(tables),
      cmocka_unit_test(damaged_tables_name_their_line),
      cmocka_unit_test(a_limit_takes_evenly),
      cmocka_unit_test(what_is_no_dataset_is_refused),
  };
  return cmocka_run_group_tests(tests, temp_make, temp_drop);
}
