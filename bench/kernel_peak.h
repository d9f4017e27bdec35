/* SPDX-License-Identifier: Apache-2.0
 * What the arithmetic units can do at most: loops of multiply-adds on registers, wide enough to
 * hide the latency. FMA for float; for 8 bits madd of 16-bit pairs plus the addition it needs, or
 * vpdpbusd where there is VNNI. Without SIMD, one multiply-add a turn. */
#ifndef MN_BENCH_KERNEL_PEAK_H
#define MN_BENCH_KERNEL_PEAK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cpu.h"

enum { PEAK_TURNS = 200000 };

#ifdef MN_HAVE_X86
#include <immintrin.h>

/* The empty asm keeps the twelve sums in registers and the loop from being folded. */
#define PEAK_SPIN(name, isa, type, lanes, zero, step)                                    \
  __attribute__((target(isa))) static double name(void) {                                \
    type s0 = zero, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;       \
    type s8 = s0, s9 = s0, x = s0, y = s0;                                               \
    for (int i = 0; i < PEAK_TURNS; i++) {                                               \
      __asm__ volatile("" : "+v"(x), "+v"(y));                                           \
      step(s0) step(s1) step(s2) step(s3) step(s4) step(s5) step(s6) step(s7) step(s8)   \
          step(s9) __asm__ volatile(""                                                   \
                                    : "+v"(s0), "+v"(s1), "+v"(s2), "+v"(s3), "+v"(s4)); \
      __asm__ volatile("" : "+v"(s5), "+v"(s6), "+v"(s7), "+v"(s8), "+v"(s9));           \
    }                                                                                    \
    return 10.0 * (lanes)*PEAK_TURNS;                                                    \
  }
/* The additions are asm because gcc 12 copies such sums about; the asm on x makes each product
 * new. */
#define PEAK_FMA_256(s) s = _mm256_fmadd_ps(x, y, s);
#define PEAK_MADD_256(s)                                                          \
  __asm__ volatile("vpaddd %1, %0, %0" : "+x"(s) : "x"(_mm256_madd_epi16(x, y))); \
  __asm__ volatile("" : "+x"(x));
#define PEAK_FMA_512(s) s = _mm512_fmadd_ps(x, y, s);
#define PEAK_MADD_512(s)                                                          \
  __asm__ volatile("vpaddd %1, %0, %0" : "+v"(s) : "v"(_mm512_madd_epi16(x, y))); \
  __asm__ volatile("" : "+v"(x));
#define PEAK_DOT_512(s) s = _mm512_dpbusd_epi32(s, x, y);
PEAK_SPIN(peak_fma_256, "avx2,fma", __m256, 8, _mm256_setzero_ps(), PEAK_FMA_256)
PEAK_SPIN(peak_madd_256, "avx2", __m256i, 16, _mm256_setzero_si256(), PEAK_MADD_256)
PEAK_SPIN(peak_fma_512, "avx512f", __m512, 16, _mm512_setzero_ps(), PEAK_FMA_512)
PEAK_SPIN(peak_madd_512, "avx512f,avx512bw", __m512i, 32, _mm512_setzero_si512(), PEAK_MADD_512)
PEAK_SPIN(peak_dot_512, "avx512f,avx512vnni", __m512i, 64, _mm512_setzero_si512(), PEAK_DOT_512)
#endif

static double peak_scalar(void) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < PEAK_TURNS; i++) {
    sum += i * 3u;
    __asm__ volatile("" : "+r"(sum));
  }
  return PEAK_TURNS;
}

/* Spins a moment with the instructions a kernel of these needs uses; returns the multiply-adds. */
static double kernel_peak_spin(mn_cpu_features needs, bool f32) {
#ifdef MN_HAVE_X86
  if (needs & MN_AVX512VNNI) return peak_dot_512();
  if (needs & MN_AVX512) return f32 ? peak_fma_512() : peak_madd_512();
  if (needs & MN_AVX2) return f32 ? peak_fma_256() : peak_madd_256();
#endif
  (void)needs, (void)f32;
  return peak_scalar();
}

#endif
