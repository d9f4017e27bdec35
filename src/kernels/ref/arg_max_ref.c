/* SPDX-License-Identifier: Apache-2.0
 * Index of the largest element; the first of equals. A NaN is less than everything
 * (LiteRT reference/arg_min_max.h). */
#include "kernels/ref/ref.h"

size_t mn_largest_f32_ref(const float *in, size_t count, size_t stride) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++) {
    float candidate = in[i * stride], current = in[best * stride];
    if (candidate > current || (candidate == candidate && current != current)) best = i;
  }
  return best;
}

/* Code and place in one number, so that the largest needs no branch, which pictures would make
 * unpredictable: of equals the first has the larger number. */
size_t mn_largest_q8_ref(const uint8_t *in, size_t count, size_t stride, uint8_t flip) {
  enum { PLACES = 1 << 24 };
  size_t found = 0, most = 0; /* a code of `found`, 1 more */
  for (size_t begin = 0; begin < count; begin += PLACES) {
    const size_t left = count - begin, places = left < PLACES ? left : PLACES;
    uint32_t best = 0;
    for (size_t i = 0; i < places; i++) {
      const uint32_t code = in[(begin + i) * stride] ^ flip;
      const uint32_t key = code << 24 | (uint32_t)(PLACES - 1 - i);
      best = key > best ? key : best;
    }
    if ((best >> 24) + 1 > most) {
      most = (best >> 24) + 1;
      found = begin + (PLACES - 1 - best % PLACES);
    }
  }
  return found;
}

void mn_arg_max_f32_ref(const mn_arg_max_args *args) {
  const unsigned char *in = args->in;
  for (size_t row = 0; row < args->rows; row++, in += args->apart) {
    mn_put_index(args, row, mn_largest_f32_ref((const float *)(const void *)in, args->count, 1));
  }
}

void mn_arg_max_q8_ref(const mn_arg_max_args *args) {
  const uint8_t *in = args->in;
  for (size_t row = 0; row < args->rows; row++, in += args->apart) {
    mn_put_index(args, row, mn_largest_q8_ref(in, args->count, 1, args->flip));
  }
}
