/* SPDX-License-Identifier: Apache-2.0
 * Matrix product in float, the plain definition: bias first, then ascending k, each product
 * rounded before it is added. Panels of one column, so b is [n][k]. */
#include "kernels/kernels.h"
#include "kernels/ref/clamp_f32.h"

void mn_gemm_f32_ref(const mn_gemm_f32_args *args) {
  for (size_t m = 0; m < args->m; m++) {
    float *c = args->c + m * args->c_stride; /* [n] */
    for (size_t n = 0; n < args->n; n++) {
      const float *b = args->b + n * args->k; /* [k] */
      float sum = args->bias[n];
      for (size_t i = 0; i < args->segments; i++, b += args->segment) {
        const float *a = args->a[i] + m * args->a_stride; /* [segment] */
        for (size_t k = 0; k < args->segment; k++) sum += a[k] * b[k];
      }
      c[n] = mn_finish_one_f32(sum, &args->finish);
    }
  }
}
