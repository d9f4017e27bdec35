/* SPDX-License-Identifier: Apache-2.0
 * Elementwise kernels in float, 8 values at a time: the reference's operations in its order, so
 * results are equal to the last bit. A last part goes through masked loads and stores, which also
 * keeps `out` free to be one of the inputs. */
#include "kernels/kernels.h"
#include "kernels/x86/exp_avx2.h"

typedef __m256 binary_fn(__m256 a, __m256 b);
typedef __m256 unary_fn(__m256 x);

/* Inlined with a constant `combine`, which is then inlined too. */
MN_INLINE void binary(const mn_binary_f32_args *args, binary_fn *combine) {
  const __m256 lo = _mm256_set1_ps(args->lo), hi = _mm256_set1_ps(args->hi);
  size_t i = 0;
  for (; args->count - i >= 8; i += 8) {
    const __m256 x = combine(_mm256_loadu_ps(args->a + i), _mm256_loadu_ps(args->b + i));
    _mm256_storeu_ps(args->out + i, clamp_f32_avx2(x, lo, hi));
  }
  if (i == args->count) return; /* an empty masked store is slow */
  const __m256i mask = first_lanes_avx2(args->count - i);
  const __m256 x =
      combine(_mm256_maskload_ps(args->a + i, mask), _mm256_maskload_ps(args->b + i, mask));
  _mm256_maskstore_ps(args->out + i, mask, clamp_f32_avx2(x, lo, hi));
}

MN_INLINE void unary(const mn_unary_f32_args *args, unary_fn *function) {
  size_t i = 0;
  for (; args->count - i >= 8; i += 8) {
    _mm256_storeu_ps(args->out + i, function(_mm256_loadu_ps(args->in + i)));
  }
  if (i == args->count) return; /* an empty masked store is slow */
  const __m256i mask = first_lanes_avx2(args->count - i);
  _mm256_maskstore_ps(args->out + i, mask, function(_mm256_maskload_ps(args->in + i, mask)));
}

MN_INLINE __m256 sum(__m256 a, __m256 b) { return _mm256_add_ps(a, b); }
MN_INLINE __m256 difference(__m256 a, __m256 b) { return _mm256_sub_ps(a, b); }
MN_INLINE __m256 product(__m256 a, __m256 b) { return _mm256_mul_ps(a, b); }

/* clamp(x + 3, 0, 6) */
MN_INLINE __m256 gate(__m256 x) {
  const __m256 three = _mm256_set1_ps(3.0f), six = _mm256_set1_ps(6.0f);
  return clamp_f32_avx2(_mm256_add_ps(x, three), _mm256_setzero_ps(), six);
}

MN_INLINE __m256 hard_sigmoid(__m256 x) {
  const __m256 y = _mm256_div_ps(gate(x), _mm256_set1_ps(6.0f));
  return _mm256_blendv_ps(y, x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}

/* e^-|x| in range, then e / (1 + e) or 1 / (1 + e). */
MN_INLINE __m256 logistic(__m256 x) {
  const __m256 zero = _mm256_setzero_ps(), one = _mm256_set1_ps(1.0f);
  const __m256 positive = _mm256_cmp_ps(x, zero, _CMP_NLT_UQ);
  const __m256 depth = _mm256_or_ps(x, _mm256_set1_ps(-0.0f));
  const __m256 tiny = _mm256_cmp_ps(depth, _mm256_set1_ps(-104.0f), _CMP_LE_OQ);
  const __m256 e =
      _mm256_andnot_ps(tiny, exp_negative_avx2(_mm256_max_ps(_mm256_set1_ps(-104.0f), depth)));
  return _mm256_div_ps(_mm256_blendv_ps(e, one, positive), _mm256_add_ps(one, e));
}

void mn_add_f32_avx2(const mn_binary_f32_args *args) { binary(args, sum); }
void mn_sub_f32_avx2(const mn_binary_f32_args *args) { binary(args, difference); }
void mn_mul_f32_avx2(const mn_binary_f32_args *args) { binary(args, product); }
void mn_hard_swish_f32_avx2(const mn_unary_f32_args *args) { unary(args, hard_swish_avx2); }
void mn_hard_sigmoid_f32_avx2(const mn_unary_f32_args *args) { unary(args, hard_sigmoid); }

void mn_logistic_f32_avx2(const mn_unary_f32_args *args) { unary(args, logistic); }

void mn_clamp_f32_avx2(const mn_unary_f32_args *args) {
  const __m256 lo = _mm256_set1_ps(args->lo), hi = _mm256_set1_ps(args->hi);
  size_t i = 0;
  for (; args->count - i >= 8; i += 8) {
    _mm256_storeu_ps(args->out + i, clamp_f32_avx2(_mm256_loadu_ps(args->in + i), lo, hi));
  }
  if (i == args->count) return; /* an empty masked store is slow */
  const __m256i mask = first_lanes_avx2(args->count - i);
  const __m256 x = _mm256_maskload_ps(args->in + i, mask);
  _mm256_maskstore_ps(args->out + i, mask, clamp_f32_avx2(x, lo, hi));
}
