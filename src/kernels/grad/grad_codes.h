/* SPDX-License-Identifier: Apache-2.0
 * Kernels of training for 8 bits: ranges, rounding to codes and back, and the gradient through that
 * (straight through, but for what was held to an end of the range). As PyTorch's
 * fake_quantize_per_tensor_affine, to the bit. */
#ifndef MN_KERNELS_GRAD_GRAD_CODES_H
#define MN_KERNELS_GRAD_GRAD_CODES_H

#include "kernels/grad/grad.h"
#include "kernels/grad/grad_vectors.h"

/* No number stays none: where x is one, no comparison is true. */
INLINE vec held(vec x, vec low, vec high) {
  x = pick(x < low, low, x);
  return pick(x > high, high, x);
}

/* Of magnitudes below 2^22: the sum has no room for fractions. */
INLINE vec nearest(vec x) {
  const vec no_fractions = all(12582912.0f); /* 1.5 * 2^23 */
  return (x + no_fractions) - no_fractions;
}

static void extremes(const float *x, size_t count, float *low, float *high) {
  vec least = all(*low), most = all(*high);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const vec some = load(x + i);
    least = pick(some < least, some, least);
    most = pick(some > most, some, most);
  }
  for (size_t k = 0; k < LANES; k++) {
    *low = least[k] < *low ? least[k] : *low;
    *high = most[k] > *high ? most[k] : *high;
  }
  for (; i < count; i++) {
    *low = x[i] < *low ? x[i] : *low;
    *high = x[i] > *high ? x[i] : *high;
  }
}

INLINE vec through_codes(vec x, const mn_fake_quant_args *args) {
  const vec steps = x * (1.0f / args->scale);
  return nearest(held(steps, all(args->low), all(args->high))) * args->scale;
}

static void fake_quant(const mn_fake_quant_args *args) {
  size_t i = 0;
  for (; i + LANES <= args->count; i += LANES) {
    store(args->out + i, through_codes(load(args->x + i), args));
  }
  const size_t rest = args->count - i;
  if (rest) store_some(args->out + i, through_codes(load_some(args->x + i, rest), args), rest);
}

/* A step beyond either end is enough to see that x was there. */
INLINE vec where_free(vec x, vec gradient, const mn_fake_quant_args *args) {
  const vec low = all(args->low), high = all(args->high), one = all(1.0f), none = {0};
  const vec code = nearest(held(x * (1.0f / args->scale), low - one, high + one));
  return pick((code >= low) & (code <= high), gradient, none);
}

static void fake_quant_gradient(const mn_fake_quant_args *args) {
  size_t i = 0;
  for (; i + LANES <= args->count; i += LANES) {
    store(args->out + i, where_free(load(args->x + i), load(args->gradient + i), args));
  }
  const size_t rest = args->count - i;
  if (rest == 0) return;
  const vec x = load_some(args->x + i, rest), gradient = load_some(args->gradient + i, rest);
  store_some(args->out + i, where_free(x, gradient, args), rest);
}

#endif
