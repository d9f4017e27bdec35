/* SPDX-License-Identifier: Apache-2.0
 * Two-tap linear interpolation without antialias, in two dialects: TensorFlow 1's legacy bilinear
 * (no half-pixel centres, float32) and OpenCV's INTER_LINEAR on 8-bit pictures (half-pixel centres,
 * 11-bit fixed point with OpenCV's intermediate truncations). */
#include <math.h>

#include "image/resize_methods.h"

enum { COEFFICIENT_ONE = 2048 };

/* Where one output position reads: source positions lo and hi, and how far towards hi. */
typedef struct tap {
  int32_t lo, hi;
  float lerp;
  int32_t weight_lo, weight_hi; /* OpenCV: of COEFFICIENT_ONE */
} tap;

typedef struct work {
  tap *columns; /* [window_width] */
  uint8_t *row; /* [window_width][3] */
} work;

static work carve_work(int32_t window_width, mn_carver *carver) {
  work w;
  w.columns = mn_carve(carver, (size_t)window_width, sizeof *w.columns);
  w.row = mn_carve(carver, (size_t)window_width, 3);
  return w;
}

void mn_resize_linear_count(const mn_resize_limits *limits, mn_carver *carver) {
  (void)carve_work(limits->window_width, carver);
}

static tap tf1_tap(int32_t in_size, int32_t out_size, int32_t out) {
  float scale = (float)in_size / (float)out_size;
  float at = (float)out * scale, below = floorf(at);
  int32_t lo = below < (float)in_size ? (int32_t)below : in_size - 1;
  if (lo > in_size - 1) lo = in_size - 1;
  tap t = {.lo = lo, .hi = lo + 1 < in_size ? lo + 1 : in_size - 1, .lerp = at - below};
  return t;
}

static int32_t clamp_to(int32_t v, int32_t size) { return v < 0 ? 0 : v < size ? v : size - 1; }

/* OpenCV clamps a column's position before it makes the weights, and a row's after: at the edges
 * the two differ by the truncation of a split weight. */
static tap opencv_tap(int32_t in_size, int32_t out_size, int32_t out, bool column) {
  double scale = 1.0 / ((double)out_size / in_size);
  float at = (float)((out + 0.5) * scale - 0.5);
  int32_t lo = (int32_t)floorf(at);
  float lerp = at - (float)lo;
  if (column && lo < 0) lo = 0, lerp = 0;
  if (column && lo >= in_size - 1) lo = in_size - 1, lerp = 0;
  tap t = {.lo = clamp_to(lo, in_size),
           .hi = clamp_to(lo + 1, in_size),
           .lerp = lerp,
           .weight_lo = (int32_t)lrintf((1.0f - lerp) * COEFFICIENT_ONE),
           .weight_hi = (int32_t)lrintf(lerp * COEFFICIENT_ONE)};
  return t;
}

static tap tap_of(const mn_resize_job *job, bool column, int32_t out) {
  int32_t in_size = column ? job->source.width : job->source.height;
  int32_t out_size = column ? job->width : job->height;
  if (job->method == MN_RESIZE_TF1_BILINEAR) return tf1_tap(in_size, out_size, out);
  return opencv_tap(in_size, out_size, out, column);
}

/* top[0] and top[1]: the two pixels of the upper row; all four weigh in. */
static uint8_t mix_tf1(const uint8_t top[2], const uint8_t bottom[2], const tap *x, const tap *y) {
  float upper = (float)top[0] + (float)(top[1] - top[0]) * x->lerp;
  float lower = (float)bottom[0] + (float)(bottom[1] - bottom[0]) * x->lerp;
  float value = floorf(upper + (lower - upper) * y->lerp + 0.5f);
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static uint8_t mix_opencv(const uint8_t top[2], const uint8_t bottom[2], const tap *x,
                          const tap *y) {
  int32_t upper = top[0] * x->weight_lo + top[1] * x->weight_hi;
  int32_t lower = bottom[0] * x->weight_lo + bottom[1] * x->weight_hi;
  int32_t sum = ((y->weight_lo * (upper >> 4)) >> 16) + ((y->weight_hi * (lower >> 4)) >> 16);
  int32_t value = (sum + 2) >> 2;
  return (uint8_t)(value > 255 ? 255 : value);
}

static void mix_row(const mn_resize_job *job, const work *w, int32_t y) {
  tap row = tap_of(job, false, job->y + y);
  const uint8_t *upper = job->source.pixels + (size_t)row.lo * job->source.stride;
  const uint8_t *lower = job->source.pixels + (size_t)row.hi * job->source.stride;
  bool tf1 = job->method == MN_RESIZE_TF1_BILINEAR;
  for (int32_t x = 0; x < job->window_width; ++x) {
    const tap *column = &w->columns[x];
    size_t lo = (size_t)column->lo * 3, hi = (size_t)column->hi * 3;
    for (size_t c = 0; c < 3; ++c) {
      const uint8_t top[2] = {upper[lo + c], upper[hi + c]};
      const uint8_t bottom[2] = {lower[lo + c], lower[hi + c]};
      w->row[x * 3 + (int32_t)c] =
          tf1 ? mix_tf1(top, bottom, column, &row) : mix_opencv(top, bottom, column, &row);
    }
  }
}

void mn_resize_linear(const mn_resize_job *job, void *scratch) {
  mn_carver carver = {.block = scratch};
  work w = carve_work(job->window_width, &carver);
  for (int32_t x = 0; x < job->window_width; ++x) w.columns[x] = tap_of(job, true, job->x + x);
  for (int32_t y = 0; y < job->window_height; ++y) {
    mix_row(job, &w, y);
    job->row(job->context, y, w.row);
  }
}
