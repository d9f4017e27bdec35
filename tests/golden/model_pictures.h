/* SPDX-License-Identifier: Apache-2.0
 * Pictures for tests of whole networks, each a function of its name and size alone
 * (tests/oracle/models_goldens.py has the same rules), and access to the golden files. */
#ifndef MN_TESTS_GOLDEN_MODEL_PICTURES_H
#define MN_TESTS_GOLDEN_MODEL_PICTURES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../test_assets.h"

enum { PHOTO_SIZE = 224, SKIPPED = 77 };

static inline FILE *open_golden(const char *name) {
  char path[512];
  snprintf(path, sizeof path, "%s/golden/%s", MN_TEST_DIR, name);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s cannot be opened", path);
  return file;
}

static inline uint64_t splitmix64(uint64_t *state) {
  uint64_t z = *state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/* pixels [size][size][3]: bytes of splitmix64; "binary" keeps one bit of each, "narrow" four. */
static inline void fill_random(uint8_t *pixels, int size, const char *kind, int seed) {
  uint64_t state = (uint64_t)seed, word = 0;
  for (int i = 0; i < size * size * 3; ++i) {
    word = i % 8 ? word >> 8 : splitmix64(&state);
    uint8_t byte = (uint8_t)word;
    if (!strcmp(kind, "binary")) byte = byte >> 7 ? 255 : 0;
    if (!strcmp(kind, "narrow")) byte = (uint8_t)(120 + (byte & 15));
    pixels[i] = byte;
  }
}

/* pixels [size][size][3]: black and white in columns, rows or squares `width` pixels wide. */
static inline void fill_stripes(uint8_t *pixels, int size, const char *kind, int width) {
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      int where = !strcmp(kind, "columns") ? x / width
                  : !strcmp(kind, "rows")  ? y / width
                                           : x / width + y / width;
      memset(pixels + (y * size + x) * 3, where & 1 ? 255 : 0, 3);
    }
  }
}

/* pixels [size][size][3]: the stored photo, nearest pixel, or its negative. */
static inline void fill_photo(uint8_t *pixels, int size, bool negative) {
  static uint8_t photo[PHOTO_SIZE * PHOTO_SIZE * 3];
  FILE *file = open_golden("models/photo.ppm");
  assert_int_equal(fseek(file, -(long)sizeof photo, SEEK_END), 0);
  assert_int_equal(fread(photo, 1, sizeof photo, file), sizeof photo);
  fclose(file);
  for (int i = 0; i < size * size * 3; ++i) {
    int y = i / 3 / size * PHOTO_SIZE / size, x = i / 3 % size * PHOTO_SIZE / size;
    uint8_t value = photo[(y * PHOTO_SIZE + x) * 3 + i % 3];
    pixels[i] = negative ? (uint8_t)(255 - value) : value;
  }
}

/* pixels [size][size][3]: photo `index` of the assets. */
static inline void fill_asset(uint8_t *pixels, int size, int index) {
  char path[512];
  snprintf(path, sizeof path, "%s/golden/classify/in_%d.u8", test_assets(), size);
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s cannot be opened", path);
  size_t bytes = (size_t)size * (size_t)size * 3;
  assert_int_equal(fseek(file, (long)bytes * index, SEEK_SET), 0);
  assert_int_equal(fread(pixels, 1, bytes, file), bytes);
  fclose(file);
}

/* pixels [size][size][3]: the picture that the case's name stands for. */
static inline void fill_picture(uint8_t *pixels, int size, const char *name) {
  char kind[24];
  int number = 0;
  snprintf(kind, sizeof kind, "%.*s", (int)strcspn(name, "-"), name);
  sscanf(name + strcspn(name, "-"), "-%d", &number);
  if (!strcmp(kind, "random") || !strcmp(kind, "binary") || !strcmp(kind, "narrow")) {
    fill_random(pixels, size, kind, number);
  } else if (!strcmp(kind, "constant")) {
    memset(pixels, number, (size_t)size * (size_t)size * 3);
  } else if (!strcmp(kind, "red")) {
    for (int i = 0; i < size * size * 3; ++i) pixels[i] = i % 3 ? 0 : 255;
  } else if (!strcmp(kind, "photo")) {
    fill_photo(pixels, size, strstr(name, "negative") != NULL);
  } else if (!strcmp(kind, "asset")) {
    fill_asset(pixels, size, number);
  } else {
    fill_stripes(pixels, size, kind, number);
  }
}

#endif
