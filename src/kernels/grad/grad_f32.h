/* SPDX-License-Identifier: Apache-2.0
 * The kernels of grad.h, written once for any width of vector (grad_vectors.h); those of losses are
 * in grad_loss.h. Multiplications and additions may be fused here (these files are compiled so):
 * the order of sums is all that is promised. */
#ifndef MN_KERNELS_GRAD_GRAD_F32_H
#define MN_KERNELS_GRAD_GRAD_F32_H

#include <string.h>

#include "kernels/grad/grad_codes.h"
#include "kernels/grad/grad_loss.h"

/* ---- outer ---------------------------------------------------------------------------------- */

enum { COLS = 2 * LANES, DEPTH = 256, MOST_ROW_TAPS = 7 };

/* rows x (vectors * LANES) of c; `partial`: the last vector has fewer columns. */
INLINE void outer_tile(const mn_outer_args *args, size_t m, size_t n, size_t from, size_t to,
                       const int rows, const int vectors, const int partial) {
  const size_t last =
      args->n - n - (size_t)(vectors - 1) * LANES; /* of the last vector, if partial */
  vec sum[ROWS][2];
  UNROLL for (int i = 0; i < rows; i++) {
    const float *c = args->c + (m + (size_t)i) * args->c_stride + n;
    UNROLL for (int v = 0; v < vectors; v++) {
      const int some = partial && v == vectors - 1;
      sum[i][v] = some ? load_some(c + v * LANES, last) : load(c + v * LANES);
    }
  }
  const float *a = args->a + from * args->a_stride + m, *b = args->b + from * args->b_stride + n;
  for (size_t p = from; p < to; p++, a += args->a_stride, b += args->b_stride) {
    vec column[2];
    UNROLL for (int v = 0; v < vectors; v++) {
      const int some = partial && v == vectors - 1;
      column[v] = some ? load_some(b + v * LANES, last) : load(b + v * LANES);
    }
    UNROLL for (int i = 0; i < rows; i++) {
      UNROLL for (int v = 0; v < vectors; v++) sum[i][v] += a[i] * column[v];
    }
  }
  UNROLL for (int i = 0; i < rows; i++) {
    float *c = args->c + (m + (size_t)i) * args->c_stride + n;
    UNROLL for (int v = 0; v < vectors; v++) {
      if (partial && v == vectors - 1) {
        store_some(c + v * LANES, sum[i][v], last);
      } else {
        store(c + v * LANES, sum[i][v]);
      }
    }
  }
}

INLINE void outer_strip(const mn_outer_args *args, size_t m, size_t from, size_t to,
                        const int rows) {
  const size_t left = args->n % COLS, whole = args->n - left;
  for (size_t n = 0; n < whole; n += COLS) outer_tile(args, m, n, from, to, rows, 2, 0);
  if (left > LANES) outer_tile(args, m, whole, from, to, rows, 2, 1);
  if (left > 0 && left <= LANES) outer_tile(args, m, whole, from, to, rows, 1, 1);
}

/* The rows that are left after whole strips, in few. */
static void outer_rest(const mn_outer_args *args, size_t m, size_t from, size_t to) {
  if (ROWS > 8 && args->m - m >= 8) {
    outer_strip(args, m, from, to, ROWS > 8 ? 8 : 1);
    m += 8;
  }
  if (ROWS > 4 && args->m - m >= 4) {
    outer_strip(args, m, from, to, ROWS > 4 ? 4 : 1);
    m += 4;
  }
  if (args->m - m >= 2) {
    outer_strip(args, m, from, to, 2);
    m += 2;
  }
  if (args->m > m) outer_strip(args, m, from, to, 1);
}

static void outer(const mn_outer_args *args) {
  const size_t whole = args->m / ROWS * ROWS;
  for (size_t from = 0; from < args->pixels; from += DEPTH) {
    const size_t to = args->pixels - from < DEPTH ? args->pixels : from + DEPTH;
    for (size_t m = 0; m < whole; m += ROWS) outer_strip(args, m, from, to, ROWS);
    outer_rest(args, whole, from, to);
  }
}

/* ---- Depthwise ------------------------------------------------------------------------------ */

INLINE void taps_at(const mn_taps_args *args, size_t c, size_t count, const int partial) {
  vec sum = {0};
  for (size_t t = 0; t < args->taps; t++) {
    if (partial) {
      sum += load_some(args->a[t] + c, count) * load_some(args->b[t] + c, count);
    } else {
      sum += load(args->a[t] + c) * load(args->b[t] + c);
    }
  }
  if (partial) {
    store_some(args->out + c, sum, count);
  } else {
    store(args->out + c, sum);
  }
}

static void taps(const mn_taps_args *args) {
  size_t c = 0;
  for (; c + LANES <= args->channels; c += LANES) taps_at(args, c, LANES, 0);
  if (c < args->channels) taps_at(args, c, args->channels - c, 1);
}

/* The part of a row of outputs whose windows are all inside: [*begin, *end). */
INLINE void inner_part(const mn_dw_outer_args *args, size_t *begin, size_t *end) {
  const size_t reach = args->in_width + args->pad, span = (args->kernel_w - 1) * args->dilation + 1;
  *begin = (args->pad + args->stride - 1) / args->stride;
  *end = reach >= span ? (reach - span) / args->stride + 1 : 0;
  if (*end > args->width) *end = args->width;
  if (*begin > *end) *begin = *end;
}

/* Outputs [from, to), whose taps may lie outside, for one vector of channels. */
INLINE void outer_edge(const mn_dw_outer_args *args, size_t c, size_t count, size_t from, size_t to,
                       vec *sums, const int taps) {
  for (size_t x = from; x < to; x++) {
    const vec g = load_some(args->gradient + x * args->gradient_stride + c, count);
    UNROLL for (int k = 0; k < taps; k++) {
      const size_t at = x * args->stride + (size_t)k * args->dilation; /* and pad */
      if (at < args->pad || at - args->pad >= args->in_width) continue;
      sums[k] += load_some(args->in + (at - args->pad) * args->in_stride + c, count) * g;
    }
  }
}

/* `taps` of a row for one vector of channels, in one pass: gradients are read once. */
INLINE void outer_inner(const mn_dw_outer_args *args, size_t c, size_t count, size_t from,
                        size_t to, vec *sums, const int taps, const int partial) {
  vec sum[MOST_ROW_TAPS];
  UNROLL for (int k = 0; k < taps; k++) sum[k] = sums[k];
  const float *in = args->in + (from * args->stride - args->pad) * args->in_stride + c;
  const float *gradient = args->gradient + from * args->gradient_stride + c;
  const size_t next = args->dilation * args->in_stride, step = args->stride * args->in_stride;
  for (size_t x = from; x < to; x++, in += step, gradient += args->gradient_stride) {
    const vec g = partial ? load_some(gradient, count) : load(gradient);
    UNROLL for (int k = 0; k < taps; k++) {
      sum[k] +=
          (partial ? load_some(in + (size_t)k * next, count) : load(in + (size_t)k * next)) * g;
    }
  }
  UNROLL for (int k = 0; k < taps; k++) sums[k] = sum[k];
}

INLINE void outer_channels(const mn_dw_outer_args *args, size_t c, size_t count, const int taps,
                           const int partial) {
  vec sums[MOST_ROW_TAPS];
  size_t from, to;
  inner_part(args, &from, &to);
  UNROLL for (int k = 0; k < taps; k++) {
    sums[k] = load_some(args->sums + (size_t)k * args->sums_stride + c, count);
  }
  outer_edge(args, c, count, 0, from, sums, taps);
  outer_inner(args, c, count, from, to, sums, taps, partial);
  outer_edge(args, c, count, to, args->width, sums, taps);
  UNROLL for (int k = 0; k < taps; k++) {
    store_some(args->sums + (size_t)k * args->sums_stride + c, sums[k], count);
  }
}

INLINE void outer_taps(const mn_dw_outer_args *args, const int taps) {
  size_t c = 0;
  for (; c + LANES <= args->channels; c += LANES) outer_channels(args, c, LANES, taps, 0);
  if (c < args->channels) outer_channels(args, c, args->channels - c, taps, 1);
}

/* Of windows wider than MOST_ROW_TAPS the same, a column at a time. */
static void outer_columns(const mn_dw_outer_args *args) {
  for (size_t k = 0; k < args->kernel_w; k++) {
    for (size_t x = 0; x < args->width; x++) {
      const size_t at = x * args->stride + k * args->dilation; /* and pad */
      if (at < args->pad || at - args->pad >= args->in_width) continue;
      const float *in = args->in + (at - args->pad) * args->in_stride;
      const float *gradient = args->gradient + x * args->gradient_stride;
      float *sums = args->sums + k * args->sums_stride;
      for (size_t c = 0; c < args->channels; c++) sums[c] += in[c] * gradient[c];
    }
  }
}

static void dw_outer(const mn_dw_outer_args *args) {
  switch (args->kernel_w) {
    case 1: outer_taps(args, 1); break;
    case 3: outer_taps(args, 3); break;
    case 5: outer_taps(args, 5); break;
    case 7: outer_taps(args, 7); break;
    default: outer_columns(args);
  }
}

/* ---- bf16 ----------------------------------------------------------------------------------- */

/* In the upper halves; the lower ones are what was rounded away. */
INLINE bits rounded_bits(vec x) {
  const bits of_x = (bits)x, up = of_x + 0x7fff + (of_x >> 16 & 1);
  return (bits)pick(x == x, (vec)up, (vec)(of_x | 0x400000));
}

static void round_floats(const float *x, size_t count, float *to) {
  for (size_t i = 0; i < count; i += LANES) {
    const size_t some = count - i < LANES ? count - i : LANES;
    store_some(to + i, (vec)(rounded_bits(load_some(x + i, some)) & 0xffff0000u), some);
  }
}

static void round_pairs(const float *a, const float *b, size_t count, uint16_t *to) {
  for (size_t i = 0; i < count; i += LANES) {
    const size_t some = count - i < LANES ? count - i : LANES;
    const bits low = rounded_bits(load_some(a + i, some));
    const bits high = rounded_bits(load_some(b + i, some));
    const bits pairs = low >> 16 | (high & 0xffff0000u);
    memcpy(to + 2 * i, &pairs, some * sizeof(uint32_t));
  }
}

/* ---- Batch norm ----------------------------------------------------------------------------- */

/* A run of pixels goes by vectors of channels, whose numbers stay in registers; it is short enough
 * for L1. */
enum { RUN_FLOATS = 4096, LEAST_RUN = 4 };

INLINE size_t run_of(const mn_norm_args *args) {
  const size_t fit = RUN_FLOATS / args->channels;
  return fit > LEAST_RUN ? fit : LEAST_RUN;
}

/* A run goes by vectors of channels, one after the other, which no cache foresees: each asks for
 * what lies a run further on. */
INLINE void fetch_ahead(const float *at, size_t pixels, const mn_norm_args *args) {
  __builtin_prefetch(at + pixels * args->channels);
}

INLINE vec act_of(vec z, const mn_grad_act act) {
  const vec none = {0};
  if (act == MN_GRAD_RELU) return pick(z > none, z, none);
  if (act == MN_GRAD_RELU6) {
    z = pick(z > none, z, none);
    return pick(z < all(6.0f), z, all(6.0f));
  }
  if (act == MN_GRAD_LINEAR) return z;
  vec gate = z * (1.0f / 6.0f) + 0.5f;
  gate = pick(gate > none, gate, none);
  gate = pick(gate < all(1.0f), gate, all(1.0f));
  return act == MN_GRAD_HARD_SWISH ? z * gate : gate;
}

/* gradient * act'(z), as PyTorch takes it at the corners. */
INLINE vec through_act(vec gradient, vec z, const mn_grad_act act) {
  const vec none = {0};
  if (act == MN_GRAD_LINEAR) return gradient;
  if (act == MN_GRAD_RELU) return pick(z > none, gradient, none);
  if (act == MN_GRAD_RELU6) return pick((z > none) & (z < all(6.0f)), gradient, none);
  const mask within = (z > all(-3.0f)) & (z < all(3.0f));
  if (act == MN_GRAD_HARD_SIGMOID) return pick(within, gradient * (1.0f / 6.0f), none);
  const vec inner = gradient * (z * (1.0f / 3.0f) + 0.5f);
  return pick(within, inner, pick(z < all(3.0f), none, gradient));
}

typedef struct channels {
  vec mean, inverse, gamma, beta;
} channels;

INLINE channels channels_at(const mn_norm_args *args, size_t c, size_t count) {
  return (channels){load_some(args->mean + c, count), load_some(args->inverse + c, count),
                    load_some(args->gamma + c, count), load_some(args->beta + c, count)};
}

INLINE void add_doubles(double *to, vec sum, size_t count) {
  for (size_t i = 0; i < count; i++) to[i] += (double)sum[i];
}

/* Pixels [from, to), channels [c, c + count). */
INLINE void moments_run(const mn_norm_args *args, size_t c, size_t count, size_t from, size_t to,
                        const int partial) {
  const vec shift = load_some(args->mean + c, count);
  vec first = {0}, second = {0};
  const float *x = args->x + from * args->channels + c;
  for (size_t p = from; p < to; p++, x += args->channels) {
    fetch_ahead(x, to - from, args);
    const vec away = (partial ? load_some(x, count) : load(x)) - shift;
    first += away;
    second += away * away;
  }
  add_doubles(args->first + c, first, count);
  add_doubles(args->second + c, second, count);
}

INLINE void sums_run(const mn_norm_args *args, size_t c, size_t count, size_t from, size_t to,
                     const int partial, const mn_grad_act act) {
  const channels by = channels_at(args, c, count);
  vec first = {0}, second = {0};
  const float *x = args->x + from * args->channels + c;
  const float *gradient = args->gradient + from * args->channels + c;
  for (size_t p = from; p < to; p++, x += args->channels, gradient += args->channels) {
    fetch_ahead(x, to - from, args);
    fetch_ahead(gradient, to - from, args);
    const vec unit = ((partial ? load_some(x, count) : load(x)) - by.mean) * by.inverse;
    const vec g = through_act(partial ? load_some(gradient, count) : load(gradient),
                              unit * by.gamma + by.beta, act);
    first += g;
    second += g * unit;
  }
  add_doubles(args->first + c, first, count);
  add_doubles(args->second + c, second, count);
}

INLINE void norm_run(const mn_norm_args *args, size_t c, size_t count, size_t from, size_t to,
                     const int partial, const mn_grad_act act) {
  const channels by = channels_at(args, c, count);
  const vec scale = by.inverse * by.gamma, offset = by.beta - by.mean * scale;
  size_t at = from * args->channels + c;
  for (size_t p = from; p < to; p++, at += args->channels) {
    const vec x = partial ? load_some(args->x + at, count) : load(args->x + at);
    fetch_ahead(args->x + at, to - from, args);
    const vec y = act_of(x * scale + offset, act);
    if (partial) {
      store_some(args->out + at, y, count);
    } else {
      store(args->out + at, y);
    }
  }
}

INLINE void gradient_run(const mn_norm_args *args, size_t c, size_t count, size_t from, size_t to,
                         const int partial, const mn_grad_act act) {
  const channels by = channels_at(args, c, count);
  const vec scale = by.inverse * by.gamma;
  vec mean_g = {0}, mean_gx = {0};
  if (args->count > 0) {
    mean_g = load_some(args->beta_gradient + c, count) / args->count;
    mean_gx = load_some(args->gamma_gradient + c, count) / args->count;
  }
  size_t at = from * args->channels + c;
  for (size_t p = from; p < to; p++, at += args->channels) {
    const vec x = partial ? load_some(args->x + at, count) : load(args->x + at);
    fetch_ahead(args->x + at, to - from, args);
    fetch_ahead(args->gradient + at, to - from, args);
    const vec dy = partial ? load_some(args->gradient + at, count) : load(args->gradient + at);
    const vec unit = (x - by.mean) * by.inverse;
    const vec g = through_act(dy, unit * by.gamma + by.beta, act);
    const vec dx = scale * (g - mean_g - unit * mean_gx);
    if (partial) {
      store_some(args->out + at, dx, count);
    } else {
      store(args->out + at, dx);
    }
  }
}

#define OVER_PIXELS(run)                                                          \
  for (size_t from = 0, step = run_of(args); from < args->pixels; from += step) { \
    const size_t to = args->pixels - from < step ? args->pixels : from + step;    \
    size_t c = 0;                                                                 \
    for (; c + LANES <= args->channels; c += LANES) run(c, LANES, 0);             \
    if (c < args->channels) run(c, args->channels - c, 1);                        \
  }
#define BY_ACT(run)                                              \
  switch (args->act) {                                           \
    case MN_GRAD_LINEAR: run(MN_GRAD_LINEAR); break;             \
    case MN_GRAD_RELU: run(MN_GRAD_RELU); break;                 \
    case MN_GRAD_RELU6: run(MN_GRAD_RELU6); break;               \
    case MN_GRAD_HARD_SWISH: run(MN_GRAD_HARD_SWISH); break;     \
    case MN_GRAD_HARD_SIGMOID: run(MN_GRAD_HARD_SIGMOID); break; \
  }

INLINE void act_gradient_of(const mn_act_gradient_args *args, const mn_grad_act act) {
  for (size_t i = 0; i < args->count; i += LANES) {
    const size_t count = args->count - i < LANES ? args->count - i : LANES;
    const vec x = load_some(args->x + i, count), dy = load_some(args->gradient + i, count);
    store_some(args->out + i, through_act(dy, x, act), count);
  }
}

static void act_gradient(const mn_act_gradient_args *args) {
#define WITH(act) act_gradient_of(args, act)
  BY_ACT(WITH)
#undef WITH
}

static void clear_sums(const mn_norm_args *args) {
  if (args->more) return;
  memset(args->first, 0, args->channels * sizeof(double));
  memset(args->second, 0, args->channels * sizeof(double));
}

static void moments(const mn_norm_args *args) {
  clear_sums(args);
#define RUN(c, count, partial) moments_run(args, c, count, from, to, partial)
  OVER_PIXELS(RUN)
#undef RUN
}

/* Those below go through a function for each activation. */
#define WITH_ACT(name, run) \
  INLINE void name##_with(const mn_norm_args *args, const mn_grad_act act) { OVER_PIXELS(run) }
#define SUMS(c, count, partial) sums_run(args, c, count, from, to, partial, act)
#define NORM(c, count, partial) norm_run(args, c, count, from, to, partial, act)
#define GRADIENT(c, count, partial) gradient_run(args, c, count, from, to, partial, act)
WITH_ACT(sums, SUMS)
WITH_ACT(norm, NORM)
WITH_ACT(gradient, GRADIENT)

static void norm_sums(const mn_norm_args *args) {
  clear_sums(args);
#define WITH(act) sums_with(args, act)
  BY_ACT(WITH)
#undef WITH
}

static void norm(const mn_norm_args *args) {
#define WITH(act) norm_with(args, act)
  BY_ACT(WITH)
#undef WITH
}

static void norm_gradient(const mn_norm_args *args) {
#define WITH(act) gradient_with(args, act)
  BY_ACT(WITH)
#undef WITH
}

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)
const mn_grad_kernels JOIN(mn_grad_kernels_, NAME) = {
    .name = TEXT(NAME),
    .outer = outer,
    .taps = taps,
    .dw_outer = dw_outer,
    .act_gradient = act_gradient,
    .moments = moments,
    .norm = norm,
    .norm_sums = norm_sums,
    .norm_gradient = norm_gradient,
    .extremes = extremes,
    .fake_quant = fake_quant,
    .fake_quant_gradient = fake_quant_gradient,
    .round = round_floats,
    .round_pairs = round_pairs,
    .softmax = softmax,
    .focal = focal,
};
#endif
