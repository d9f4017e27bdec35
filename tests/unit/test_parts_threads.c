/* SPDX-License-Identifier: Apache-2.0
 * A set before training: what is taken and held back, and every sentence that is said of it, word
 * for word, with one thread and with several. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "../temp_folder.h"
#include "base/rng.h"
#include "data/parts.h"

static mn_error last;

/* A picture of some soft blobs, as PPM; scenes look unlike each other. */
static void put_scene(const char *path, uint64_t scene, int side) {
  static char text[64 * 64 * 3 + 32];
  mn_rng rng = mn_rng_at(4, MN_RNG_SPLIT, 0, scene);
  double blob[9][4];
  for (int b = 0; b < 36; ++b) blob[b / 4][b % 4] = mn_rng_unit(&rng);
  const int head = snprintf(text, 32, "P6 %d %d 255\n", side, side);
  for (int i = 0; i < side * side; ++i) {
    const double x = (i % side + 0.5) / side, y = (i / side + 0.5) / side;
    double v = 128;
    for (int b = 0; b < 9; ++b) {
      const double dx = x - blob[b][0], dy = y - blob[b][1], r = 0.05 + 0.2 * blob[b][2];
      v += 160 * (blob[b][3] - 0.5) * exp(-(dx * dx + dy * dy) / (r * r));
    }
    for (int c = 0; c < 3; ++c) {
      text[head + i * 3 + c] = (char)(v < 1 ? 1 : v > 255 ? 255 : (int)v); /* no zero bytes */
    }
  }
  text[head + side * side * 3] = '\0';
  temp_put(path, text);
}

static void put_copy(const char *path, const char *golden) {
  char command[1024];
  temp_put(path, "");
  snprintf(command, sizeof command, "cp '%s/golden/pictures/%s' '%s'", MN_TEST_DIR, golden,
           temp_path(path));
  assert_int_equal(system(command), 0);
}

static void open_parts(mn_parts *parts, const char *path, mn_task task, int threads) {
  mn_threads *pool;
  assert_int_equal(mn_threads_new(&pool, threads, &last), MN_OK);
  const mn_parts_options options = {.task = task, .seed = 1, .survey = {.threads = pool}};
  if (mn_parts_open(parts, temp_path(path), &options, &last)) fail_msg("%s", last.text);
  assert_string_equal(last.text, "");
  mn_threads_free(pool);
}

/* Every note in order; "" stands for the temporary folder with its slash. */
static void expect_notes(const mn_parts *parts, const char *const *expected, size_t count) {
  for (size_t i = 0; i < parts->notes.count && i < count; ++i) {
    char text[512] = "";
    const char *note = parts->notes.list[i], *root = strstr(note, temp_root);
    snprintf(text, sizeof text, "%.*s%s", (int)(root ? root - note : 0), note,
             root ? root + strlen(temp_root) + 1 : note);
    assert_string_equal(text, expected[i]);
  }
  assert_int_equal(parts->notes.count, count);
}

static void make_untidy_set(void) {
  char path[64];
  for (int i = 0; i < 20; ++i) {
    snprintf(path, sizeof path, "set/rose/%02d.ppm", i);
    put_scene(path, (uint64_t)i, 64);
  }
  for (int i = 0; i < 10; ++i) {
    snprintf(path, sizeof path, "set/ant/%02d.ppm", i);
    put_scene(path, 100 + (uint64_t)i, 64);
  }
  put_scene("set/ant/again.ppm", 3, 48); /* a rose */
  put_scene("set/rose/again.ppm", 7, 32);
  temp_put("set/rose/readme.txt", "text");
  temp_put("set/rose/text.jpg", "no picture at all");
  temp_put("set/empty/.keep", "");
  put_scene("set/lone/1.ppm", 200, 64);
  put_copy("set/ant/cmyk.jpg", "jpeg_cmyk.jpg");
  put_copy("set/ant/cut.jpg", "jpeg_444.jpg");
  assert_int_equal(truncate(temp_path("set/ant/cut.jpg"), 400), 0);
}

static void an_untidy_folder(void **state) {
  (void)state;
  static const char *const expected[] = {
      "set: a file is left out, no picture by its name: rose/readme.txt",
      "set/ant/cut.jpg: the JPEG file is truncated: it ends after 400 bytes, before the picture "
      "does",
      "set/rose/text.jpg: is not a picture: it begins with the bytes 6e 6f 20 70 69 63 74 75; "
      "expected JPEG, PNG, WebP, BMP, PPM or PGM",
      "2 pictures look like another one and stay on its side of the split: rose/03.ppm like "
      "ant/again.ppm",
      "1 picture is in two classes, which no model can learn: rose/03.ppm like ant/again.ppm",
      "class 'empty' has no pictures to train on",
      "class 'lone' has 1 picture: none is held back",
      "class 'rose' has 17 pictures to train on, 'lone' 1: look at each class's recall beside the "
      "mean"};
  make_untidy_set();
  for (int threads = 1; threads <= 3; ++threads) {
    mn_parts parts;
    open_parts(&parts, "set", MN_TASK_NONE, threads);
    expect_notes(&parts, expected, sizeof expected / sizeof *expected);
    assert_int_equal(parts.train.count, 17 + 10 + 1);
    assert_int_equal(parts.held.count, 4 + 2);
    assert_true(parts.train.set == parts.held.set);
    assert_int_equal(parts.surveys[0].unusable, 2);
    mn_parts_free(&parts);
  }
}

static void stated_splits_are_taken(void **state) {
  (void)state;
  static const char *const expected[] = {
      "1 of 3 pictures held back looks like one that is trained on, which flatters the score: "
      "val/a/2.ppm like train/a/1.ppm"};
  for (int i = 0; i < 6; ++i) {
    char path[64];
    snprintf(path, sizeof path, "stated/train/%c/%d.ppm", i % 2 ? 'b' : 'a', i);
    put_scene(path, 300 + (uint64_t)i, 64);
  }
  put_scene("stated/train/a/1.ppm", 310, 64);
  put_scene("stated/val/a/1.ppm", 311, 64);
  put_scene("stated/val/a/2.ppm", 310, 32);
  put_scene("stated/val/b/2.ppm", 312, 64);
  put_scene("stated/test/b/2.ppm", 301, 64);
  mn_parts parts;
  open_parts(&parts, "stated", MN_TASK_NONE, 1);
  expect_notes(&parts, expected, 1);
  assert_int_equal(parts.train.count, 7);
  assert_int_equal(parts.held.count, 3);
  assert_true(parts.train.set != parts.held.set && !parts.strata);
  mn_parts_free(&parts);
}

static void boxes_outside_their_picture(void **state) {
  (void)state;
  static const char *const expected[] = {
      "coco/instances.json: annotation 4: a box without area is left out",
      "2 of 3 classes have no boxes to train on, 'dog' the first",
      "1 box shows less than a pixel of the picture and is left out, the first in "
      "images/train/0.ppm",
      "1 box reaches beyond the picture and is cut at its border, the first in "
      "images/train/1.ppm"};
  for (int i = 0; i < 4; ++i) {
    char path[64];
    snprintf(path, sizeof path, "coco/images/%s/%d.ppm", i < 3 ? "train" : "val", i);
    put_scene(path, 400 + (uint64_t)i, 64);
  }
  temp_put("coco/instances.json",
           "{\"images\":[{\"id\":1,\"file_name\":\"0.ppm\"},{\"id\":2,\"file_name\":\"1.ppm\"},"
           "{\"id\":3,\"file_name\":\"2.ppm\"},{\"id\":4,\"file_name\":\"3.ppm\"}],"
           "\"categories\":[{\"id\":1,\"name\":\"cat\"},{\"id\":2,\"name\":\"dog\"},"
           "{\"id\":3,\"name\":\"cow\"}],\"annotations\":["
           "{\"id\":1,\"image_id\":1,\"category_id\":1,\"bbox\":[64,3,9,9]},"
           "{\"id\":2,\"image_id\":2,\"category_id\":1,\"bbox\":[60,3,9,9]},"
           "{\"id\":3,\"image_id\":3,\"category_id\":1,\"bbox\":[1,3,9,9]},"
           "{\"id\":4,\"image_id\":4,\"category_id\":1,\"bbox\":[1,3,9,9]},"
           "{\"id\":5,\"image_id\":4,\"category_id\":1,\"bbox\":[1,3,0,9]}]}");
  mn_parts parts;
  open_parts(&parts, "coco", MN_TASK_DETECT, 2);
  assert_int_equal(parts.train.count, 3);
  assert_int_equal(parts.held.count, 1);
  expect_notes(&parts, expected, 4);
  mn_parts_free(&parts);
}

static void nothing_usable_is_refused(void **state) {
  (void)state;
  mn_parts parts;
  const mn_parts_options options = {0};
  temp_put("bad/a/1.jpg", "text");
  assert_int_equal(mn_parts_open(&parts, temp_path("bad"), &options, &last), MN_ERR_FORMAT);
  assert_non_null(strstr(last.text, "none of 1 pictures can be used: "));
  assert_int_equal(mn_parts_open(&parts, temp_path("none"), &options, &last), MN_ERR_IO);
}

static int stop_at_once(void *user, size_t done, size_t count) {
  *(size_t *)user = done * 1000 + count;
  return 1;
}

static void a_survey_can_be_stopped(void **state) {
  (void)state;
  mn_parts parts;
  size_t told = 0;
  const mn_parts_options options = {.survey = {.progress = stop_at_once, .user = &told}};
  assert_int_equal(mn_parts_open(&parts, temp_path("stated"), &options, &last), MN_ERR_CANCELLED);
  assert_int_equal(told, 7007);
}

static uint64_t fingerprint(const char *path, mn_task task) {
  mn_parts parts;
  uint64_t print;
  open_parts(&parts, path, task, 1);
  assert_int_equal(mn_parts_fingerprint(&parts, &print, &last), MN_OK);
  mn_parts_free(&parts);
  return print;
}

static void fingerprints_tell_data_apart(void **state) {
  (void)state;
  char command[256];
  const uint64_t before = fingerprint("stated", MN_TASK_NONE);
  snprintf(command, sizeof command, "tar -cf %s/stated.tar -C %s stated", temp_root, temp_root);
  if (system(command) == 0) assert_true(fingerprint("stated.tar", MN_TASK_NONE) == before);
  assert_true(fingerprint("stated", MN_TASK_NONE) == before);
  put_scene("stated/val/b/2.ppm", 313, 64);
  const uint64_t changed = fingerprint("stated", MN_TASK_NONE);
  assert_true(changed != before);
  put_scene("stated/val/b/2.ppm", 312, 64);
  assert_true(fingerprint("stated", MN_TASK_NONE) == before);
  const uint64_t boxes = fingerprint("coco", MN_TASK_DETECT);
  snprintf(command, sizeof command, "sed -i 's/1,3,9,9/1,3,9,8/' %s/coco/instances.json",
           temp_root);
  assert_int_equal(system(command), 0);
  assert_true(fingerprint("coco", MN_TASK_DETECT) != boxes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_untidy_folder),
      cmocka_unit_test(stated_splits_are_taken),
      cmocka_unit_test(boxes_outside_their_picture),
      cmocka_unit_test(nothing_usable_is_refused),
      cmocka_unit_test(a_survey_can_be_stopped),
      cmocka_unit_test(fingerprints_tell_data_apart),
  };
  return cmocka_run_group_tests(tests, temp_make, temp_drop);
}
