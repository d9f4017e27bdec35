/* SPDX-License-Identifier: Apache-2.0
 * What is a table of 256 levels for each channel: brightness, contrast, and Pillow's operations. */
#include "train/levels.h"

#include <string.h>

#include "train/blend.h"

/* [channel][level] */
typedef struct table {
  uint8_t level[3][256];
} table;

static size_t pixel_count(const mn_canvas *canvas) {
  return (size_t)canvas->width * (size_t)canvas->height;
}

static void look_up(mn_canvas *canvas, const table *t) {
  uint8_t *p = canvas->pixels;
  for (size_t i = pixel_count(canvas); i > 0; --i, p += 3) {
    p[0] = t->level[0][p[0]];
    p[1] = t->level[1][p[1]];
    p[2] = t->level[2][p[2]];
  }
}

/* The same for every channel. */
static void look_up_all(mn_canvas *canvas, const uint8_t level[256]) {
  uint8_t *p = canvas->pixels;
  const size_t count = pixel_count(canvas) * 3;
  for (size_t i = 0; i < count; ++i) p[i] = level[p[i]];
}

static void blend_with(mn_canvas *canvas, double factor, float other) {
  uint8_t level[256];
  for (int i = 0; i < 256; ++i) level[i] = mn_blend((float)i, other, factor);
  look_up_all(canvas, level);
}

void mn_adjust_brightness(mn_canvas *canvas, double factor) { blend_with(canvas, factor, 0); }

void mn_adjust_contrast(mn_canvas *canvas, double factor) {
  const uint8_t *p = canvas->pixels;
  const size_t count = pixel_count(canvas);
  uint64_t sum = 0;
  mn_gray_table gray;
  mn_gray_fill(&gray);
  for (size_t i = 0; i < count; ++i) sum += mn_gray_of(&gray, p + i * 3);
  blend_with(canvas, factor, (float)((double)sum / (double)count));
}

void mn_posterize(mn_canvas *canvas, int bits) {
  uint8_t level[256];
  const int mask = bits >= 8 ? 0xff : 0xff & ~((1 << (8 - (bits < 0 ? 0 : bits))) - 1);
  for (int i = 0; i < 256; ++i) level[i] = (uint8_t)(i & mask);
  look_up_all(canvas, level);
}

void mn_solarize(mn_canvas *canvas, double threshold) {
  uint8_t level[256];
  for (int i = 0; i < 256; ++i) level[i] = (uint8_t)(i >= threshold ? 255 - i : i);
  look_up_all(canvas, level);
}

/* How often each level occurs. */
typedef struct histogram {
  uint32_t count[3][256];
} histogram;

static void take_histogram(const mn_canvas *canvas, histogram *h) {
  memset(h, 0, sizeof *h);
  const uint8_t *p = canvas->pixels;
  for (size_t i = pixel_count(canvas); i > 0; --i, p += 3) {
    for (int c = 0; c < 3; ++c) h->count[c][p[c]]++;
  }
}

static void stretch_levels(const uint32_t count[256], uint8_t level[256]) {
  int low = 0, high = 255;
  while (low < 255 && !count[low]) low++;
  while (high > 0 && !count[high]) high--;
  const double scale = high > low ? 255.0 / (high - low) : 1,
               offset = high > low ? -low * scale : 0;
  for (int i = 0; i < 256; ++i) {
    const double v = i * scale + offset;
    level[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
  }
}

void mn_autocontrast(mn_canvas *canvas) {
  histogram h;
  table t;
  take_histogram(canvas, &h);
  for (int c = 0; c < 3; ++c) stretch_levels(h.count[c], t.level[c]);
  look_up(canvas, &t);
}

/* Level i goes to (half a step + pixels below i) / step, a step being a 255th of the pixels that
 * are not of the brightest level. */
static void equalize_levels(const uint32_t count[256], uint64_t pixels, uint8_t level[256]) {
  int brightest = 255;
  while (brightest > 0 && !count[brightest]) brightest--;
  const uint64_t step = (pixels - count[brightest]) / 255;
  uint64_t sum = step / 2;
  for (int i = 0; i < 256; ++i) {
    const uint64_t to = step ? sum / step : (uint64_t)i;
    level[i] = (uint8_t)(to > 255 ? 255 : to);
    sum += count[i];
  }
}

void mn_equalize(mn_canvas *canvas) {
  histogram h;
  table t;
  take_histogram(canvas, &h);
  for (int c = 0; c < 3; ++c) equalize_levels(h.count[c], pixel_count(canvas), t.level[c]);
  look_up(canvas, &t);
}
