/* SPDX-License-Identifier: Apache-2.0
 * What losses do to every logit, as kernels of grad.h: softmax of rows, focal loss. The exponential
 * is that of kernels/ref/exp_f32.h for arguments up to 0; results below e^-87 are 0. */
#ifndef MN_KERNELS_GRAD_GRAD_LOSS_H
#define MN_KERNELS_GRAD_GRAD_LOSS_H

#include <math.h>

#include "kernels/grad/grad.h"
#include "kernels/grad/grad_vectors.h"

typedef double half_vec __attribute__((vector_size(LANES * 4))); /* as long, half as many */
typedef uint32_t bits_vec __attribute__((vector_size(LANES * 4)));

INLINE vec exp_not_positive(vec x) {
  const float to_integers = 12582912.0f; /* 1.5 * 2^23: a sum with it has no fraction */
  const float ln2_high = 0.693145752f, ln2_low = 1.42860677e-6f;
  const mask tiny = (mask)(x < all(-87.0f));
  const vec shifted = x * 1.44269504f + to_integers, n = shifted - to_integers;
  const vec r = (x - n * ln2_high) - n * ln2_low;
  vec p = all(1.97902482e-4f);
  p = p * r + 1.39447593e-3f;
  p = p * r + 8.33349768e-3f;
  p = p * r + 4.16662954e-2f;
  p = p * r + 1.66666657e-1f;
  p = p * r + 0.5f;
  const bits_vec power = ((bits_vec)shifted + 127u) << 23;
  return pick(tiny, all(0), (1.0f + (r + r * r * p)) * (vec)power);
}

INLINE mask lane_indices(void) {
  mask index;
  for (int i = 0; i < LANES; i++) index[i] = i;
  return index;
}
INLINE mask first_of(size_t count) {
  return (mask)(lane_indices() < (int32_t)(count < LANES ? count : LANES));
}

/* Lanes from `count` on are `rest`. */
INLINE vec load_or(const float *from, size_t count, float rest) {
  return pick(first_of(count), load_some(from, count), all(rest));
}

/* What a row has in whole vectors, and its last, partial one. */
INLINE float largest_of(const float *x, size_t count) {
  const size_t whole = count / LANES * LANES;
  vec most = all(-INFINITY);
  for (size_t c = 0; c < whole; c += LANES) {
    const vec at = load(x + c);
    most = pick((mask)(at > most), at, most);
  }
  if (whole < count) {
    const vec at = load_or(x + whole, count - whole, -INFINITY);
    most = pick((mask)(at > most), at, most);
  }
  float lanes[LANES];
  store(lanes, most);
  for (int half = LANES / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; i++)
      lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
  }
  return lanes[0];
}

/* In double, so that a sum of a thousand is as good as its parts. */
INLINE half_vec in_double(vec x) {
  typedef float halved __attribute__((vector_size(LANES * 2)));
  halved low, high;
  memcpy(&low, &x, sizeof low);
  memcpy(&high, (const char *)&x + sizeof low, sizeof high);
  return __builtin_convertvector(low, half_vec) + __builtin_convertvector(high, half_vec);
}

INLINE double exp_row(const float *x, float *p, size_t count, float most) {
  const size_t whole = count / LANES * LANES;
  half_vec sums = {0};
  for (size_t c = 0; c < whole; c += LANES) {
    const vec e = exp_not_positive(load(x + c) - most);
    store(p + c, e);
    sums += in_double(e);
  }
  if (whole < count) {
    const vec e = exp_not_positive(load_or(x + whole, count - whole, -INFINITY) - most);
    store_some(p + whole, e, count - whole);
    sums += in_double(e);
  }
  double sum = 0;
  for (int i = 0; i < LANES / 2; i++) sum += sums[i];
  return sum;
}

INLINE void scale_row(float *p, size_t count, float scale) {
  const size_t whole = count / LANES * LANES;
  for (size_t c = 0; c < whole; c += LANES) store(p + c, load(p + c) * scale);
  if (whole < count) {
    store_some(p + whole, load_some(p + whole, count - whole) * scale, count - whole);
  }
}

static inline void softmax(const mn_softmax_args *args) {
  for (size_t r = 0; r < args->rows; r++) {
    const float *x = args->x + r * args->columns;
    float *p = args->p + r * args->columns;
    const float most = largest_of(x, args->columns);
    const double sum = exp_row(x, p, args->columns, most);
    scale_row(p, args->columns, (float)((double)args->scales[r] / sum));
    args->most[r] = most;
    args->sums[r] = sum;
  }
}

/* ---- focal loss ------------------------------------------------------------------------------ */

/* log(1 + e), 0 <= e <= 1: 2 atanh(e / (2 + e)) by its series, the next term of which is below
 * 2^-26 of it. */
INLINE vec log_one_plus(vec e) {
  const vec s = e / (e + 2.0f), z = s * s;
  vec sum = all(1.0f / 13);
  sum = sum * z + 1.0f / 11;
  sum = sum * z + 1.0f / 9;
  sum = sum * z + 1.0f / 7;
  sum = sum * z + 1.0f / 5;
  sum = sum * z + 1.0f / 3;
  return 2.0f * (s + s * z * sum);
}

/* Of one vector of logits, `there` where the class is the row's. */
INLINE vec focal_of(const mn_focal_args *args, vec x, mask there, vec *gradient) {
  const vec s = pick(there, x, -x), zero = all(0);
  const mask positive = (mask)(s > zero);
  const vec e = exp_not_positive(pick(positive, -s, s));
  const vec far = 1.0f / (1.0f + e), near = e * far, log_far = log_one_plus(e);
  const vec right = pick(positive, far, near), wrong = pick(positive, near, far);
  const vec entropy = log_far + pick(positive, zero, -s); /* -log(right) */
  const vec power = exp_not_positive(-args->gamma * (log_far + pick(positive, s, zero)));
  const vec weight = power * pick(there, all(args->there), all(args->absent));
  const vec slope = weight * (args->gamma * right * entropy + wrong) * args->scale;
  *gradient = pick(there, -slope, slope);
  return weight * entropy;
}

static inline double focal(const mn_focal_args *args) {
  half_vec sums = {0};
  for (size_t r = 0; r < args->rows; r++) {
    for (size_t c = 0; c < args->columns; c += LANES) {
      const size_t at = r * args->columns + c, left = args->columns - c;
      const size_t count = left < LANES ? left : LANES;
      const mask there = (mask)(lane_indices() == args->classes[r] - 1 - (int32_t)c);
      vec gradient;
      const vec loss = focal_of(args, load_some(args->x + at, count), there, &gradient);
      store_some(args->gradient + at, gradient, count);
      sums += in_double(pick(first_of(count), loss, all(0)));
    }
  }
  double sum = 0;
  for (int i = 0; i < LANES / 2; i++) sum += sums[i];
  return sum;
}

#endif
