/* SPDX-License-Identifier: Apache-2.0
 * The look of one picture: 32 x 32 means of gray, their first 8 x 8 frequencies by DCT, and of each
 * whether it is above the median. Of photographs saved again (JPEG 40, half the size, 15 %
 * brighter) at most 6 of the 64 bits change; of 4.3 million pairs of flowers 17 differ in 8 or
 * fewer. */
#include "data/look.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { SIDE = 32, LOW = 8, MOST_BITS = 8, MOST_COLOUR = 32, LEAST_DEVIATION = 2 };

/* Where part `i` of SIDE parts begins; each has at least a pixel. */
static int32_t part(int32_t size, int i) { return (int32_t)((int64_t)size * i / SIDE); }

static void mean_of(const mn_image *image, int px, int py, double mean[3]) {
  const int32_t x0 = part(image->width, px), y0 = part(image->height, py);
  int32_t x1 = part(image->width, px + 1), y1 = part(image->height, py + 1);
  uint64_t sum[3] = {0};
  if (x1 <= x0) x1 = x0 + 1;
  if (y1 <= y0) y1 = y0 + 1;
  for (int32_t y = y0; y < y1; ++y) {
    const uint8_t *p = image->pixels + (size_t)y * image->stride + (size_t)x0 * 3;
    for (int32_t x = x0; x < x1; ++x, p += 3) {
      for (int c = 0; c < 3; ++c) sum[c] += p[c];
    }
  }
  const double count = (double)(x1 - x0) * (y1 - y0);
  for (int c = 0; c < 3; ++c) mean[c] = (double)sum[c] / count;
}

/* gray: [SIDE][SIDE]; colour: the mean of all parts. */
static void reduce(const mn_image *image, double *gray, double colour[3]) {
  for (int i = 0; i < SIDE * SIDE; ++i) {
    double mean[3];
    mean_of(image, i % SIDE, i / SIDE, mean);
    gray[i] = 0.299 * mean[0] + 0.587 * mean[1] + 0.114 * mean[2];
    for (int c = 0; c < 3; ++c) colour[c] += mean[c] / (SIDE * SIDE);
  }
}

/* out: [LOW][LOW], frequency 0 first in both directions. */
static void transform(const double *gray, double *out) {
  double wave[LOW][SIDE], rows[LOW][SIDE] = {{0}};
  for (int u = 0; u < LOW; ++u) {
    for (int x = 0; x < SIDE; ++x) wave[u][x] = cos(3.14159265358979323846 * (2 * x + 1) * u / 64);
  }
  for (int v = 0; v < LOW; ++v) {
    for (int y = 0; y < SIDE; ++y) {
      for (int x = 0; x < SIDE; ++x) rows[v][x] += wave[v][y] * gray[y * SIDE + x];
    }
  }
  for (int i = 0; i < LOW * LOW; ++i) {
    out[i] = 0;
    for (int x = 0; x < SIDE; ++x) out[i] += rows[i / LOW][x] * wave[i % LOW][x];
  }
}

static int compare_reals(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The first frequency is brightness: it has a bit, but no say in the median. */
static uint64_t signs(const double *frequencies) {
  double sorted[LOW * LOW - 1];
  uint64_t hash = 0;
  memcpy(sorted, frequencies + 1, sizeof sorted);
  qsort(sorted, LOW * LOW - 1, sizeof *sorted, compare_reals);
  const double median = sorted[(LOW * LOW - 1) / 2];
  for (int i = 0; i < LOW * LOW; ++i) hash |= (uint64_t)(frequencies[i] > median) << i;
  return hash;
}

static bool is_flat(const double *gray) {
  double sum = 0, squares = 0;
  for (int i = 0; i < SIDE * SIDE; ++i) {
    sum += gray[i];
    squares += gray[i] * gray[i];
  }
  const double mean = sum / (SIDE * SIDE);
  return squares / (SIDE * SIDE) - mean * mean < LEAST_DEVIATION * LEAST_DEVIATION;
}

mn_look mn_look_at(const mn_image *image, const void *file, size_t size) {
  double gray[SIDE * SIDE], frequencies[LOW * LOW], colour[3] = {0};
  reduce(image, gray, colour);
  transform(gray, frequencies);
  mn_look look = {.file = mn_hash_bytes(MN_HASH_BEGIN, file, size),
                  .hash = signs(frequencies),
                  .seen = true,
                  .flat = is_flat(gray)};
  for (int c = 0; c < 3; ++c) look.mean[c] = (uint8_t)(colour[c] + 0.5);
  return look;
}

static int bits(uint64_t v) { return __builtin_popcountll(v); }

bool mn_look_alike(const mn_look *a, const mn_look *b) {
  if (!a->seen || !b->seen) return false;
  if (a->file == b->file) return true;
  if (a->flat || b->flat || bits(a->hash ^ b->hash) > MOST_BITS) return false;
  for (int c = 0; c < 3; ++c) {
    if (abs(a->mean[c] - b->mean[c]) > MOST_COLOUR) return false;
  }
  return true;
}
