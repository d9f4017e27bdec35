/* SPDX-License-Identifier: Apache-2.0
 * That pixels, masks and boxes stay together: a red rectangle on black goes through every kind of
 * view, and box and mask must lie around what is red after it. Then what each random crop promises,
 * by its own definition. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/augment.h"

static mn_workspace space;

/* ---- A red rectangle ------------------------------------------------------------------------ */

typedef struct scene {
  mn_size size;
  mn_box box; /* the rectangle, at whole pixels */
  uint8_t *pixels, *mask;
} scene;

static scene draw_scene(mn_rng *rng) {
  scene s = {.size = {40 + (int32_t)mn_rng_below(rng, 90), 40 + (int32_t)mn_rng_below(rng, 90)}};
  const size_t count = (size_t)s.size.width * (size_t)s.size.height;
  const int width = 14 + (int)mn_rng_below(rng, (uint32_t)s.size.width - 16);
  const int height = 14 + (int)mn_rng_below(rng, (uint32_t)s.size.height - 16);
  const int x = (int)mn_rng_below(rng, (uint32_t)(s.size.width - width));
  const int y = (int)mn_rng_below(rng, (uint32_t)(s.size.height - height));
  s.pixels = calloc(count, 3);
  s.mask = calloc(count, 1);
  assert_true(s.pixels && s.mask);
  for (int i = y; i < y + height; ++i) {
    for (int j = x; j < x + width; ++j) {
      s.pixels[(i * s.size.width + j) * 3] = 255;
      s.mask[i * s.size.width + j] = 1;
    }
  }
  s.box = (mn_box){.class_index = 3, .box = {x, y, x + width, y + height}};
  return s;
}

static void free_scene(scene *s) {
  free(s->pixels);
  free(s->mask);
}

/* The smallest box around bytes of at least `least`, `step` bytes from one to the next. */
static bool around(const uint8_t *bytes, size_t step, mn_size size, int least, int most,
                   double box[4]) {
  box[0] = box[1] = 1e9;
  box[2] = box[3] = -1e9;
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const int v = bytes[(size_t)(y * size.width + x) * step];
      if (v < least || v > most) continue;
      box[0] = fmin(box[0], x);
      box[1] = fmin(box[1], y);
      box[2] = fmax(box[2], x + 1);
      box[3] = fmax(box[3], y + 1);
    }
  }
  return box[2] > box[0];
}

static void expect_near(const char *what, const double a[4], const double b[4], double most) {
  for (int c = 0; c < 4; ++c) {
    if (fabs(a[c] - b[c]) <= most) continue;
    fail_msg("%s: %g %g %g %g, but the box is %g %g %g %g", what, a[0], a[1], a[2], a[3], b[0],
             b[1], b[2], b[3]);
  }
}

/* Within a pixel: an edge half way through one is rounded. Where the picture is made smaller a
 * method without antialiasing may miss up to a source pixel too, which is less. */
static int follow_rectangle(const mn_augment *a, const mn_contract *contract, uint64_t trial) {
  mn_rng rng = mn_rng_at(9, MN_RNG_ORDER, 0, trial), draws = mn_rng_at(9, MN_RNG_AUGMENT, 1, trial);
  scene s = draw_scene(&rng);
  const mn_size input = {33 + (int)mn_rng_below(&rng, 60), 33 + (int)mn_rng_below(&rng, 60)};
  static uint8_t pixels[96 * 96 * 3], classes[96 * 96];
  mn_augment_target target = {{pixels, input.width, input.height},
                              {classes, input.width, input.height}};
  mn_sample sample = {.picture = {s.pixels, s.size.width, s.size.height, (size_t)s.size.width * 3},
                      .mask = s.mask,
                      .boxes = &s.box,
                      .box_count = 1};
  mn_error err;
  if (mn_augment_run(a, contract, &draws, &sample, &space, &target, &err)) fail_msg("%s", err.text);
  double red[4], class_one[4];
  const bool shown = around(pixels, 3, input, 128, 255, red);
  const bool masked = around(classes, 1, input, 1, 1, class_one);
  if (sample.box_count) {
    assert_true(shown && masked);
    assert_int_equal(s.box.class_index, 3);
    const double *b = s.box.box;
    assert_true(fabs(s.box.area - (b[2] - b[0]) * (b[3] - b[1])) < 1e-9);
    assert_true(b[0] >= 0 && b[1] >= 0 && b[2] <= input.width && b[3] <= input.height);
    expect_near("red", red, b, 1.001);
    expect_near("mask", class_one, b, 1.001);
  } else if (shown && masked) {
    expect_near("mask", class_one, red, 1.001);
  }
  free_scene(&s);
  return sample.box_count;
}

static void pixels_masks_and_boxes_stay_together(void **state) {
  (void)state;
  const mn_augment kinds[] = {
      {.crop = MN_CROP_NONE, .flip = 0.5},
      {.crop = MN_CROP_INCEPTION, .area = {0.3, 1}, .aspect = {0.75, 1.33}, .flip = 0.5},
      {.crop = MN_CROP_PADDED, .padding = 9, .flip = 0.5},
      {.crop = MN_CROP_JITTER, .scale = {0.5, 2}, .flip = 0.5},
      {.crop = MN_CROP_SSD, .ssd = {1, {0.3, 1}}, .flip = 0.5},
      {.crop = MN_CROP_SSD, .ssd = {2, {0.3, 1}}, .flip = 0.5},
  };
  static const mn_fit fits[] = {MN_FIT_CROP_THEN_RESIZE, MN_FIT_RESIZE_THEN_CROP, MN_FIT_STRETCH,
                                MN_FIT_LETTERBOX};
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; ++k) {
    int kept = 0;
    assert_int_equal(mn_augment_check(&kinds[k], NULL), MN_OK);
    for (uint64_t trial = 0; trial < 400; ++trial) {
      mn_contract contract;
      mn_contract_default(&contract);
      contract.input.fit = fits[trial % 4];
      contract.input.short_side = 64;
      contract.input.resize = trial % 8 < 4 ? MN_RESIZE_PILLOW_BILINEAR : MN_RESIZE_OPENCV_LINEAR;
      kept += follow_rectangle(&kinds[k], &contract, trial);
    }
    assert_true(kept > 200); /* the test has looked at boxes */
  }
}

static void boxes_that_are_cut_away_go(void **state) {
  (void)state;
  const mn_placement view = {
      .crop = {10, 10, 20, 20}, .resized = {40, 40}, .window = {0, 0, 40, 40}};
  mn_box boxes[] = {{.box = {12, 12, 16, 18}}, /* inside */
                    {.box = {0, 12, 18, 20}},  /* its centre is left of the view */
                    {.box = {4, 4, 40, 40}},   /* around the view */
                    {.box = {40, 12, 50, 20}}, /* outside */
                    {.box = {20, 20, 29, 60}}};
  static const double expected[2][4] = {{4, 4, 12, 16}, {0, 0, 40, 40}};
  assert_int_equal(mn_view_boxes(&view, boxes, 5), 2);
  for (int i = 0; i < 2; ++i) expect_near("kept", boxes[i].box, expected[i], 1e-9);
  mn_flip_boxes(boxes, 1, 40);
  static const double flipped[4] = {28, 4, 36, 16};
  expect_near("flipped", boxes[0].box, flipped, 1e-9);
}

/* ---- What each crop promises ---------------------------------------------------------------- */

static void inception_crops_have_their_areas_and_aspects(void **state) {
  (void)state;
  const mn_size picture = {300, 200}, input = {96, 64};
  double least = 1, most = 0;
  for (uint64_t i = 0; i < 3000; ++i) {
    mn_rng rng = mn_rng_at(3, MN_RNG_AUGMENT, 0, i);
    const mn_placement p =
        mn_crop_inception(&rng, picture, input, (mn_range){0.08, 1}, (mn_range){3.0 / 4, 4.0 / 3});
    const mn_rect c = p.crop;
    assert_true(c.x >= 0 && c.y >= 0 && c.x + c.width <= 300 && c.y + c.height <= 200);
    assert_true(p.resized.width == 96 && p.resized.height == 64 && p.window.width == 96);
    const double area = c.width * c.height / 60000.0, aspect = (double)c.width / c.height;
    least = fmin(least, area);
    most = fmax(most, area);
    assert_true(aspect > 0.73 && aspect < 1.37); /* rounded to pixels */
  }
  assert_true(least > 0.07 && least < 0.09 && most > 0.8);
}

/* No crop of at least 8 % has a permitted aspect: the central one, as torchvision rounds it. */
static void thin_pictures_are_cut_in_their_middle(void **state) {
  (void)state;
  static const struct {
    mn_size picture;
    mn_rect crop;
  } cases[] = {{{1000, 10}, {493, 0, 13, 10}},
               {{10, 1000}, {0, 493, 10, 13}},
               {{400, 1}, {199, 0, 1, 1}},
               {{1, 400}, {0, 199, 1, 1}}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    mn_rng rng = mn_rng_at(3, MN_RNG_AUGMENT, 0, i);
    const mn_placement p = mn_crop_inception(&rng, cases[i].picture, (mn_size){32, 32},
                                             (mn_range){0.08, 1}, (mn_range){3.0 / 4, 4.0 / 3});
    assert_memory_equal(&p.crop, &cases[i].crop, sizeof p.crop);
  }
}

/* A picture of 8 x 8 numbers, 3 pixels around it: every one of 49 crops occurs, and is one. */
static void padded_crops_are_all_there(void **state) {
  (void)state;
  uint8_t pixels[8 * 8 * 3], out[8 * 8 * 3];
  int seen[7][7] = {{0}};
  for (int i = 0; i < 192; ++i) pixels[i] = (uint8_t)(i / 3 + 1);
  const mn_placement fit = {.crop = {0, 0, 8, 8}, .resized = {8, 8}, .window = {0, 0, 8, 8}};
  const mn_view_paint paint = {.fill = {0, 0, 0}};
  const mn_image picture = {pixels, 8, 8, 24};
  for (uint64_t i = 0; i < 4900; ++i) {
    mn_rng rng = mn_rng_at(3, MN_RNG_AUGMENT, 0, i);
    const mn_placement p = mn_crop_padded(&rng, &fit, (mn_size){8, 8}, 3);
    const int dx = p.x - p.window.x, dy = p.y - p.window.y;
    mn_canvas canvas = {out, 8, 8};
    assert_int_equal(mn_view_picture(&p, &picture, &paint, &space, &canvas, NULL), MN_OK);
    for (int y = 0; y < 8; ++y) {
      for (int x = 0; x < 8; ++x) {
        const int sx = x - dx, sy = y - dy;
        const bool inside = sx >= 0 && sx < 8 && sy >= 0 && sy < 8;
        assert_int_equal(out[(y * 8 + x) * 3 + 1], inside ? sy * 8 + sx + 1 : 0);
      }
    }
    seen[dy + 3][dx + 3]++;
  }
  for (int i = 0; i < 49; ++i) assert_in_range(seen[i / 7][i % 7], 50, 160);
}

static void jitter_shows_a_part_or_all_of_a_picture(void **state) {
  (void)state;
  const mn_size picture = {100, 50}, input = {64, 64};
  int smaller = 0, larger = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    mn_rng rng = mn_rng_at(3, MN_RNG_AUGMENT, 0, i);
    const mn_placement p = mn_crop_jitter(&rng, picture, input, (mn_range){0.5, 2});
    const double by = p.resized.height / 50.0;
    assert_true(p.resized.height >= 32 && p.resized.height <= 128);
    assert_true(fabs(p.resized.width - 100 * by) <= 1);
    assert_true(p.window.x + p.window.width <= p.resized.width && p.x + p.window.width <= 64);
    assert_true(p.window.y + p.window.height <= p.resized.height && p.y + p.window.height <= 64);
    smaller += p.resized.height < 64;
    larger += p.resized.height > 64;
  }
  assert_in_range(smaller, 250, 420); /* a third */
  assert_true(larger > 600);
}

static double overlap(const double a[4], const double b[4]) {
  const double w = fmin(a[2], b[2]) - fmax(a[0], b[0]), h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
  const double both = w > 0 && h > 0 ? w * h : 0;
  return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}

/* One box: its centre is always shown. A sixth of the cuts each asks for 0.9, 0.7, ... */
static void ssd_crops_show_a_box(void **state) {
  (void)state;
  const mn_size picture = {200, 160}, input = {64, 64};
  const mn_crop_ssd_rule rule = {1, {0.3, 1}};
  const mn_box box = {.box = {60, 40, 160, 140}};
  int whole = 0, at_least[2] = {0};
  for (uint64_t i = 0; i < 2000; ++i) {
    mn_rng rng = mn_rng_at(3, MN_RNG_AUGMENT, 0, i);
    const mn_placement p = mn_crop_ssd(&rng, picture, input, &rule, &box, 1);
    const mn_rect c = p.crop;
    const double crop[4] = {c.x, c.y, c.x + c.width, c.y + c.height};
    const bool all = c.width == 200 && c.height == 160;
    whole += all;
    mn_box seen = box;
    assert_int_equal(mn_view_boxes(&p, &seen, 1), 1);
    if (all) continue;
    assert_true(c.width <= 2 * c.height && c.height <= 2 * c.width);
    assert_true(c.width >= 59 && c.height >= 47);
    for (int k = 0; k < 2; ++k) at_least[k] += overlap(crop, box.box) >= 0.5 + 0.2 * k;
  }
  assert_in_range(whole, 200, 500);
  assert_true(at_least[0] > 700 && at_least[1] > 120); /* of 0, that is 300 and 30 */
  mn_rng rng = mn_rng_at(3, MN_RNG_AUGMENT, 0, 0);
  const mn_placement p = mn_crop_ssd(&rng, picture, input, &rule, NULL, 0);
  assert_int_equal(p.crop.width, 200);
}

static void zooming_out_makes_pictures_smaller(void **state) {
  (void)state;
  const mn_size picture = {200, 160}, input = {64, 64};
  const mn_crop_ssd_rule rule = {4, {1, 1}};
  const mn_box box = {.box = {0, 0, 200, 160}};
  int smaller = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    mn_rng rng = mn_rng_at(3, MN_RNG_AUGMENT, 0, i);
    const mn_placement p = mn_crop_ssd(&rng, picture, input, &rule, &box, 1);
    mn_box seen = box;
    assert_int_equal(mn_view_boxes(&p, &seen, 1), 1);
    assert_true(p.resized.width >= 15 && p.x + p.resized.width <= 64);
    smaller += p.resized.width < 64;
  }
  assert_in_range(smaller, 430, 570);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pixels_masks_and_boxes_stay_together),
      cmocka_unit_test(boxes_that_are_cut_away_go),
      cmocka_unit_test(inception_crops_have_their_areas_and_aspects),
      cmocka_unit_test(thin_pictures_are_cut_in_their_middle),
      cmocka_unit_test(padded_crops_are_all_there),
      cmocka_unit_test(jitter_shows_a_part_or_all_of_a_picture),
      cmocka_unit_test(ssd_crops_show_a_box),
      cmocka_unit_test(zooming_out_makes_pictures_smaller),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  mn_workspace_free(&space);
  return failed;
}
