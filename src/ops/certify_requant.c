/* SPDX-License-Identifier: Apache-2.0
 * When is rint(fma(x, scale, x < 0 ? below : above)) + base the reference's twice rounded product
 * (ref/requant.h) for every x? Both are monotone in x, so it is enough that they step from one code
 * to the next at the same x, for each code that the clamp lets through.
 *
 * Away from zero the reference reaches its k-th code, k >= 1, at the least |x| with
 *     |x| * multiplier >= edge(k) = (2k - 1) * 2^(30 + right) - 2^30      (right = 0: no last term)
 * where x > 0, and > in place of >= where x < 0. The float form reaches it there when the fma lies
 * beyond the point halfway to that code, and before this point one x earlier. Rounding the fma
 * moves it by half the spacing of floats at most; what is left is an open interval for the offset.
 */
#include <math.h>

#include "ops/requantize.h"

/* Beyond this shift a search seldom finds anything. */
enum { MOST_CODES = 255, SCALES = 7, MOST_SEARCHED = 9, LANES = 16 };

static const double most_slack = 0x1p-18; /* half the spacing of floats up to 128 */

/* ---- A quick test that is enough ------------------------------------------------------------- */

/* The fraction of edge / multiplier in 32 bits, rounded down. */
static uint32_t fraction_of(uint64_t edge, uint32_t multiplier) {
  return (uint32_t)(((edge % multiplier) << 32) / multiplier);
}

/* Least and largest fraction of edge(k) / multiplier over all codes, each within 2^-24: how near a
 * step ever comes to an integer. The edges are equally spaced, so it takes additions alone. */
static void find_fractions(const mn_requant_problem *x, double *least, double *most) {
  const uint32_t multiplier = (uint32_t)x->multiplier;
  const uint64_t first = ((uint64_t)1 << (30 + x->right)) - (x->right ? (uint64_t)1 << 30 : 0);
  const uint32_t start = fraction_of(first, multiplier);
  const uint32_t step = fraction_of((uint64_t)1 << (31 + x->right), multiplier);
  const int32_t codes = x->up > x->down ? x->up : x->down;
  int32_t at[LANES], lo[LANES], hi[LANES]; /* less 2^31: vectors have signed comparisons */
  for (uint32_t i = 0; i < LANES; i++) {
    const uint32_t k = (int32_t)i < codes ? i : 0;
    lo[i] = hi[i] = at[i] = (int32_t)(start + k * step - 0x80000000u);
  }
  for (int32_t k = LANES; k < codes; k += LANES) { /* the last ones are others once more */
    const uint32_t jump = (uint32_t)(k + LANES <= codes ? LANES : codes - k) * step;
    for (int i = 0; i < LANES; i++) {
      at[i] = (int32_t)((uint32_t)at[i] + jump);
      lo[i] = at[i] < lo[i] ? at[i] : lo[i];
      hi[i] = at[i] > hi[i] ? at[i] : hi[i];
    }
  }
  for (int i = 1; i < LANES; i++) {
    lo[0] = lo[i] < lo[0] ? lo[i] : lo[0];
    hi[0] = hi[i] > hi[0] ? hi[i] : hi[0];
  }
  *least = (lo[0] + 0x1p31) * 0x1p-32;
  *most = (hi[0] + 0x1p31) * 0x1p-32;
}

static bool prove_quickly(const mn_requant_problem *x, mn_requant_float *found) {
  const double real = ldexp(x->multiplier, -31 - x->right);
  const double codes = x->up > x->down ? x->up : x->down;
  double least, most;
  find_fractions(x, &least, &most);
  least -= 0x1p-24;
  most += 0x1p-24 + 0x1p-24;
  found->scale = (float)real;
  /* How far the last code's step moves: it lies at most at a product of `codes` + 1. */
  const double tilt = (codes + 1.0) * (found->scale - real) / real;
  const double delta = x->right ? ldexp(1.0, -1 - x->right) : 0.0;
  const double lo = delta + most_slack - fmin(tilt, 0.0) - (1.0 - most) * real;
  const double hi = delta - most_slack - fmax(tilt, 0.0) + least * real;
  found->above = (float)(x->zero + 0.5 * (lo + hi));
  found->below = (float)(x->zero - 0.5 * (lo + hi));
  const double above = found->above - (double)x->zero, below = x->zero - (double)found->below;
  return least > 0.0 && most < 1.0 && lo < above && above < hi && lo < below && below < hi;
}

/* ---- A search, code by code ------------------------------------------------------------------ */

/* One side of zero: the least |x| of every code. */
typedef struct side {
  double sign, step[MOST_CODES];
  int32_t codes;
} side;

static void find_steps(side *x, double multiplier, int32_t right) {
  const double unit = ldexp(1.0, 30 + right), first = right ? 1073741824.0 : 0.0;
  const double inverse = 1.0 / multiplier;
  for (int32_t k = 0; k < x->codes; k++) {
    const double edge = (2.0 * k + 1.0) * unit - first;        /* exact, as what follows */
    const double quotient = (double)(int32_t)(edge * inverse); /* within one of the floor */
    const double rest = edge - quotient * multiplier;
    const int up =
        x->sign < 0 ? (rest >= 0.0) + (rest >= multiplier) : (rest > 0.0) + (rest > multiplier);
    x->step[k] = quotient + up;
  }
}

/* Half the spacing of floats around x. */
static double slack_at(double x) {
  x = fabs(x);
  return x >= 64 ? most_slack : x >= 32 ? 0x1p-19 : x >= 16 ? 0x1p-20 : 0x1p-21;
}

/* The offset that makes every step right for this scale. */
static bool find_offset(const side *x, double scale, double zero, float *offset) {
  double lo = -1.0, hi = 1.0; /* of its size away from zero */
  for (int32_t k = 0; k < x->codes; k++) {
    const double half = k + 0.5, reached = x->step[k] * scale;
    const double slack = slack_at(zero + x->sign * half);
    const double need = half + slack - reached, allow = half - slack - (reached - scale);
    lo = need > lo ? need : lo;
    hi = allow < hi ? allow : hi;
  }
  *offset = (float)(zero + x->sign * 0.5 * (lo + hi));
  const double found = x->sign * (*offset - zero);
  return found > lo && found < hi;
}

static bool prove_by_search(const mn_requant_problem *x, mn_requant_float *found) {
  side positive = {.sign = 1.0, .codes = x->up}, negative = {.sign = -1.0, .codes = x->down};
  find_steps(&positive, x->multiplier, x->right);
  find_steps(&negative, x->multiplier, x->right);
  static const float way[SCALES] = {0, 1, -2, 3, -4, 5, -6}; /* nearest, its neighbours, theirs */
  float scale = (float)ldexp(x->multiplier, -31 - x->right);
  const float ulp = nextafterf(scale, 1.0f) - scale;
  for (int i = 0; i < SCALES; i++) {
    scale += way[i] * ulp;
    found->scale = scale;
    if (find_offset(&positive, scale, x->zero, &found->above) &&
        find_offset(&negative, scale, x->zero, &found->below)) {
      return true;
    }
  }
  return false;
}

bool mn_certify_requant(const mn_requant_problem *x, mn_requant_float *found) {
  const int32_t codes = x->up > x->down ? x->up : x->down;
  if (codes <= 0) {
    *found = (mn_requant_float){0.0f, (float)x->zero, (float)x->zero};
    return true;
  }
  if (x->multiplier <= 0 || x->right < 0) return false;
  const double last = (2.0 * codes - 1.0) * ldexp(1.0, 30 + x->right);
  if (last >= 0x1p53 || last >= 0x1p24 * x->multiplier) return false; /* not exact in double */
  return prove_quickly(x, found) || (x->right <= MOST_SEARCHED && prove_by_search(x, found));
}
