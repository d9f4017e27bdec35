/* SPDX-License-Identifier: Apache-2.0
 * Antialiased resampling in 8-bit fixed point, defined by its equality with Pillow's Image.resize:
 * weights computed in double, normalized, rounded to 22 fractional bits; two passes, each rounded
 * to 8 bits. A ring keeps only the horizontally filtered rows that the next output row can reach,
 * so memory grows with the scale and the width, never with the whole picture. */
#include <math.h>
#include <string.h>

#include "image/resize_methods.h"

enum { FRACTION_BITS = 22, SUM_CHUNK = 1024 };

/* One direction: out_size positions over [begin, end) of in_size source pixels. */
typedef struct axis {
  double begin, scale, filter_scale, support;
  int32_t in_size;
  bool cubic;
  bool idle; /* output position i is source pixel i */
} axis;

typedef struct work {
  double *weights;            /* [taps] of one output position, before rounding */
  int32_t *weight_x;          /* [window_width][taps_x] */
  int32_t *first_x, *count_x; /* [window_width] */
  int32_t *weight_y;          /* [taps_y] */
  uint8_t *ring;              /* [taps_y][window_width][3] */
  uint8_t *row;               /* [window_width][3] */
  uint8_t *wide;              /* [source width][3] */
  size_t taps_x, taps_y;
  bool columns_idle;
} work;

static double triangle(double x) {
  x = fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic with a = -1/2, in the order of operations that fixes its last bit. */
static double cubic(double x) {
  const double a = -0.5;
  x = fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

static double support_of(mn_resize method, double scale) {
  double filter_scale = scale < 1.0 ? 1.0 : scale;
  return (method == MN_RESIZE_PILLOW_BICUBIC ? 2.0 : 1.0) * filter_scale;
}

static size_t taps_of(mn_resize method, double scale) {
  return (size_t)ceil(support_of(method, scale)) * 2 + 1;
}

/* begin and end as float, and their difference too: Pillow keeps its box so. */
static axis axis_of(mn_resize method, int32_t in_size, int32_t out_size, const float range[2]) {
  double scale = (double)(range[1] - range[0]) / out_size;
  axis a = {.begin = (double)range[0],
            .scale = scale,
            .filter_scale = scale < 1.0 ? 1.0 : scale,
            .support = support_of(method, scale),
            .in_size = in_size,
            .cubic = method == MN_RESIZE_PILLOW_BICUBIC,
            .idle = in_size == out_size && !(range[0] > 0) && (double)range[1] >= out_size};
  return a;
}

static axis columns_of(const mn_resize_job *job) {
  float whole[2] = {0, (float)job->source.width}, box[2] = {job->box.x0, job->box.x1};
  return axis_of(job->method, job->source.width, job->width, mn_resize_is_boxed(job) ? box : whole);
}

static axis rows_of(const mn_resize_job *job) {
  float whole[2] = {0, (float)job->source.height}, box[2] = {job->box.y0, job->box.y1};
  return axis_of(job->method, job->source.height, job->height,
                 mn_resize_is_boxed(job) ? box : whole);
}

static int32_t to_fixed(double weight) {
  double scaled = weight * (1 << FRACTION_BITS);
  return (int32_t)(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* Weights of the source positions *first .. *first + count - 1 for output position `out`. */
static int32_t weigh(const axis *a, int32_t out, double *weights, int32_t *fixed, int32_t *first) {
  double center = a->begin + (out + 0.5) * a->scale, inverse = 1.0 / a->filter_scale;
  double low = center - a->support + 0.5, high = center + a->support + 0.5;
  int32_t begin = low < 0 ? 0 : (int32_t)low;
  int32_t end = high > a->in_size ? a->in_size : (int32_t)high;
  int32_t count = end - begin;
  double total = 0.0;
  for (int32_t i = 0; i < count; ++i) {
    double at = (i + begin - center + 0.5) * inverse;
    weights[i] = a->cubic ? cubic(at) : triangle(at);
    total += weights[i];
  }
  for (int32_t i = 0; i < count; ++i) {
    fixed[i] = to_fixed(total != 0.0 ? weights[i] / total : weights[i]);
  }
  *first = begin;
  return count;
}

static uint8_t to_byte(int32_t sum) {
  int32_t value = sum >> FRACTION_BITS;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static work carve_work(const mn_resize_limits *limits, mn_carver *carver) {
  work w = {.taps_x = taps_of(limits->method, limits->scale_x),
            .taps_y = taps_of(limits->method, limits->scale_y)};
  size_t width = (size_t)limits->window_width, bytes = 0;
  if (!mn_mul_size(width, 3, &bytes)) carver->overflow = true;
  w.weights = mn_carve(carver, w.taps_x > w.taps_y ? w.taps_x : w.taps_y, sizeof *w.weights);
  size_t row_of_weights = 0;
  if (!mn_mul_size(w.taps_x, sizeof *w.weight_x, &row_of_weights)) carver->overflow = true;
  w.weight_x = mn_carve(carver, width, row_of_weights);
  w.first_x = mn_carve(carver, width, sizeof *w.first_x);
  w.count_x = mn_carve(carver, width, sizeof *w.count_x);
  w.weight_y = mn_carve(carver, w.taps_y, sizeof *w.weight_y);
  w.ring = mn_carve(carver, w.taps_y, bytes);
  w.row = mn_carve(carver, bytes, 1);
  w.wide = mn_carve(carver, (size_t)limits->source_width, 3);
  return w;
}

void mn_resize_pillow_count(const mn_resize_limits *limits, mn_carver *carver) {
  (void)carve_work(limits, carver);
}

static void weigh_columns(const mn_resize_job *job, const work *w) {
  axis a = columns_of(job);
  for (int32_t x = 0; x < job->window_width; ++x) {
    w->count_x[x] =
        weigh(&a, job->x + x, w->weights, w->weight_x + (size_t)x * w->taps_x, &w->first_x[x]);
  }
}

/* One row of the source's width, filtered and cut to the window's columns. */
static void filter_row(const mn_resize_job *job, const work *w, const uint8_t *source,
                       uint8_t *out) {
  if (w->columns_idle) {
    memcpy(out, source + (size_t)job->x * 3, (size_t)job->window_width * 3);
    return;
  }
  for (int32_t x = 0; x < job->window_width; ++x) {
    const int32_t *weight = w->weight_x + (size_t)x * w->taps_x;
    const uint8_t *pixel = source + (size_t)w->first_x[x] * 3;
    int32_t r = 1 << (FRACTION_BITS - 1), g = r, b = r;
    for (int32_t i = 0; i < w->count_x[x]; ++i) {
      r += pixel[i * 3 + 0] * weight[i];
      g += pixel[i * 3 + 1] * weight[i];
      b += pixel[i * 3 + 2] * weight[i];
    }
    out[x * 3 + 0] = to_byte(r);
    out[x * 3 + 1] = to_byte(g);
    out[x * 3 + 2] = to_byte(b);
  }
}

/* Rows of bytes to be summed: row y begins at base + (y % wrap) * stride. */
typedef struct rows {
  const uint8_t *base;
  size_t stride, wrap;
} rows;

/* Weights of one output position: of source positions first .. first + count - 1. */
typedef struct span {
  const int32_t *weight; /* [count] */
  int32_t first, count;
} span;

static void sum_rows(const rows *source, const span *taps, size_t bytes, uint8_t *out) {
  int32_t sums[SUM_CHUNK];
  for (size_t begin = 0; begin < bytes; begin += SUM_CHUNK) {
    size_t length = bytes - begin < SUM_CHUNK ? bytes - begin : SUM_CHUNK;
    for (size_t i = 0; i < length; ++i) sums[i] = 1 << (FRACTION_BITS - 1);
    for (int32_t t = 0; t < taps->count; ++t) {
      const uint8_t *row =
          source->base + ((size_t)(taps->first + t) % source->wrap) * source->stride + begin;
      int32_t weight = taps->weight[t];
      for (size_t i = 0; i < length; ++i) sums[i] += row[i] * weight;
    }
    for (size_t i = 0; i < length; ++i) out[begin + i] = to_byte(sums[i]);
  }
}

static span weigh_row(const mn_resize_job *job, const work *w, int32_t y) {
  axis a = rows_of(job);
  span s = {.weight = w->weight_y};
  s.count = weigh(&a, job->y + y, w->weights, w->weight_y, &s.first);
  return s;
}

/* The usual order: source rows are filtered into the ring, then summed. */
static void columns_then_rows(const mn_resize_job *job, const work *w) {
  size_t bytes = (size_t)job->window_width * 3;
  rows ring = {w->ring, bytes, w->taps_y};
  int32_t filtered = 0; /* source rows below this are in the ring, or were never needed */
  for (int32_t y = 0; y < job->window_height; ++y) {
    span s = weigh_row(job, w, y);
    if (filtered < s.first) filtered = s.first;
    for (; filtered < s.first + s.count; ++filtered) {
      const uint8_t *source = job->source.pixels + (size_t)filtered * job->source.stride;
      filter_row(job, w, source, w->ring + ((size_t)filtered % w->taps_y) * bytes);
    }
    sum_rows(&ring, &s, bytes, w->row);
    job->row(job->context, y, w->row);
  }
}

/* The other order: source rows are summed at full width, then filtered. */
static void rows_then_columns(const mn_resize_job *job, const work *w) {
  rows source = {job->source.pixels, job->source.stride, (size_t)job->source.height};
  for (int32_t y = 0; y < job->window_height; ++y) {
    span s = weigh_row(job, w, y);
    sum_rows(&source, &s, (size_t)job->source.width * 3, w->wide);
    filter_row(job, w, w->wide, w->row);
    job->row(job->context, y, w->row);
  }
}

static void columns_only(const mn_resize_job *job, const work *w) {
  for (int32_t y = 0; y < job->window_height; ++y) {
    const uint8_t *source = job->source.pixels + (size_t)(job->y + y) * job->source.stride;
    filter_row(job, w, source, w->row);
    job->row(job->context, y, w->row);
  }
}

/* Since Pillow 13: a height reduced by more than twice what the width is goes first. The order
 * shows in the last bit, through the rounding between the passes. A box keeps the older order, in
 * which today's networks were trained and scored: what surrounds a crop must not change its pixels'
 * arithmetic. */
static bool rows_go_first(const mn_resize_job *job) {
  if (mn_resize_is_boxed(job)) return false;
  int64_t fewer_rows = (int64_t)job->source.height - job->height;
  int64_t fewer_columns = (int64_t)job->source.width - job->width;
  return fewer_rows > 0 && fewer_rows > 2 * fewer_columns;
}

void mn_resize_pillow(const mn_resize_job *job, void *scratch) {
  mn_resize_limits limits = mn_resize_limits_of(job);
  mn_carver carver = {.block = scratch};
  work w = carve_work(&limits, &carver);
  w.columns_idle = columns_of(job).idle;
  if (!w.columns_idle) weigh_columns(job, &w);
  if (rows_of(job).idle) {
    columns_only(job, &w);
  } else if (rows_go_first(job)) {
    rows_then_columns(job, &w);
  } else {
    columns_then_rows(job, &w);
  }
}
