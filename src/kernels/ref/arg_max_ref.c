/* SPDX-License-Identifier: Apache-2.0
 * Index of the largest element; the first of equals. A NaN is less than everything
 * (LiteRT reference/arg_min_max.h). */
#include "kernels/ref/ref.h"

size_t mn_arg_max_f32_ref(const float *in, size_t count, size_t stride) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++) {
    float candidate = in[i * stride], current = in[best * stride];
    if (candidate > current || (candidate == candidate && current != current)) best = i;
  }
  return best;
}

size_t mn_arg_max_u8_ref(const uint8_t *in, size_t count, size_t stride) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++) {
    if (in[i * stride] > in[best * stride]) best = i;
  }
  return best;
}

size_t mn_arg_max_i8_ref(const int8_t *in, size_t count, size_t stride) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++) {
    if (in[i * stride] > in[best * stride]) best = i;
  }
  return best;
}
