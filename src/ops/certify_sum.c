/* SPDX-License-Identifier: Apache-2.0
 * When is LiteRT's sum of two codes, thrice rounded in integers, the same as two multiply-adds in
 * float (kernels.h, add_real_q8) for all 65,536 pairs? Both stay within a bound of the exact sum,
 * so they can only part where that lies as near to a point halfway between two codes. Those pairs
 * are a handful, and constants next to the nearest ones are tried on them until all agree. */
#include <math.h>

#include "ops/requantize.h"

enum { CODES = 256, MOST_NEAR = 1024, REACH = 6, WAYS = 2 * REACH + 1 };

/* The exact sum of codes i and j is i * a + j * b + constant, in unsigned codes of the output. */
typedef struct exact_sum {
  double a, b, constant;
} exact_sum;

typedef struct near_pairs {
  uint8_t a[MOST_NEAR], b[MOST_NEAR], expected[MOST_NEAR];
  size_t count;
} near_pairs;

/* A real number's fraction, in 2^-32. */
static uint32_t fraction_of(double x) { return (uint32_t)((x - floor(x)) * 0x1p32); }

/* The pairs whose exact sum is within `bound` of halfway; false: too many. */
static bool find_near(const exact_sum *x, double bound, uint8_t flip, near_pairs *near) {
  /* Signed and less 2^31, as vectors of the least CPU compare. */
  uint32_t step[CODES];
  for (int32_t j = 0; j < CODES; j++) step[j] = fraction_of(j * x->b);
  const int32_t most = INT32_MIN + (int32_t)(bound * 0x1p33);
  near->count = 0;
  for (int32_t i = 0; i < CODES; i++) {
    const uint32_t start = fraction_of(i * x->a + x->constant + 0.5 + bound) + 0x80000000u;
    int32_t least = INT32_MAX;
    for (int32_t j = 0; j < CODES; j++) {
      const int32_t at = (int32_t)(start + step[j]);
      least = at < least ? at : least;
    }
    for (int32_t j = 0; least <= most && j < CODES; j++) {
      if ((int32_t)(start + step[j]) > most) continue;
      if (near->count == MOST_NEAR) return false;
      near->a[near->count] = (uint8_t)(i ^ flip);
      near->b[near->count++] = (uint8_t)(j ^ flip);
    }
  }
  return true;
}

MN_PLANNING bool agrees(const near_pairs *near, size_t i, mn_add_real_q8_args y) {
  uint8_t found;
  y.a = &near->a[i], y.b = &near->b[i], y.out = &found, y.count = 1;
  mn_add_real_q8_ref(&y);
  return found == near->expected[i];
}

/* `last` is the pair that failed the constants before: it fails many. */
MN_PLANNING bool all_agree(const near_pairs *near, const mn_add_real_q8_args *y, size_t *last) {
  if (near->count > 0 && !agrees(near, *last, *y)) return false;
  for (size_t i = 0; i < near->count; i++) {
    *last = i;
    if (!agrees(near, i, *y)) return false;
  }
  return true;
}

/* The float next to x, one after that, ... on either side in turn. */
MN_PLANNING float nudged(double x, int way) {
  float at = (float)x;
  for (int i = 0; i < (way + 1) / 2; i++) at = nextafterf(at, way % 2 ? INFINITY : -INFINITY);
  return at;
}

MN_PLANNING bool search(const exact_sum *x, const near_pairs *near, mn_add_real_q8_args *found) {
  size_t last = 0;
  for (int i = 0; i < WAYS * WAYS * WAYS; i++) {
    found->a_scale = nudged(x->a, i % WAYS);
    found->b_scale = nudged(x->b, i / WAYS % WAYS);
    const double tilt = found->a_scale - x->a + (found->b_scale - x->b);
    found->constant = nudged(x->constant - CODES / 2 * tilt, i / (WAYS * WAYS));
    if (all_agree(near, found, &last)) return true;
  }
  return false;
}

bool mn_certify_sum(const mn_add_q8_args *args, mn_add_real_q8_args *found) {
  const double out = ldexp(args->out_multiplier, args->out_shift - 31);
  const double unit = ldexp(out, args->left_shift);
  const int32_t offset = args->flip ? 128 : 0;
  exact_sum x = {.a = unit * ldexp(args->a_multiplier, args->a_shift - 31),
                 .b = unit * ldexp(args->b_multiplier, args->b_shift - 31)};
  if (args->a_shift > 0 || args->b_shift > 0 || args->out_shift > 0) return false;
  x.constant = args->out_zero + offset - args->a_zero * x.a - args->b_zero * x.b;
  /* The integers round each input to a unit before the last shift, and then twice. The floats'
   * scales are REACH and a half of their spacings off, times a code, and so is their constant; the
   * inner multiply-add rounds by half a spacing, the outer one by half of that of 256. */
  const double inner = fabs(x.constant) + CODES * (x.a + x.b);
  const double bound = 2.0 * out + ldexp(0.5, args->out_shift) +
                       (REACH + 1) * 0x1p-23 * (2 * CODES * (x.a + x.b) + inner) + 0x1p-16;
  near_pairs near;
  if (!(bound < 0x1p-8) || !find_near(&x, bound, args->flip, &near)) return false;
  mn_add_q8_args fixed = *args;
  fixed.a = near.a, fixed.b = near.b, fixed.out = near.expected, fixed.count = near.count;
  mn_add_q8_ref(&fixed);
  found->flip = args->flip;
  found->out_min = args->out_min + offset;
  found->out_max = args->out_max + offset;
  return search(&x, &near, found);
}
