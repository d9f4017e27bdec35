/* SPDX-License-Identifier: Apache-2.0
 * Matrix product of operands rounded to bf16, the plain definition: bias first, then ascending k.
 * Panels of one column, so b is [n][k], k even. */
#include "base/half.h"
#include "kernels/kernels.h"
#include "kernels/ref/clamp_f32.h"

static void round_row(const mn_gemm_f32_args *args, size_t m, float *to) {
  for (size_t i = 0; i < args->segments; i++) {
    const float *a = args->a[i] + m * args->a_stride; /* [segment] */
    for (size_t k = 0; k < args->segment; k++) {
      *to++ = mn_bfloat_to_float(mn_bfloat_of_float(a[k]));
    }
  }
}

void mn_gemm_bf16_ref(const mn_gemm_bf16_args *args) {
  const mn_gemm_f32_args *f32 = &args->f32;
  for (size_t m = 0; m < f32->m; m++) {
    float *c = f32->c + m * f32->c_stride; /* [n] */
    const uint16_t *b = args->b;           /* [n][k] */
    round_row(f32, m, args->scratch);
    for (size_t n = 0; n < f32->n; n++, b += f32->k + f32->k % 2) {
      float sum = f32->bias[n];
      for (size_t k = 0; k < f32->k; k++) sum += args->scratch[k] * mn_bfloat_to_float(b[k]);
      c[n] = mn_finish_one_f32(sum, &f32->finish);
    }
  }
}
