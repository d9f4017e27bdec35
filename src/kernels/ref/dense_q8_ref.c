/* SPDX-License-Identifier: Apache-2.0
 * Fully connected layer in 8 bits, requantized in double
 * (LiteRT reference/fully_connected.h and reference/integer_ops/fully_connected.h). */
#include "kernels/kernels.h"
#include "kernels/ref/requant.h"

/* round(x), ties away from zero, kept within what adding a zero point leaves an int32. */
static int32_t round_away(double x) {
  const double most = 1073741824.0;
  if (x >= most) return 1 << 30;
  if (x <= -most) return -(1 << 30);
  int32_t whole = (int32_t)x;
  double rest = x - whole; /* exact */
  return whole + (rest >= 0.5) - (rest <= -0.5);
}

void mn_dense_q8_ref(const mn_dense_q8_args *args) {
  for (size_t m = 0; m < args->m; m++) {
    const uint8_t *a = args->a + m * args->a_stride; /* [k] */
    uint8_t *c = args->c + m * args->c_stride;       /* [n] */
    for (size_t n = 0; n < args->n; n++) {
      const int8_t *weights = args->weights + n * args->k; /* [k] */
      int32_t sum = args->bias[n];
      for (size_t k = 0; k < args->k; k++) {
        sum += (int32_t)(a[k] ^ args->flip) * (weights[k] - args->w_zero);
      }
      int32_t code = round_away((double)sum * args->scale[n]) + args->out_zero;
      c[n] = (uint8_t)mn_clamp_i32(code, args->out_min, args->out_max);
    }
  }
}
