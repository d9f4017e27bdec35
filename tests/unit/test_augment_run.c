/* SPDX-License-Identifier: Apache-2.0
 * The whole of an augmentation: the same bytes for the same place in the stream, every part seen to
 * work as often as it should, and what is refused. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../made_picture.h"
#include "train/augment.h"
#include "train/rand_augment.h"
#include "train/targets.h"

enum { W = 40, H = 30, BYTES = W * H * 3 };

static mn_workspace space;
static mn_error err;

static const mn_augment everything = {.crop = MN_CROP_INCEPTION,
                                      .area = {0.08, 1},
                                      .aspect = {0.75, 1.34},
                                      .flip = 0.5,
                                      .rand_ops = 2,
                                      .rand_magnitude = 9,
                                      .brightness = 0.4,
                                      .contrast = 0.4,
                                      .saturation = 0.4,
                                      .hue = 0.1,
                                      .erase = 0.3,
                                      .erase_area = {0.02, 0.33},
                                      .erase_aspect = {0.3, 3.3},
                                      .fill = {124, 116, 104}};

/* The picture that an epoch makes of picture `index`, into `out`. */
static void run(const mn_augment *a, const uint8_t *pixels, uint32_t epoch, uint64_t index,
                uint8_t out[BYTES]) {
  mn_contract contract;
  mn_contract_default(&contract);
  contract.input.crop_fraction = 1;
  mn_rng rng = mn_rng_at(11, MN_RNG_AUGMENT, epoch, index);
  mn_sample sample = {.picture = {pixels, W, H, W * 3}};
  mn_augment_target target = {.canvas = {out, W, H}};
  if (mn_augment_run(a, &contract, &rng, &sample, &space, &target, &err)) fail_msg("%s", err.text);
}

static void the_same_place_gives_the_same_bytes(void **state) {
  (void)state;
  uint8_t *pixels = make_picture(W, H, 5, 2), a[BYTES], b[BYTES], c[BYTES], d[BYTES];
  assert_int_equal(mn_augment_check(&everything, &err), MN_OK);
  for (uint64_t i = 0; i < 50; ++i) {
    run(&everything, pixels, 2, i, a);
    run(&everything, pixels, 3, i, c);
    run(&everything, pixels, 2, i + 1000, d);
    run(&everything, pixels, 2, i, b);
    assert_memory_equal(a, b, BYTES);
    assert_true(memcmp(a, c, BYTES) && memcmp(a, d, BYTES));
  }
  free(pixels);
}

static void nothing_asked_for_changes_nothing(void **state) {
  (void)state;
  uint8_t *pixels = make_picture(W, H, 5, 0), out[BYTES];
  const mn_augment nothing = {0};
  run(&nothing, pixels, 0, 0, out);
  assert_memory_equal(out, pixels, BYTES);
  free(pixels);
}

/* Counts pictures that an augmentation changed, of 1000. */
static int count_changed(const mn_augment *a) {
  uint8_t *pixels = make_picture(W, H, 5, 0), out[BYTES];
  int changed = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    run(a, pixels, 0, i, out);
    changed += memcmp(out, pixels, BYTES) != 0;
  }
  free(pixels);
  return changed;
}

static void each_works_as_often_as_asked(void **state) {
  (void)state;
  assert_in_range(count_changed(&(mn_augment){.flip = 0.25}), 190, 310);
  assert_int_equal(count_changed(&(mn_augment){.flip = 1}), 1000);
  assert_int_equal(count_changed(&(mn_augment){.hue = 0.5}), 1000);
  assert_true(count_changed(&(mn_augment){.brightness = 0.4}) > 980);
  assert_true(count_changed(&(mn_augment){.contrast = 0.4}) > 980);
  assert_true(count_changed(&(mn_augment){.saturation = 0.4}) > 980);
  /* Of 14 operations identity never changes it, and autocontrast not this one. */
  assert_in_range(count_changed(&(mn_augment){.rand_ops = 1, .rand_magnitude = 9}), 780, 930);
  const mn_augment erase = {
      .erase = 0.4, .erase_area = {0.02, 0.33}, .erase_aspect = {0.3, 3.3}, .fill = {1, 2, 3}};
  assert_in_range(count_changed(&erase), 330, 470);
}

static void what_is_erased_is_one_rectangle(void **state) {
  (void)state;
  uint8_t pixels[BYTES], out[BYTES];
  const mn_augment erase = {
      .erase = 1, .erase_area = {0.1, 0.2}, .erase_aspect = {0.5, 2}, .fill = {1, 2, 3}};
  memset(pixels, 200, BYTES);
  for (uint64_t i = 0; i < 300; ++i) {
    int x0 = W, y0 = H, x1 = -1, y1 = -1, count = 0;
    run(&erase, pixels, 0, i, out);
    for (int at = 0; at < W * H; ++at) {
      const uint8_t *p = out + at * 3;
      if (p[0] == 200 && p[1] == 200 && p[2] == 200) continue;
      assert_true(p[0] == 1 && p[1] == 2 && p[2] == 3);
      x0 = at % W < x0 ? at % W : x0;
      x1 = at % W > x1 ? at % W : x1;
      y0 = at / W < y0 ? at / W : y0;
      y1 = at / W;
      count++;
    }
    assert_int_equal(count, (x1 - x0 + 1) * (y1 - y0 + 1));
    assert_in_range(count, W * H * 9 / 100, W * H * 22 / 100);
  }
}

static void every_operation_is_as_likely(void **state) {
  (void)state;
  int seen[MN_RAND_OPS] = {0}, negative = 0;
  for (uint64_t i = 0; i < 14000; ++i) {
    mn_rng rng = mn_rng_at(1, MN_RNG_AUGMENT, 0, i);
    const mn_rand_step step = mn_rand_choose(&rng, 9);
    assert_true(step.op < MN_RAND_OPS && step.magnitude == 9);
    seen[step.op]++;
    negative += step.negative;
  }
  for (int i = 0; i < MN_RAND_OPS; ++i) assert_in_range(seen[i], 850, 1150);
  assert_in_range(negative, 6650, 7350);
}

static void expect_refused(const mn_augment *a, const char *sentence) {
  assert_int_equal(mn_augment_check(a, &err), MN_ERR_ARGUMENT);
  assert_string_equal(err.text, sentence);
}

static void what_cannot_be_meant_is_refused(void **state) {
  (void)state;
  expect_refused(&(mn_augment){.flip = 1.5}, "flip: 1.5, expected 0 to 1");
  expect_refused(&(mn_augment){.flip = NAN}, "flip: nan, expected 0 to 1");
  expect_refused(&(mn_augment){.rand_magnitude = 31}, "rand_magnitude: 31, expected 0 to 30");
  expect_refused(&(mn_augment){.crop = MN_CROP_INCEPTION},
                 "area: 0 to 0, expected two rising numbers from 0 to 1");
  expect_refused(&(mn_augment){.crop = MN_CROP_INCEPTION, .area = {0.5, 1}, .aspect = {2, 1}},
                 "aspect: 2 to 1, expected two rising numbers from 0.01 to 100");
  expect_refused(&(mn_augment){.crop = MN_CROP_PADDED, .padding = -1},
                 "padding: -1, expected 0 to 4096");
  expect_refused(&(mn_augment){.erase = 0.5},
                 "erase_area: 0 to 0, expected two rising numbers from 0 to 1");
}

static void targets(void **state) {
  (void)state;
  float t[5];
  mn_targets_of_class(t, 5, 3, 0);
  for (int i = 0; i < 5; ++i) assert_true(t[i] == (i == 3 ? 1.0f : 0.0f));
  mn_targets_of_class(t, 5, 0, 0.1);
  for (int i = 0; i < 5; ++i) assert_true(t[i] == (i == 0 ? 0.92f : 0.02f));
}

static void mixtures_are_of_pairs(void **state) {
  (void)state;
  float batch[6] = {1, 2, 10, 20, 100, 200};
  static const float expected[6] = {3.25f, 6.5f, 7.75f, 15.5f, 100, 200};
  mn_mix(batch, 3, 2, 0.75);
  for (int i = 0; i < 6; ++i) assert_true(batch[i] == expected[i]);
  float one[2] = {3, 4};
  mn_mix(one, 1, 2, 0.5);
  assert_true(one[0] == 3 && one[1] == 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_same_place_gives_the_same_bytes),
      cmocka_unit_test(nothing_asked_for_changes_nothing),
      cmocka_unit_test(each_works_as_often_as_asked),
      cmocka_unit_test(what_is_erased_is_one_rectangle),
      cmocka_unit_test(every_operation_is_as_likely),
      cmocka_unit_test(what_cannot_be_meant_is_refused),
      cmocka_unit_test(targets),
      cmocka_unit_test(mixtures_are_of_pairs),
  };
  const int failed = cmocka_run_group_tests(tests, NULL, NULL);
  mn_workspace_free(&space);
  return failed;
}
