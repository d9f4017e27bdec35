/* SPDX-License-Identifier: Apache-2.0
 * What this CPU can do, as a bit set, and the named levels that --isa selects. */
#ifndef MN_BASE_CPU_H
#define MN_BASE_CPU_H

#include "mobilenet/mobilenet.h"

typedef uint32_t mn_cpu_features;

enum {
  MN_AVX2 = 1u << 0,
  MN_FMA = 1u << 1,
  MN_AVX512 = 1u << 2, /* F, BW, DQ, VL together */
  MN_AVX512VNNI = 1u << 3,
  MN_AVXVNNI = 1u << 4,    /* vpdpbusd of 256 bits without AVX-512 */
  MN_AVX512VBMI = 1u << 5, /* byte permutations; in no level, used where the CPU has it */
  MN_AVX512BF16 = 1u << 6,
  MN_AMXINT8 = 1u << 7, /* tiles, and the kernel's permission for this process to use them */
  MN_AMXBF16 = 1u << 8,
  MN_NEON = 1u << 16, /* every 64-bit ARM has it, with fused multiply-add */
  MN_DOTPROD = 1u << 17,
  MN_I8MM = 1u << 18,
  MN_BFMMLA = 1u << 19 /* bf16 of ARM */
};

/* Operating-system support for the wide registers included: where there are tiles, Linux is asked
 * to let this process use them. */
mn_cpu_features mn_cpu_detect(void);

/* Resolves a level name ("scalar", "avx2", "avxvnni", "avx512", "avx512vnni", "avx512bf16", "amx";
 * on ARM "scalar", "neon", "dotprod", "i8mm", "bf16") to the features it allows. NULL: what this
 * CPU has, lowered by MOBILENET_ISA. Error: ARGUMENT, listing the names; also when this CPU lacks
 * it. */
mn_status mn_cpu_level(const char *name, mn_cpu_features *features, mn_error *err);

/* The name of the highest level contained in `features`. */
const char *mn_cpu_level_name(mn_cpu_features features);

/* Makes the calling thread treat denormal floats as zero, which costs nothing, where computing with
 * them costs a hundredfold; returns the state to restore. On ARM they cost nothing, and stay. */
uint32_t mn_cpu_flush_denormals(void);
void mn_cpu_restore_denormals(uint32_t state);

/* The name of the lowest level that has all of `needs`; "native" when no named level has. */
const char *mn_cpu_level_needed(mn_cpu_features needs);

/* Level names in ascending order; NULL past the end. */
const char *mn_cpu_level_at(int index);

#endif
