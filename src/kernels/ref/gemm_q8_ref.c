/* SPDX-License-Identifier: Apache-2.0
 * Matrix product in 8 bits, the plain definition. Panels of one column and one k, so b is [n][k]
 * of int16 weights with their zero point subtracted. mn_graph_verify bounds every partial sum. */
#include "kernels/kernels.h"
#include "kernels/ref/requant_code.h"

void mn_gemm_q8_ref(const mn_gemm_q8_args *args) {
  const int16_t *weights = args->b; /* [n][k] */
  const mn_requant *requant = &args->requant;
  for (size_t m = 0; m < args->m; m++) {
    const uint8_t *a = args->a + m * args->a_stride; /* [k] */
    uint8_t *c = args->c + m * args->c_stride;       /* [n] */
    for (size_t n = 0; n < args->n; n++) {
      const int16_t *b = weights + n * args->k; /* [k] */
      int32_t sum = args->bias[n];
      for (size_t k = 0; k < args->k; k++) sum += (int32_t)(a[k] ^ args->flip) * b[k];
      c[n] = mn_requant_code(requant, n, sum);
    }
  }
}
