/* SPDX-License-Identifier: Apache-2.0
 * The resize methods against hashes made by Pillow, OpenCV and a numpy transcription of TensorFlow
 * 1's formula (tests/oracle/resize_goldens.py), the window against the whole, and the promise that
 * scratch bounds hold: one byte less than needed is refused and none beyond is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../made_picture.h"
#include "image/resize.h"

typedef struct resize_case {
  mn_resize method;
  int width, height, out_width, out_height, kind;
  unsigned seed;
  unsigned long long hash;
} resize_case;

static mn_resize method_of(const char *name) {
  static const char *const names[] = {"pillow-bilinear", "pillow-bicubic", "tf1-bilinear",
                                      "opencv-linear"};
  for (int i = 0; i < 4; ++i) {
    if (!strcmp(name, names[i])) return (mn_resize)i;
  }
  fail_msg("unknown method %s", name);
  return MN_RESIZE_PILLOW_BILINEAR;
}

static bool read_case(FILE *file, resize_case *c) {
  char line[200], name[32];
  while (fgets(line, sizeof line, file)) {
    if (line[0] == '#') continue;
    int got = sscanf(line, "%31s %d %d %d %d %u %d %llx", name, &c->width, &c->height,
                     &c->out_width, &c->out_height, &c->seed, &c->kind, &c->hash);
    assert_int_equal(got, 8);
    c->method = method_of(name);
    return true;
  }
  return false;
}

static void equals_goldens(void **state) {
  (void)state;
  FILE *file = fopen(MN_TEST_DIR "/golden/resize.txt", "r");
  assert_non_null(file);
  resize_case c;
  int count = 0;
  for (; read_case(file, &c); ++count) {
    uint8_t *pixels = make_picture(c.width, c.height, c.seed, c.kind);
    mn_image image = {pixels, c.width, c.height, (size_t)c.width * 3};
    size_t size = (size_t)c.out_width * (size_t)c.out_height * 3;
    uint8_t *out = malloc(size);
    mn_error err;
    assert_int_equal(mn_image_resize(&image, c.method, out, c.out_width, c.out_height, &err),
                     MN_OK);
    if (fnv(out, size) != c.hash) {
      fail_msg("method %d, %d x %d to %d x %d differs from the golden", (int)c.method, c.width,
               c.height, c.out_width, c.out_height);
    }
    free(out);
    free(pixels);
  }
  fclose(file);
  assert_int_equal(count, 480);
}

typedef struct collector {
  uint8_t *pixels;
  size_t row_bytes;
  int32_t next;
} collector;

static void collect(void *context, int32_t y, const uint8_t *row) {
  collector *c = context;
  assert_int_equal(y, c->next++);
  memcpy(c->pixels + (size_t)y * c->row_bytes, row, c->row_bytes);
}

enum { BIG_W = 40, BIG_H = 29, WIN_X = 5, WIN_Y = 3, WIN_W = 20, WIN_H = 11, GUARD = 64 };

static void check_window(mn_resize method, int32_t width, int32_t height) {
  uint8_t *pixels = make_picture(BIG_W, BIG_H, 77, 0);
  mn_image image = {pixels, BIG_W, BIG_H, BIG_W * 3};
  uint8_t *whole = malloc((size_t)width * (size_t)height * 3);
  assert_int_equal(mn_image_resize(&image, method, whole, width, height, NULL), MN_OK);
  uint8_t part[WIN_W * WIN_H * 3];
  collector c = {part, WIN_W * 3, 0};
  mn_resize_job job = {.source = image,
                       .method = method,
                       .width = width,
                       .height = height,
                       .x = WIN_X,
                       .y = WIN_Y,
                       .window_width = WIN_W,
                       .window_height = WIN_H,
                       .row = collect,
                       .context = &c};
  mn_resize_limits limits = mn_resize_limits_of(&job);
  size_t bytes = 0;
  assert_true(mn_resize_scratch(&limits, &bytes));
  uint8_t *scratch = malloc(bytes + GUARD);
  memset(scratch, 0xa5, bytes + GUARD);
  mn_error err;
  assert_int_equal(mn_resize_run(&job, scratch, bytes - 1, &err), MN_ERR_LIMIT);
  assert_int_equal(mn_resize_run(&job, scratch, bytes, &err), MN_OK);
  assert_int_equal(c.next, WIN_H);
  for (size_t i = 0; i < GUARD; ++i) assert_int_equal(scratch[bytes + i], 0xa5);
  for (int32_t y = 0; y < WIN_H; ++y) {
    const uint8_t *row = whole + ((size_t)(y + WIN_Y) * (size_t)width + WIN_X) * 3;
    assert_memory_equal(part + y * WIN_W * 3, row, WIN_W * 3);
  }
  free(scratch);
  free(whole);
  free(pixels);
}

static void a_window_is_a_part_of_the_whole(void **state) {
  (void)state;
  for (int method = 0; method < 4; ++method) {
    check_window((mn_resize)method, 27, 16);
    check_window((mn_resize)method, 90, 61);
    check_window((mn_resize)method, BIG_W, 16);
    check_window((mn_resize)method, 27, BIG_H);
  }
}

static void a_crop_is_a_pointer_into_the_picture(void **state) {
  (void)state;
  uint8_t *pixels = make_picture(31, 23, 5, 0), cropped[13 * 11 * 3];
  for (int y = 0; y < 11; ++y) {
    memcpy(cropped + y * 13 * 3, pixels + ((y + 6) * 31 + 9) * 3, 13 * 3);
  }
  mn_image view = {pixels + (6 * 31 + 9) * 3, 13, 11, 31 * 3}, copy = {cropped, 13, 11, 13 * 3};
  uint8_t a[8 * 8 * 3], b[8 * 8 * 3];
  for (int method = 0; method < 4; ++method) {
    assert_int_equal(mn_image_resize(&view, (mn_resize)method, a, 8, 8, NULL), MN_OK);
    assert_int_equal(mn_image_resize(&copy, (mn_resize)method, b, 8, 8, NULL), MN_OK);
    assert_memory_equal(a, b, sizeof a);
  }
  free(pixels);
}

/* Its goldens are those of the default fit, in test_preprocess. */
static void a_box_must_lie_within_the_picture(void **state) {
  (void)state;
  uint8_t pixels[6 * 4 * 3] = {0}, part[3 * 2 * 3], scratch[4096];
  collector c = {part, 3 * 3, 0};
  mn_resize_job job = {.source = {pixels, 6, 4, 6 * 3},
                       .width = 3,
                       .height = 2,
                       .window_width = 3,
                       .window_height = 2,
                       .row = collect,
                       .context = &c};
  static const mn_resize_box wrong[] = {
      {-0.5f, 0, 3, 2}, {0, 0, 6.5f, 4}, {0, 0, 6, 4.5f}, {3, 0, 3, 4}, {0, 3, 6, 2}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; ++i) {
    job.box = wrong[i];
    assert_int_equal(mn_resize_run(&job, scratch, sizeof scratch, NULL), MN_ERR_ARGUMENT);
  }
  job.box = (mn_resize_box){0.25f, 0.5f, 5.75f, 3.5f};
  assert_int_equal(mn_resize_run(&job, scratch, sizeof scratch, NULL), MN_OK);
  job.method = MN_RESIZE_OPENCV_LINEAR;
  assert_int_equal(mn_resize_run(&job, scratch, sizeof scratch, NULL), MN_ERR_ARGUMENT);
}

static void wide_pictures_need_little_scratch(void **state) {
  (void)state;
  mn_resize_limits limits = {MN_RESIZE_PILLOW_BILINEAR, 16384.0 / 224, 16384.0 / 224, 224, 16384};
  size_t bytes = 0;
  assert_true(mn_resize_scratch(&limits, &bytes));
  assert_true(bytes < 300 * 1024);
  limits.method = MN_RESIZE_PILLOW_BICUBIC;
  assert_true(mn_resize_scratch(&limits, &bytes));
  assert_true(bytes < 600 * 1024);
}

static void wrong_arguments_are_refused(void **state) {
  (void)state;
  uint8_t pixels[4 * 4 * 3] = {0}, out[4 * 4 * 3];
  mn_image good = {pixels, 4, 4, 12}, empty = {pixels, 0, 4, 12}, narrow = {pixels, 4, 4, 11};
  mn_error err;
  assert_int_equal(mn_image_resize(&good, (mn_resize)9, out, 4, 4, &err), MN_ERR_ARGUMENT);
  assert_int_equal(mn_image_resize(&good, (mn_resize)0, out, 0, 4, &err), MN_ERR_ARGUMENT);
  assert_int_equal(mn_image_resize(&good, (mn_resize)0, NULL, 4, 4, &err), MN_ERR_ARGUMENT);
  assert_int_equal(mn_image_resize(&empty, (mn_resize)0, out, 4, 4, &err), MN_ERR_ARGUMENT);
  assert_int_equal(mn_image_resize(&narrow, (mn_resize)0, out, 4, 4, &err), MN_ERR_ARGUMENT);
  assert_non_null(strstr(err.text, "stride"));
  assert_int_equal(mn_image_resize(NULL, (mn_resize)0, out, 4, 4, &err), MN_ERR_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equals_goldens),
      cmocka_unit_test(a_window_is_a_part_of_the_whole),
      cmocka_unit_test(a_crop_is_a_pointer_into_the_picture),
      cmocka_unit_test(a_box_must_lie_within_the_picture),
      cmocka_unit_test(wide_pictures_need_little_scratch),
      cmocka_unit_test(wrong_arguments_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
