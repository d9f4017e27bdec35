/* SPDX-License-Identifier: Apache-2.0
 * CPU features, by cpuid or from the kernel, and the levels that name sets of them. */
#define _DEFAULT_SOURCE /* syscall */
#include "base/cpu.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <xmmintrin.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

typedef struct level {
  const char *name;
  mn_cpu_features features;
} level;

/* Ascending: each level contains those before it, but that AVX-512 does not bring AVX-VNNI. */
#if defined(__aarch64__)
static const level levels[] = {
    {"scalar", 0},
    {"neon", MN_NEON},
    {"dotprod", MN_NEON | MN_DOTPROD},
    {"i8mm", MN_NEON | MN_DOTPROD | MN_I8MM},
    {"bf16", MN_NEON | MN_DOTPROD | MN_I8MM | MN_BFMMLA},
};
#define LEVEL_NAMES "scalar, neon, dotprod, i8mm or bf16"
#else
enum { AVX512VNNI_LEVEL = MN_AVX2 | MN_FMA | MN_AVX512 | MN_AVX512VNNI };
static const level levels[] = {
    {"scalar", 0},
    {"avx2", MN_AVX2 | MN_FMA},
    {"avxvnni", MN_AVX2 | MN_FMA | MN_AVXVNNI},
    {"avx512", MN_AVX2 | MN_FMA | MN_AVX512},
    {"avx512vnni", AVX512VNNI_LEVEL},
    {"avx512bf16", AVX512VNNI_LEVEL | MN_AVX512BF16},
    {"amx", AVX512VNNI_LEVEL | MN_AVX512BF16 | MN_AMXINT8 | MN_AMXBF16},
};
#define LEVEL_NAMES "scalar, avx2, avxvnni, avx512, avx512vnni, avx512bf16 or amx"
#endif
enum { LEVEL_COUNT = sizeof levels / sizeof levels[0] };

#if defined(__x86_64__) && !defined(MN_NO_SIMD)
/* Bits of cpuid's leaves 1 and 7 (Intel SDM volume 2, CPUID), and of XCR0: which registers the
 * operating system saves. The compiler's own __builtin_cpu_supports brings 4 KB of tables. */
enum {
  LEAF1_ECX_FMA = 1 << 12,
  LEAF1_ECX_OSXSAVE = 1 << 27,
  LEAF7_EBX_AVX2 = 1 << 5,
  LEAF7_ECX_AVX512VBMI = 1 << 1,
  LEAF7_ECX_AVX512VNNI = 1 << 11,
  LEAF7_EDX_AMXBF16 = 1 << 22,
  LEAF7_EDX_TILES = 1 << 24,
  LEAF7_EDX_AMXINT8 = 1 << 25,
  LEAF7_1_EAX_AVXVNNI = 1 << 4,
  LEAF7_1_EAX_AVX512BF16 = 1 << 5,
  SAVES_AVX = 0x06,
  SAVES_AVX512 = 0xe6,
  SAVES_TILES = 0x60000
};
static const unsigned leaf7_ebx_avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F DQ BW VL */

static unsigned saved_registers(void) {
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

/* The 8 KB of tile registers are saved only for processes that asked (Linux 5.16): asking again
 * changes nothing, threads of the process are allowed with it. */
static bool tiles_permitted(void) {
#if defined(__linux__)
  enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
  return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
  return false;
#endif
}

static mn_cpu_features tile_features(unsigned leaf7d, unsigned saved) {
  mn_cpu_features found = 0;
  if (!(leaf7d & LEAF7_EDX_TILES) || (saved & SAVES_TILES) != SAVES_TILES) return 0;
  if (leaf7d & LEAF7_EDX_AMXINT8) found |= MN_AMXINT8;
  if (leaf7d & LEAF7_EDX_AMXBF16) found |= MN_AMXBF16;
  return found && tiles_permitted() ? found : 0;
}

mn_cpu_features mn_cpu_detect(void) {
  unsigned a, b, c, d, leaf1, leaf7b, leaf7c, leaf7d, more = 0;
  if (!__get_cpuid(1, &a, &b, &leaf1, &d) || !(leaf1 & LEAF1_ECX_OSXSAVE)) return 0;
  if (!__get_cpuid_count(7, 0, &a, &leaf7b, &leaf7c, &leaf7d)) return 0;
  if (a >= 1) __cpuid_count(7, 1, more, b, c, d);
  const unsigned saved = saved_registers();
  mn_cpu_features found = 0;
  if ((saved & SAVES_AVX) != SAVES_AVX) return 0;
  if (leaf7b & LEAF7_EBX_AVX2) found |= MN_AVX2;
  if (leaf1 & LEAF1_ECX_FMA) found |= MN_FMA;
  if (more & LEAF7_1_EAX_AVXVNNI) found |= MN_AVXVNNI;
  if ((saved & SAVES_AVX512) != SAVES_AVX512) return found;
  if ((leaf7b & leaf7_ebx_avx512) != leaf7_ebx_avx512) return found;
  found |= MN_AVX512;
  if (leaf7c & LEAF7_ECX_AVX512VNNI) found |= MN_AVX512VNNI;
  if (leaf7c & LEAF7_ECX_AVX512VBMI) found |= MN_AVX512VBMI;
  if (more & LEAF7_1_EAX_AVX512BF16) found |= MN_AVX512BF16;
  return found | tile_features(leaf7d, saved);
}
#elif defined(__aarch64__) && !defined(MN_NO_SIMD)
mn_cpu_features mn_cpu_detect(void) {
  mn_cpu_features found = MN_NEON;
#if defined(__linux__)
  const unsigned long first = getauxval(AT_HWCAP), second = getauxval(AT_HWCAP2);
  if (first & 1ul << 20) found |= MN_DOTPROD; /* HWCAP_ASIMDDP */
  if (second & 1ul << 13) found |= MN_I8MM;   /* HWCAP2_I8MM: not in every libc's header */
  if (second & 1ul << 14) found |= MN_BFMMLA; /* HWCAP2_BF16 */
#endif
  return found;
}
#else
mn_cpu_features mn_cpu_detect(void) { return 0; }
#endif

const char *mn_cpu_level_at(int index) {
  return index >= 0 && index < LEVEL_COUNT ? levels[index].name : NULL;
}

const char *mn_cpu_level_name(mn_cpu_features features) {
  const char *name = levels[0].name;
  for (int i = 0; i < LEVEL_COUNT; i++) {
    if ((levels[i].features & ~features) == 0) name = levels[i].name;
  }
  return name;
}

const char *mn_cpu_level_needed(mn_cpu_features needs) {
  for (int i = 0; i < LEVEL_COUNT; i++) {
    if ((needs & ~levels[i].features) == 0) return levels[i].name;
  }
  return "native";
}

mn_status mn_cpu_level(const char *name, mn_cpu_features *features, mn_error *err) {
  mn_cpu_features have = mn_cpu_detect();
  if (!name) name = getenv("MOBILENET_ISA");
  if (!name || !name[0] || strcmp(name, "native") == 0) {
    *features = have;
    return MN_OK;
  }
  for (int i = 0; i < LEVEL_COUNT; i++) {
    if (strcmp(levels[i].name, name) != 0) continue;
    if (levels[i].features & ~have) {
      return mn_fail(err, MN_ERR_ARGUMENT, "isa", "this CPU has no %s; its best is %s", name,
                     mn_cpu_level_name(have));
    }
    *features = levels[i].features;
    return MN_OK;
  }
  return mn_fail(err, MN_ERR_ARGUMENT, "isa", "'%s' is unknown; expected native, " LEVEL_NAMES,
                 name);
}

const char *mn_isa(void) {
  mn_cpu_features features;
  if (mn_cpu_level(NULL, &features, NULL)) features = 0;
  return mn_cpu_level_name(features);
}

#if defined(__x86_64__)
enum { FLUSH_RESULTS = 0x8000, FLUSH_OPERANDS = 0x0040 }; /* MXCSR: FTZ and DAZ */

uint32_t mn_cpu_flush_denormals(void) {
  uint32_t state = _mm_getcsr();
  _mm_setcsr(state | FLUSH_RESULTS | FLUSH_OPERANDS);
  return state;
}

void mn_cpu_restore_denormals(uint32_t state) { _mm_setcsr(state); }
#else
uint32_t mn_cpu_flush_denormals(void) { return 0; }

void mn_cpu_restore_denormals(uint32_t state) { (void)state; }
#endif
