/* SPDX-License-Identifier: Apache-2.0
 * Every kernel of list.def that this CPU can run against its slot's reference kernel: bit for bit
 * in 8 bits, within the stated bound in float. Says how many cases each kernel met. Built a second
 * time as test_parity_avx512, with MN_EMULATE_AVX512, it runs the AVX-512 sources on portable code
 * whatever this CPU is. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "base/cpu.h"
#include "parity_bf16.h"
#include "parity_dw_q8s.h"
#include "parity_eltwise.h"
#include "parity_f32.h"
#include "parity_q8.h"
#include "parity_resize.h"
#include "parity_softmax.h"
#include "parity_sum.h"

typedef int parity_fn(const mn_kernel *kernel, size_t *cases);

static parity_fn *const parity_of_slot[MN_SLOT_COUNT] = {
    [MN_SLOT_gemm_f32] = parity_all_gemm_f32,
    [MN_SLOT_gemm_bf16] = parity_all_gemm_bf16,
    [MN_SLOT_gemm_q8] = parity_all_gemm_q8,
    [MN_SLOT_gemm_q8s] = parity_all_gemm_q8,
    [MN_SLOT_dense_q8] = parity_all_dense_q8,
    [MN_SLOT_sum_f32] = parity_all_sum,
    [MN_SLOT_sum_q8] = parity_all_sum,
    [MN_SLOT_resize_f32] = parity_all_resize,
    [MN_SLOT_resize_u8] = parity_all_resize,
    [MN_SLOT_resize_i8] = parity_all_resize,
    [MN_SLOT_dw_f32] = parity_all_dw_f32,
    [MN_SLOT_dw_q8s] = parity_all_dw_q8s,
    [MN_SLOT_add_q8] = parity_all_add_q8,
    [MN_SLOT_mul_q8] = parity_all_mul_q8,
    [MN_SLOT_add_real_q8] = parity_all_add_real_q8,
    [MN_SLOT_mul_real_q8] = parity_all_mul_real_q8,
    [MN_SLOT_lut8] = parity_all_lut8,
    [MN_SLOT_add_f32] = parity_all_binary_f32,
    [MN_SLOT_sub_f32] = parity_all_binary_f32,
    [MN_SLOT_mul_f32] = parity_all_binary_f32,
    [MN_SLOT_clamp_f32] = parity_all_unary_f32,
    [MN_SLOT_hard_swish_f32] = parity_all_unary_f32,
    [MN_SLOT_hard_sigmoid_f32] = parity_all_unary_f32,
    [MN_SLOT_logistic_f32] = parity_all_unary_f32,
    [MN_SLOT_softmax_f32] = parity_all_softmax,
    [MN_SLOT_softmax_q8] = parity_all_softmax,
    [MN_SLOT_arg_max_f32] = parity_all_arg_max,
    [MN_SLOT_arg_max_q8] = parity_all_arg_max,
};

#ifdef MN_EMULATE_AVX512
static bool runs_here(const mn_kernel *kernel) {
  const bool narrow = kernel->needs & MN_AVXVNNI && mn_cpu_detect() & MN_AVX2;
  return narrow || (kernel->needs & MN_AVX512) != 0;
}
#else
static bool runs_here(const mn_kernel *kernel) { return (kernel->needs & ~mn_cpu_detect()) == 0; }
#endif

int main(void) {
  size_t count, ran = 0;
  const mn_kernel *kernels = mn_kernel_list(&count);
  int failures = 0;
  for (size_t i = 0; i < count; i++) {
    size_t cases = 0;
    if (!runs_here(&kernels[i])) {
      printf("%-32s not run here\n", kernels[i].name);
      continue;
    }
    const int failed = parity_of_slot[kernels[i].slot](&kernels[i], &cases);
    printf("%-32s %6zu cases, %d failed\n", kernels[i].name, cases, failed);
    failures += failed;
    ran++;
  }
  printf("%zu kernels, %d failures\n", ran, failures);
  return failures || ran == 0 ? 1 : 0;
}
