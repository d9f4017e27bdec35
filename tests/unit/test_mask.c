/* SPDX-License-Identifier: Apache-2.0
 * post/mask against upsampling first and choosing afterwards: equal bytes, ties included; and in
 * double wherever the two best are not within rounding of each other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "post/mask.h"

enum { MOST_OUT = 96, MOST_MAP = 24, MOST_CLASSES = 21 };

typedef struct scene {
  mn_mask_job job;
  float real[MOST_MAP * MOST_MAP * MOST_CLASSES]; /* [h][w][c] */
  int8_t codes[MOST_MAP * MOST_MAP * MOST_CLASSES];
  uint8_t mask[MOST_OUT * (MOST_OUT + 5)];
} scene;

static uint32_t state_of_numbers;
static uint32_t number(uint32_t below) {
  state_of_numbers = state_of_numbers * 1664525u + 1013904223u;
  return (state_of_numbers >> 8) % below;
}

/* Half pixels over a map of `map` for a picture of `out`. */
static mn_mask_axis axis(int32_t map, int32_t out) {
  double step = (double)map / out;
  return (mn_mask_axis){step, 0.5 * step - 0.5, -0.5, map - 0.5};
}

static mn_mask_axis aligned_axis(int32_t map, int32_t out) {
  return (mn_mask_axis){out > 1 ? (double)(map - 1) / (out - 1) : 0, 0, -0.5, map - 0.5};
}

/* Logits of few different values, so that there are ties everywhere. */
static void start(scene *s, mn_type type, const int32_t map[3], const int32_t out[2]) {
  memset(s, 0, sizeof *s);
  size_t count = (size_t)map[0] * (size_t)map[1] * (size_t)map[2];
  s->job.map = (mn_mask_map){s->real, type, map[0], map[1], map[2], 0.25f, -3};
  for (size_t i = 0; i < count; i++) {
    s->codes[i] = (int8_t)(number(9) - 4);
    s->real[i] = type == MN_F32 && number(4) ? (float)number(1u << 20) / (1 << 20)
                                             : 0.25f * (float)(s->codes[i] + 3);
  }
  if (type != MN_F32) {
    for (size_t i = 0; i < count; i++) s->real[i] = 0.25f * (float)(s->codes[i] + 3);
    s->job.map.data = s->codes;
  }
  s->job.y = axis(map[0], out[0]);
  s->job.x = axis(map[1], out[1]);
  s->job.out = (mn_mask){s->mask, out[1], out[0], (size_t)out[1] + 5};
}

typedef struct place {
  int32_t lower, upper;
  float weight;
  double exact; /* the same, not rounded */
} place;

static place place_of(const mn_mask_axis *a, int32_t i, int32_t extent) {
  double at = i * a->scale + a->offset;
  at = at < 0 ? 0 : at > extent - 1 ? extent - 1 : at;
  place p = {.lower = (int32_t)floor(at)};
  p.upper = p.lower + 1 < extent ? p.lower + 1 : p.lower;
  p.exact = at - p.lower;
  p.weight = (float)p.exact;
  return p;
}

static float logit(const scene *s, int32_t y, int32_t x, int32_t c) {
  const mn_mask_map *map = &s->job.map;
  return s->real[(y * map->width + x) * map->channels + c];
}

/* Upsamples all logits to [out_h][out_w][c], in float and in double. */
static void upsample(const scene *s, float *single, double *wide) {
  const mn_mask_map *map = &s->job.map;
  for (int32_t i = 0; i < s->job.out.height * s->job.out.width; i++) {
    place y = place_of(&s->job.y, i / s->job.out.width, map->height);
    place x = place_of(&s->job.x, i % s->job.out.width, map->width);
    for (int32_t c = 0; c < map->channels; c++, single++, wide++) {
      float a = logit(s, y.lower, x.lower, c), b = logit(s, y.upper, x.lower, c);
      float d = logit(s, y.lower, x.upper, c), e = logit(s, y.upper, x.upper, c);
      float left = a * (1 - y.weight) + b * y.weight, right = d * (1 - y.weight) + e * y.weight;
      *single = left * (1 - x.weight) + right * x.weight;
      double near = (double)a * (1 - y.exact) + (double)b * y.exact;
      double far = (double)d * (1 - y.exact) + (double)e * y.exact;
      *wide = near * (1 - x.exact) + far * x.exact;
    }
  }
}

static void expect_unfused(const scene *s) {
  static float single[MOST_OUT * MOST_OUT * MOST_CLASSES];
  static double wide[MOST_OUT * MOST_OUT * MOST_CLASSES];
  mn_error err = {0};
  if (mn_mask_classes(&s->job, &err)) fail_msg("%s", err.text);
  upsample(s, single, wide);
  int32_t channels = s->job.map.channels, width = s->job.out.width;
  for (int32_t i = 0; i < s->job.out.height * width; i++) {
    const float *v = single + i * channels;
    const double *w = wide + i * channels;
    int32_t best = 0, sure = 0;
    for (int32_t c = 1; c < channels; c++) {
      if (v[c] > v[best]) best = c;
      if (w[c] > w[sure]) sure = c;
    }
    int got = s->mask[(size_t)(i / width) * s->job.out.stride + (size_t)(i % width)];
    assert_int_equal(got, best);
    assert_true(w[sure] - w[got] < 1e-6);
  }
}

static void fused_is_unfused(void **state) {
  (void)state;
  static const int32_t maps[][3] = {{9, 7, 21}, {1, 1, 5}, {24, 24, 3}, {2, 13, 2}, {5, 1, 21}};
  static const int32_t outs[][2] = {{40, 61}, {9, 7}, {1, 1}, {3, 5}, {96, 96}};
  static const mn_type types[] = {MN_F32, MN_I8};
  state_of_numbers = 7;
  for (size_t i = 0; i < 50; i++) {
    static scene s;
    start(&s, types[i % 2], maps[i / 2 % 5], outs[i / 10]);
    expect_unfused(&s);
    s.job.x = aligned_axis(s.job.map.width, s.job.out.width);
    s.job.y = aligned_axis(s.job.map.height, s.job.out.height);
    expect_unfused(&s);
  }
}

static void every_tie_goes_to_the_lowest_class(void **state) {
  (void)state;
  static scene s;
  mn_error err = {0};
  start(&s, MN_F32, (int32_t[]){4, 4, 6}, (int32_t[]){31, 17});
  for (int i = 0; i < 4 * 4 * 6; i++) s.real[i] = i % 6 < 2 ? -1.0f : 0.3f;
  assert_int_equal(mn_mask_classes(&s.job, &err), MN_OK);
  for (size_t i = 0; i < 31; i++) assert_int_equal(s.mask[i * s.job.out.stride + 3], 2);
}

static void what_is_not_a_number_never_wins(void **state) {
  (void)state;
  static scene s;
  mn_error err = {0};
  start(&s, MN_F32, (int32_t[]){3, 3, 3}, (int32_t[]){3, 3});
  for (int i = 0; i < 27; i++) s.real[i] = i % 3 == 0 ? NAN : i % 3 == 1 ? -5.0f : -9.0f;
  assert_int_equal(mn_mask_classes(&s.job, &err), MN_OK);
  assert_int_equal(s.mask[0], 1);
}

static void what_was_not_seen_is_outside(void **state) {
  (void)state;
  static scene s;
  mn_error err = {0};
  start(&s, MN_F32, (int32_t[]){4, 4, 2}, (int32_t[]){8, 8});
  for (int i = 0; i < 32; i++) s.real[i] = (float)(i % 2);
  s.job.outside = 255;
  s.job.x = (mn_mask_axis){1, -2, -0.5, 3.5}; /* picture columns 2 to 5 */
  assert_int_equal(mn_mask_classes(&s.job, &err), MN_OK);
  static const uint8_t row[8] = {255, 255, 1, 1, 1, 1, 255, 255};
  for (size_t y = 0; y < 8; y++) assert_memory_equal(s.mask + y * s.job.out.stride, row, 8);
  s.job.y = (mn_mask_axis){1, -7, -0.5, 3.5};
  assert_int_equal(mn_mask_classes(&s.job, &err), MN_OK);
  assert_int_equal(s.mask[6 * s.job.out.stride + 4], 255);
  assert_int_equal(s.mask[7 * s.job.out.stride + 4], 1);
}

static void classes_are_taken_from_the_nearest(void **state) {
  (void)state;
  static const int64_t wide[4] = {3, 1, -1, 300};
  static const int32_t narrow[4] = {3, 1, -1, 300};
  static const uint8_t expected[4][4] = {{3, 3, 1, 1}, {3, 3, 1, 1}, {9, 9, 9, 9}, {9, 9, 9, 9}};
  for (int i = 0; i < 2; i++) {
    static scene s;
    mn_error err = {0};
    start(&s, MN_F32, (int32_t[]){2, 2, 1}, (int32_t[]){4, 4});
    s.job.map.type = i ? MN_I32 : MN_I64;
    s.job.map.data = i ? (const void *)narrow : (const void *)wide;
    s.job.outside = 9; /* what no byte can say, too */
    assert_int_equal(mn_mask_classes(&s.job, &err), MN_OK);
    for (size_t y = 0; y < 4; y++) {
      assert_memory_equal(s.mask + y * s.job.out.stride, expected[y], 4);
    }
  }
}

static void binary_masks_are_soft(void **state) {
  (void)state;
  static scene s;
  mn_error err = {0};
  static const uint8_t soft[4] = {0, 64, 191, 255}, hard[4] = {0, 0, 1, 1};
  start(&s, MN_F32, (int32_t[]){1, 2, 1}, (int32_t[]){1, 4});
  s.real[0] = 0;
  s.real[1] = 1;
  assert_int_equal(mn_mask_alpha(&s.job, &err), MN_OK);
  assert_memory_equal(s.mask, soft, 4);
  assert_int_equal(mn_mask_classes(&s.job, &err), MN_OK);
  assert_memory_equal(s.mask, hard, 4);
  s.real[0] = -3;
  s.real[1] = 2;
  s.job.score = MN_SCORE_SIGMOID; /* of the interpolated logit: -3, -1.75, 0.75, 2 */
  assert_int_equal(mn_mask_alpha(&s.job, &err), MN_OK);
  for (int i = 0; i < 4; i++) {
    static const double logits[4] = {-3, -1.75, 0.75, 2};
    assert_int_equal(s.mask[i], lrint(255 / (1 + exp(-logits[i]))));
  }
  start(&s, MN_F32, (int32_t[]){1, 1, 2}, (int32_t[]){1, 1});
  s.real[0] = 1;
  s.real[1] = 1.5f;
  s.job.score = MN_SCORE_SOFTMAX; /* of two logits */
  assert_int_equal(mn_mask_alpha(&s.job, &err), MN_OK);
  assert_int_equal(s.mask[0], lrint(255 / (1 + exp(-0.5))));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fused_is_unfused),
      cmocka_unit_test(every_tie_goes_to_the_lowest_class),
      cmocka_unit_test(what_is_not_a_number_never_wins),
      cmocka_unit_test(what_was_not_seen_is_outside),
      cmocka_unit_test(classes_are_taken_from_the_nearest),
      cmocka_unit_test(binary_masks_are_soft),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
