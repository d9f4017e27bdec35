/* SPDX-License-Identifier: Apache-2.0
 * Looks of pictures: what saving again, resizing and brightening leave alike, what is told apart,
 * and that groups are those of comparing every pair. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "data/look.h"

enum { SIDE = 96 };

/* A scene of some soft blobs on a slope: low frequencies, as photographs have. */
static void draw(uint8_t *pixels, int side, uint64_t scene, double gain, double noise) {
  mn_rng rng = mn_rng_at(4, MN_RNG_SPLIT, 0, scene), grain = mn_rng_at(4, MN_RNG_SPLIT, 1, scene);
  double blob[12][6];
  for (int b = 0; b < 12; ++b) {
    for (int k = 0; k < 6; ++k) blob[b][k] = mn_rng_unit(&rng);
  }
  for (int i = 0; i < side * side; ++i) {
    const double x = (i % side + 0.5) / side, y = (i / side + 0.5) / side;
    double v[3] = {60 + 60 * x, 90 - 40 * y, 80};
    for (int b = 0; b < 12; ++b) {
      const double dx = x - blob[b][0], dy = y - blob[b][1], r = 0.05 + 0.2 * blob[b][2];
      const double w = 120 * exp(-(dx * dx + dy * dy) / (r * r));
      for (int c = 0; c < 3; ++c) v[c] += w * (blob[b][3 + c] - 0.5);
    }
    for (int c = 0; c < 3; ++c) {
      const double value = v[c] * gain + noise * (mn_rng_unit(&grain) - 0.5);
      pixels[i * 3 + c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
  }
}

static mn_look look(int side, uint64_t scene, double gain, double noise) {
  uint8_t *pixels = malloc((size_t)side * (size_t)side * 3);
  assert_non_null(pixels);
  draw(pixels, side, scene, gain, noise);
  const mn_image image = {pixels, side, side, (size_t)side * 3};
  const mn_look seen = mn_look_at(&image, pixels, (size_t)side * (size_t)side * 3);
  free(pixels);
  return seen;
}

static void copies_look_alike(void **state) {
  (void)state;
  for (uint64_t scene = 0; scene < 100; ++scene) {
    const mn_look a = look(SIDE, scene, 1, 0);
    const mn_look copies[] = {look(SIDE, scene, 1, 20), look(SIDE / 2, scene, 1, 4),
                              look(SIDE * 2, scene, 1, 4), look(SIDE, scene, 1.15, 4)};
    assert_true(a.seen && !a.flat);
    for (int i = 0; i < 4; ++i) assert_true(mn_look_alike(&a, &copies[i]));
  }
}

static void scenes_are_told_apart(void **state) {
  (void)state;
  int alike = 0;
  mn_look seen[200];
  for (uint64_t i = 0; i < 200; ++i) seen[i] = look(SIDE, i, 1, 4);
  for (int i = 0; i < 200; ++i) {
    for (int j = 0; j < i; ++j) alike += mn_look_alike(&seen[i], &seen[j]);
  }
  assert_int_equal(alike, 0);
  const mn_look a = look(SIDE, 3, 1, 0), darker = look(SIDE, 3, 0.4, 0);
  assert_false(mn_look_alike(&a, &darker));
}

/* Evenly coloured pictures say nothing by their frequencies. */
static void flat_pictures_are_alike_by_their_bytes_only(void **state) {
  (void)state;
  uint8_t pixels[12 * 12 * 3];
  memset(pixels, 90, sizeof pixels);
  const mn_image image = {pixels, 12, 12, 36};
  const mn_look a = mn_look_at(&image, "one", 3), same = mn_look_at(&image, "one", 3);
  pixels[5] = 91;
  const mn_look b = mn_look_at(&image, "two", 3), none = {0};
  assert_true(a.flat && mn_look_alike(&a, &same) && !mn_look_alike(&a, &b));
  assert_false(mn_look_alike(&none, &none));
}

/* Random hashes with copies that differ in up to ten bits: by buckets as by all pairs. */
static void groups_are_those_of_all_pairs(void **state) {
  (void)state;
  enum { COUNT = 1500 };
  static mn_look looks[COUNT];
  static uint32_t groups[COUNT], expected[COUNT];
  mn_rng rng = mn_rng_at(4, MN_RNG_SPLIT, 2, 0);
  for (int i = 0; i < COUNT; ++i) {
    looks[i] = (mn_look){.file = (uint64_t)i,
                         .hash = (uint64_t)mn_rng_word(&rng) << 32 | mn_rng_word(&rng),
                         .seen = i % 97 != 5,
                         .flat = i % 89 == 7};
    for (int c = 0; c < 3; ++c) looks[i].mean[c] = (uint8_t)mn_rng_below(&rng, 60);
    const uint32_t other = mn_rng_below(&rng, (uint32_t)i + 1), kind = mn_rng_below(&rng, 6);
    if (kind == 0) looks[i].file = looks[other].file;
    if (kind > 2) continue;
    looks[i].hash = looks[other].hash;
    for (uint32_t n = mn_rng_below(&rng, 11); n > 0; --n) {
      looks[i].hash ^= (uint64_t)1 << mn_rng_below(&rng, 64);
    }
  }
  for (uint32_t i = 0; i < COUNT; ++i) expected[i] = i;
  for (bool again = true; again;) {
    again = false;
    for (int i = 0; i < COUNT; ++i) {
      for (int j = 0; j < i; ++j) {
        if (expected[i] == expected[j] || !mn_look_alike(&looks[i], &looks[j])) continue;
        const uint32_t low = expected[i] < expected[j] ? expected[i] : expected[j];
        expected[i] = expected[j] = low;
        again = true;
      }
    }
  }
  assert_int_equal(mn_look_group(looks, COUNT, groups, NULL), MN_OK);
  int members = 0;
  for (int i = 0; i < COUNT; ++i) {
    assert_int_equal(groups[i], expected[i]);
    members += groups[i] != (uint32_t)i;
  }
  assert_true(members > 100);
  assert_int_equal(mn_look_group(looks, 0, groups, NULL), MN_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(copies_look_alike),
      cmocka_unit_test(scenes_are_told_apart),
      cmocka_unit_test(flat_pictures_are_alike_by_their_bytes_only),
      cmocka_unit_test(groups_are_those_of_all_pairs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
