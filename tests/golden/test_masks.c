/* SPDX-License-Identifier: Apache-2.0
 * The segmentation networks of the test assets ($MOBILENET_TEST_ASSETS/models/segment) through the
 * public functions: a picture of the input's size gives the choice among the network's own outputs.
 * The selfie network's soft mask against tests/golden/selfie.txt (tests/oracle/selfie_goldens.py),
 * within 1e-4: its logits are sums of hundreds. Skipped without the assets. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../test_assets.h"
#include "mobilenet/image.h"

enum { SKIPPED = 77 };

typedef struct subject {
  const char *model, *pictures, *contract, *goldens;
  int size;
} subject;

static const subject subjects[] = {
    {"deeplabv3_mnv2_pascal_quant", "in_513.u8", NULL, NULL, 513},
    {"deeplabv3_257_mv_float", "in_257.u8", NULL, NULL, 257},
    {"selfie_segmentation", "in_256_selfie.u8", "unit", "selfie.txt", 256},
};

static const char *assets;

static void read_picture(const subject *s, int index, uint8_t *pixels) {
  char path[512];
  size_t bytes = (size_t)s->size * (size_t)s->size * 3;
  snprintf(path, sizeof path, "%s/golden/segment/%s", assets, s->pictures);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s cannot be opened", path);
  assert_int_equal(fseek(file, (long)bytes * index, SEEK_SET), 0);
  assert_int_equal(fread(pixels, 1, bytes, file), bytes);
  fclose(file);
}

/* Samples "index:value" of one picture's line. */
static void expect_samples(const char *line, const float *got) {
  int samples = 0;
  char *end = NULL;
  strtol(line, &end, 10); /* the picture's number */
  for (const char *text = end; *text && *text != '\n'; text = end, samples++) {
    long at = strtol(text, &end, 10);
    assert_int_equal(*end, ':');
    double expected = strtod(end + 1, &end), is = (double)got[at];
    if (!(fabs(is - expected) <= 1e-4)) {
      fail_msg("picture %.1s, pixel %ld: %.9g, expected %.9g", line, at, is, expected);
    }
  }
  assert_int_equal(samples, 64);
}

static void expect_golden(const subject *s, int picture, const float *got) {
  char path[512], line[2048];
  bool found = false;
  snprintf(path, sizeof path, "%s/golden/%s", MN_TEST_DIR, s->goldens);
  FILE *file = fopen(path, "r");
  if (!file) fail_msg("%s cannot be opened", path);
  while (fgets(line, sizeof line, file)) {
    if (line[0] == '#' || atoi(line) != picture) continue;
    expect_samples(line, got);
    found = true;
  }
  fclose(file);
  assert_true(found);
}

typedef struct bench {
  mn_model *model;
  mn_plan *plan;
  mn_session *session;
} bench;

static bench make_bench(const subject *s) {
  bench b = {NULL, NULL, NULL};
  char path[512];
  mn_error err = {0};
  mn_open_options options = {.struct_size = sizeof options, .contract = s->contract};
  snprintf(path, sizeof path, "%s/models/segment/%s.tflite", assets, s->model);
  if (mn_model_open(&b.model, path, &options, &err)) fail_msg("%s", err.text);
  if (mn_plan_new(&b.plan, b.model, NULL, &err)) fail_msg("%s", err.text);
  if (mn_session_new(&b.session, b.plan, NULL, &err)) fail_msg("%s", err.text);
  return b;
}

static void free_bench(bench *b) {
  mn_session_free(b->session);
  mn_plan_free(b->plan);
  mn_model_free(b->model);
}

/* A picture of the input's own size needs no resizing: its mask is the choice among the logits. */
static void expect_mask(const bench *b, const subject *s, uint8_t *mask) {
  mn_error err = {0};
  const mn_mask out = {mask, s->size, s->size, (size_t)s->size};
  mn_tensor_info info;
  mn_plan_output_info(b->plan, 0, &info);
  if (mn_session_mask(b->session, 0, &out, &err)) fail_msg("%s", err.text);
  size_t channels = info.rank == 4 ? (size_t)info.dims[3] : 1;
  const void *data = mn_session_output(b->session, 0);
  for (size_t i = 0; i < (size_t)s->size * (size_t)s->size; i++) {
    const float *logits = (const float *)data + i * channels;
    int64_t expected = 0;
    if (info.type == MN_I64) {
      expected = ((const int64_t *)data)[i];
    } else if (channels == 1) {
      expected = logits[0] >= 0.5f;
    } else {
      for (size_t c = 1; c < channels; c++) {
        if (logits[c] > logits[expected]) expected = (int64_t)c;
      }
    }
    if (mask[i] != expected) fail_msg("%s: pixel %zu is %d", s->model, i, mask[i]);
  }
  mn_status soft = mn_session_alpha(b->session, 0, &out, &err);
  assert_int_equal(soft, channels == 1 && info.type == MN_F32 ? MN_OK : MN_ERR_CONTRACT);
}

static void test_model(void **state) {
  enum { PICTURES = 4 };
  const subject *s = *state;
  size_t pixels = (size_t)s->size * (size_t)s->size;
  uint8_t *picture = malloc(pixels * 3), *mask = malloc(pixels);
  assert_true(picture && mask);
  bench b = make_bench(s);
  assert_int_equal(mn_model_task(b.model), MN_TASK_SEGMENT);
  for (int i = 0; i < PICTURES; i++) {
    mn_error err = {0};
    read_picture(s, i, picture);
    const mn_image image = {picture, s->size, s->size, (size_t)s->size * 3};
    if (mn_session_set_image(b.session, 0, &image, &err)) fail_msg("%s", err.text);
    if (mn_session_run(b.session, &err)) fail_msg("%s", err.text);
    expect_mask(&b, s, mask);
    if (s->goldens) expect_golden(s, i, mn_session_output(b.session, 0));
  }
  free_bench(&b);
  free(picture);
  free(mask);
}

int main(void) {
  enum { COUNT = sizeof subjects / sizeof subjects[0] };
  struct CMUnitTest tests[COUNT];
  assets = test_assets();
  if (!assets) return SKIPPED;
  for (size_t i = 0; i < COUNT; i++) {
    tests[i] = (struct CMUnitTest){subjects[i].model, test_model, NULL, NULL,
                                   (void *)(uintptr_t)&subjects[i]};
  }
  return cmocka_run_group_tests(tests, NULL, NULL);
}
