/* SPDX-License-Identifier: Apache-2.0
 * Input tensors against hashes made with Pillow and numpy (tests/oracle/preprocess_goldens.py):
 * every fit, pixel order, map and tensor type; then the scratch bound over many picture sizes, and
 * what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/preprocess.h"

enum { GUARD = 64 };

typedef struct golden {
  char fit[24], method[16], order[8], kind[16];
  int width, height, out_height, out_width;
  unsigned seed;
  unsigned long long hash;
} golden;

static uint8_t *make_picture(int width, int height, uint32_t seed) {
  size_t size = (size_t)width * (size_t)height * 3;
  uint8_t *pixels = malloc(size);
  uint32_t state = seed;
  for (size_t i = 0; i < size; ++i) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    pixels[i] = (uint8_t)(state >> 24);
  }
  return pixels;
}

static unsigned long long fnv(const uint8_t *bytes, size_t size) {
  unsigned long long value = 0xcbf29ce484222325u;
  for (size_t i = 0; i < size; ++i) value = (value ^ bytes[i]) * 0x100000001b3u;
  return value;
}

static void set_fit(mn_contract *c, const char *name) {
  if (!strcmp(name, "whole")) {
    c->input.crop_fraction = 1;
  } else if (!strcmp(name, "resize_then_crop") || !strcmp(name, "resize_small")) {
    c->input.fit = MN_FIT_RESIZE_THEN_CROP;
    c->input.short_side = !strcmp(name, "resize_small") ? 20 : 40;
  } else if (!strcmp(name, "stretch")) {
    c->input.fit = MN_FIT_STRETCH;
  } else if (!strcmp(name, "letterbox")) {
    c->input.fit = MN_FIT_LETTERBOX;
    c->input.pad_value = 114;
  } else {
    assert_string_equal(name, "crop_then_resize");
  }
}

static void set_kind(mn_contract *c, mn_preprocess_target *target, const char *kind) {
  static const double mean[3] = {0.485, 0.456, 0.406}, deviation[3] = {0.229, 0.224, 0.225};
  if (!strcmp(kind, "u8")) {
    target->type = MN_U8;
  } else if (!strcmp(kind, "minus128")) {
    target->type = MN_I8;
    c->input.map = MN_MAP_MINUS128;
  } else {
    c->input.map = MN_MAP_AFFINE;
    for (int i = 0; i < 3; ++i) {
      c->input.scale[i] = 1 / (deviation[i] * 255);
      c->input.offset[i] = -mean[i] / deviation[i];
    }
    bool u8 = !strcmp(kind, "affine_u8");
    target->type = !strcmp(kind, "f32") ? MN_F32 : u8 ? MN_U8 : MN_I8;
    target->scale = 0.02f;
    target->zero_point = u8 ? 110 : -20;
  }
}

static mn_contract plain_contract(void) {
  mn_contract c;
  memset(&c, 0, sizeof c);
  c.input.crop_fraction = 0.875;
  return c;
}

static mn_status prepare(mn_preprocess *pp, const golden *g, mn_error *err) {
  mn_contract c = plain_contract();
  mn_preprocess_target target = {.height = g->out_height, .width = g->out_width, .channels = 3};
  set_fit(&c, g->fit);
  set_kind(&c, &target, g->kind);
  c.input.resize = MN_RESIZE_PILLOW_BILINEAR;
  if (!strcmp(g->method, "bicubic")) c.input.resize = MN_RESIZE_PILLOW_BICUBIC;
  if (!strcmp(g->method, "opencv")) c.input.resize = MN_RESIZE_OPENCV_LINEAR;
  if (!strcmp(g->order, "bgr")) c.input.order = MN_PIXELS_BGR;
  if (!strcmp(g->order, "gray")) {
    c.input.order = MN_PIXELS_GRAY;
    target.channels = 1;
  }
  target.max_image_width = 300;
  target.max_image_height = 200;
  return mn_preprocess_init(pp, &c, &target, err);
}

static void check_golden(const golden *g) {
  mn_preprocess pp;
  mn_error err;
  if (prepare(&pp, g, &err)) fail_msg("%s", err.text);
  uint8_t *pixels = make_picture(g->width, g->height, g->seed);
  mn_image image = {pixels, g->width, g->height, (size_t)g->width * 3};
  uint8_t *scratch = malloc(pp.scratch_bytes + GUARD), *tensor = malloc(pp.tensor_bytes + GUARD);
  memset(scratch, 0x5a, pp.scratch_bytes + GUARD);
  memset(tensor, 0x5a, pp.tensor_bytes + GUARD);
  if (mn_preprocess_run(&pp, &image, scratch, tensor, &err)) fail_msg("%s", err.text);
  for (int i = 0; i < GUARD; ++i) {
    assert_int_equal(scratch[pp.scratch_bytes + (size_t)i], 0x5a);
    assert_int_equal(tensor[pp.tensor_bytes + (size_t)i], 0x5a);
  }
  if (fnv(tensor, pp.tensor_bytes) != g->hash) {
    fail_msg("%s %s %s %s, %d x %d to %d x %d differs", g->fit, g->method, g->order, g->kind,
             g->width, g->height, g->out_width, g->out_height);
  }
  free(tensor);
  free(scratch);
  free(pixels);
}

static void equals_goldens(void **state) {
  (void)state;
  FILE *file = fopen(MN_TEST_DIR "/golden/preprocess.txt", "r");
  assert_non_null(file);
  char line[200];
  int count = 0;
  while (fgets(line, sizeof line, file)) {
    if (line[0] == '#') continue;
    golden g;
    int got = sscanf(line, "%23s %15s %7s %15s %d %d %d %d %u %llx", g.fit, g.method, g.order,
                     g.kind, &g.width, &g.height, &g.out_height, &g.out_width, &g.seed, &g.hash);
    assert_int_equal(got, 10);
    check_golden(&g);
    ++count;
  }
  fclose(file);
  assert_int_equal(count, 360);
}

/* mn_preprocess_run refuses when a picture would need more than was promised. */
static void the_scratch_bound_holds_for_every_picture(void **state) {
  (void)state;
  static const char *const fits[] = {"crop_then_resize", "resize_then_crop", "stretch",
                                     "letterbox"};
  enum { MOST = 61 };
  uint8_t *pixels = make_picture(MOST, MOST, 9);
  for (size_t f = 0; f < 4; ++f) {
    golden g = {.method = "bilinear", .order = "rgb", .kind = "u8", .out_height = 3};
    snprintf(g.fit, sizeof g.fit, "%s", fits[f]);
    for (g.out_width = 1; g.out_width <= 5; g.out_width += 2) {
      mn_preprocess pp;
      mn_error err;
      assert_int_equal(prepare(&pp, &g, &err), MN_OK);
      mn_contract c = plain_contract();
      set_fit(&c, fits[f]);
      mn_preprocess_target target = {.height = 3,
                                     .width = g.out_width,
                                     .channels = 3,
                                     .type = MN_U8,
                                     .max_image_width = MOST,
                                     .max_image_height = MOST};
      assert_int_equal(mn_preprocess_init(&pp, &c, &target, &err), MN_OK);
      void *scratch = malloc(pp.scratch_bytes), *tensor = malloc(pp.tensor_bytes);
      for (int32_t w = 1; w <= MOST; ++w) {
        for (int32_t h = 1; h <= MOST; ++h) {
          mn_image image = {pixels, w, h, (size_t)w * 3};
          if (mn_preprocess_run(&pp, &image, scratch, tensor, &err)) {
            fail_msg("%s, %d x %d to %d x 3: %s", fits[f], w, h, g.out_width, err.text);
          }
        }
      }
      free(tensor);
      free(scratch);
    }
  }
  free(pixels);
}

static void the_default_scratch_is_small(void **state) {
  (void)state;
  mn_contract c = plain_contract();
  mn_preprocess_target target = {.height = 224, .width = 224, .channels = 3, .type = MN_U8};
  mn_preprocess pp;
  assert_int_equal(mn_preprocess_init(&pp, &c, &target, NULL), MN_OK);
  assert_true(pp.scratch_bytes < 300 * 1024);
  c.input.fit = MN_FIT_LETTERBOX;
  c.input.resize = MN_RESIZE_PILLOW_BICUBIC;
  assert_int_equal(mn_preprocess_init(&pp, &c, &target, NULL), MN_OK);
  assert_true(pp.scratch_bytes < 800 * 1024);
}

static mn_status try(const mn_contract *c, mn_type type, int32_t channels, mn_error *err) {
  mn_preprocess_target target = {.height = 8, .width = 8, .channels = channels, .type = type};
  mn_preprocess pp;
  return mn_preprocess_init(&pp, c, &target, err);
}

static void what_does_not_go_together_is_refused(void **state) {
  (void)state;
  mn_error err;
  mn_contract c = plain_contract();
  assert_int_equal(try(&c, MN_U8, 3, &err), MN_OK);
  assert_int_equal(try(&c, MN_F32, 3, &err), MN_ERR_CONTRACT);
  assert_non_null(strstr(err.text, "identity_u8"));
  assert_int_equal(try(&c, MN_I8, 3, &err), MN_ERR_CONTRACT);
  assert_int_equal(try(&c, MN_U8, 1, &err), MN_ERR_CONTRACT);
  assert_int_equal(try(&c, MN_U8, 4, &err), MN_ERR_CONTRACT);
  c.input.order = MN_PIXELS_GRAY;
  assert_int_equal(try(&c, MN_U8, 1, &err), MN_OK);
  assert_int_equal(try(&c, MN_U8, 3, &err), MN_ERR_CONTRACT);
  c = plain_contract();
  c.input.map = MN_MAP_AFFINE;
  assert_int_equal(try(&c, MN_F32, 3, &err), MN_OK);
  assert_int_equal(try(&c, MN_I8, 3, &err), MN_ERR_CONTRACT);
  assert_int_equal(try(&c, MN_I32, 3, &err), MN_ERR_CONTRACT);
  c = plain_contract();
  c.input.crop_fraction = 1.5;
  assert_int_equal(try(&c, MN_U8, 3, &err), MN_ERR_CONTRACT);
  c = plain_contract();
  c.input.fit = MN_FIT_RESIZE_THEN_CROP;
  assert_int_equal(try(&c, MN_U8, 3, &err), MN_ERR_CONTRACT);
  c.input.fit = MN_FIT_LETTERBOX;
  c.input.pad_value = 256;
  assert_int_equal(try(&c, MN_U8, 3, &err), MN_ERR_CONTRACT);
}

static void pictures_beyond_the_plan_are_refused(void **state) {
  (void)state;
  golden g = {"stretch", "bilinear", "rgb", "u8", 0, 0, 4, 4, 0, 0};
  mn_preprocess pp;
  mn_error err;
  assert_int_equal(prepare(&pp, &g, &err), MN_OK);
  void *scratch = malloc(pp.scratch_bytes), *tensor = malloc(pp.tensor_bytes);
  uint8_t *pixels = make_picture(301, 1, 1);
  mn_image wide = {pixels, 301, 1, 903}, empty = {pixels, 0, 1, 903}, slim = {pixels, 300, 1, 899};
  assert_int_equal(mn_preprocess_run(&pp, &wide, scratch, tensor, &err), MN_ERR_LIMIT);
  assert_non_null(strstr(err.text, "max_image_width"));
  assert_int_equal(mn_preprocess_run(&pp, &empty, scratch, tensor, &err), MN_ERR_ARGUMENT);
  assert_int_equal(mn_preprocess_run(&pp, &slim, scratch, tensor, &err), MN_ERR_ARGUMENT);
  assert_int_equal(mn_preprocess_run(&pp, NULL, scratch, tensor, &err), MN_ERR_ARGUMENT);
  free(pixels);
  free(tensor);
  free(scratch);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equals_goldens),
      cmocka_unit_test(the_scratch_bound_holds_for_every_picture),
      cmocka_unit_test(the_default_scratch_is_small),
      cmocka_unit_test(what_does_not_go_together_is_refused),
      cmocka_unit_test(pictures_beyond_the_plan_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
