/* SPDX-License-Identifier: Apache-2.0
 * Which of the compiled training kernels run here. */
#include "base/cpu.h"
#include "kernels/grad/grad.h"

const mn_grad_kernels *mn_grad_kernels_select(uint32_t features) {
#ifdef MN_HAVE_X86
  if (features & MN_AVX512) return &mn_grad_kernels_avx512;
  if ((features & (MN_AVX2 | MN_FMA)) == (MN_AVX2 | MN_FMA)) return &mn_grad_kernels_avx2;
#endif
  (void)features;
  return &mn_grad_kernels_ref;
}
