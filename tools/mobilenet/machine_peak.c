/* SPDX-License-Identifier: Apache-2.0
 * Loops of multiply-adds on registers, wide enough to hide the latency: FMA for float; for 8 bits
 * madd of 16-bit pairs plus the addition it needs, vpdpbusd where there is VNNI, tiles where there
 * is AMX (for which the library has asked Linux); on ARM two products added in 16 bits and their
 * sums in 32, SDOT or SMMLA. Without SIMD, one multiply-add a turn. Reading is a sum of whole
 * vectors. */
#include "machine_peak.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stopwatch.h"

enum { TURNS = 100000, SAMPLES = 15, LEAST_READ = 4 << 20, ALIGN = 64 };

typedef double spin_fn(void);                                   /* multiply-adds done */
typedef void read_fn(const unsigned char *block, size_t bytes); /* whole multiples of 512 */

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

/* The empty asm keeps the ten sums in registers and the loop from being folded. */
#define PEAK_SPIN(name, isa, type, lanes, zero, step)                                    \
  __attribute__((target(isa))) static double name(void) {                                \
    type s0 = zero, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;       \
    type s8 = s0, s9 = s0, x = s0, y = s0;                                               \
    for (int i = 0; i < TURNS; i++) {                                                    \
      __asm__ volatile("" : "+v"(x), "+v"(y));                                           \
      step(s0) step(s1) step(s2) step(s3) step(s4) step(s5) step(s6) step(s7) step(s8)   \
          step(s9) __asm__ volatile(""                                                   \
                                    : "+v"(s0), "+v"(s1), "+v"(s2), "+v"(s3), "+v"(s4)); \
      __asm__ volatile("" : "+v"(s5), "+v"(s6), "+v"(s7), "+v"(s8), "+v"(s9));           \
    }                                                                                    \
    return 10.0 * (lanes)*TURNS;                                                         \
  }
/* The additions are asm because gcc 12 copies such sums about; the asm on x makes each product
 * new. */
#define FMA_256(s) s = _mm256_fmadd_ps(x, y, s);
#define MADD_256(s)                                                               \
  __asm__ volatile("vpaddd %1, %0, %0" : "+x"(s) : "x"(_mm256_madd_epi16(x, y))); \
  __asm__ volatile("" : "+x"(x));
#define FMA_512(s) s = _mm512_fmadd_ps(x, y, s);
#define MADD_512(s)                                                               \
  __asm__ volatile("vpaddd %1, %0, %0" : "+v"(s) : "v"(_mm512_madd_epi16(x, y))); \
  __asm__ volatile("" : "+v"(x));
#define DOT_512(s) s = _mm512_dpbusd_epi32(s, x, y);
#define DOT_256(s) s = _mm256_dpbusd_avx_epi32(s, x, y);
#define BF16_512(s) s = _mm512_dpbf16_ps(s, (__m512bh)x, (__m512bh)y);
PEAK_SPIN(spin_fma_256, "avx2,fma", __m256, 8, _mm256_setzero_ps(), FMA_256)
PEAK_SPIN(spin_madd_256, "avx2", __m256i, 16, _mm256_setzero_si256(), MADD_256)
#ifdef MN_HAVE_AVXVNNI
PEAK_SPIN(spin_dot_256, "avx2,avxvnni", __m256i, 32, _mm256_setzero_si256(), DOT_256)
#endif
PEAK_SPIN(spin_fma_512, "avx512f", __m512, 16, _mm512_setzero_ps(), FMA_512)
PEAK_SPIN(spin_madd_512, "avx512f,avx512bw", __m512i, 32, _mm512_setzero_si512(), MADD_512)
PEAK_SPIN(spin_dot_512, "avx512f,avx512vnni", __m512i, 64, _mm512_setzero_si512(), DOT_512)

#ifdef MN_HAVE_AMX
PEAK_SPIN(spin_bf16_512, "avx512f,avx512bf16", __m512, 32, _mm512_setzero_ps(), BF16_512)

/* Four products of 16 rows x 64 bytes a turn: one tile's latency is that of about three others. */
#define PEAK_TILES(name, isa, product, deep)                                   \
  __attribute__((target(isa))) static double name(void) {                      \
    struct {                                                                   \
      uint8_t palette, other[15];                                              \
      uint16_t row_bytes[16];                                                  \
      uint8_t rows[16];                                                        \
    } config = {.palette = 1};                                                 \
    for (int i = 0; i < 8; i++) config.rows[i] = 16, config.row_bytes[i] = 64; \
    /* gcc 12's intrinsic reads 8 bytes of it */                               \
    __asm__ volatile("ldtilecfg %0" : : "m"(config));                          \
    for (int i = 0; i < TURNS / 16; i++) {                                     \
      product(0, 4, 6);                                                        \
      product(1, 4, 7);                                                        \
      product(2, 5, 6);                                                        \
      product(3, 5, 7);                                                        \
    }                                                                          \
    _tile_release();                                                           \
    return 4.0 * 16 * 16 * (deep) * (TURNS / 16);                              \
  }
PEAK_TILES(spin_tiles, "amx-tile,amx-int8", _tile_dpbssd, 64)
PEAK_TILES(spin_tiles_bf16, "amx-tile,amx-bf16", _tile_dpbf16ps, 32)
#else
#define spin_tiles spin_dot_512
#define spin_bf16_512 spin_fma_512
#define spin_tiles_bf16 spin_fma_512
#endif

#define PEAK_READ(name, isa, type, load, add)                                               \
  __attribute__((target(isa))) static void name(const unsigned char *block, size_t bytes) { \
    type s0 = load(block), s1 = s0, s2 = s0, s3 = s0;                                       \
    for (size_t i = 0; i < bytes; i += 4 * sizeof s0) {                                     \
      s0 = add(s0, load(block + i));                                                        \
      s1 = add(s1, load(block + i + sizeof s0));                                            \
      s2 = add(s2, load(block + i + 2 * sizeof s0));                                        \
      s3 = add(s3, load(block + i + 3 * sizeof s0));                                        \
    }                                                                                       \
    s0 = add(add(s0, s1), add(s2, s3));                                                     \
    __asm__ volatile("" : : "v"(s0));                                                       \
  }
#define LOAD_256(at) _mm256_load_si256((const __m256i *)(at))
#define LOAD_512(at) _mm512_load_si512(at)
PEAK_READ(read_256, "avx2", __m256i, LOAD_256, _mm256_add_epi32)
PEAK_READ(read_512, "avx512f", __m512i, LOAD_512, _mm512_add_epi32)
#elif defined(__aarch64__) && defined(__GNUC__)
#include <arm_neon.h>

/* Sixteen sums, as much as the latency of any of these times their number a cycle. */
#define PEAK_SPIN(name, isa, macs, step)                                                       \
  __attribute__((target(isa))) static double name(void) {                                      \
    int32x4_t s[16];                                                                           \
    int8x16_t x = vdupq_n_s8(0), y = x;                                                        \
    for (int j = 0; j < 16; j++) s[j] = vdupq_n_s32(0);                                        \
    for (int i = 0; i < TURNS; i++) {                                                          \
      step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) step(10) \
          step(11) step(12) step(13) step(14) step(15)                                         \
    }                                                                                          \
    return 16.0 * (macs)*TURNS;                                                                \
  }
#define FMLA(j) __asm__ volatile("fmla %0.4s, %1.4s, %2.4s" : "+w"(s[j]) : "w"(x), "w"(y));
#define SDOT(j) __asm__ volatile("sdot %0.4s, %1.16b, %2.16b" : "+w"(s[j]) : "w"(x), "w"(y));
#define SMMLA(j) __asm__ volatile("smmla %0.4s, %1.16b, %2.16b" : "+w"(s[j]) : "w"(x), "w"(y));
#define BFMMLA(j) __asm__ volatile("bfmmla %0.4s, %1.8h, %2.8h" : "+w"(s[j]) : "w"(x), "w"(y));
#define TWO_PRODUCTS(j)                                                 \
  {                                                                     \
    int16x8_t product;                                                  \
    __asm__ volatile(                                                   \
        "smull %1.8h, %2.8b, %3.8b\n\tsmlal2 %1.8h, %2.16b, %3.16b\n\t" \
        "sadalp %0.4s, %1.8h"                                           \
        : "+w"(s[j]), "=&w"(product)                                    \
        : "w"(x), "w"(y));                                              \
  }
PEAK_SPIN(spin_fmla, "arch=armv8-a", 4, FMLA)
PEAK_SPIN(spin_two_products, "arch=armv8-a", 16, TWO_PRODUCTS)
PEAK_SPIN(spin_sdot, "arch=armv8.2-a+dotprod", 16, SDOT)
PEAK_SPIN(spin_smmla, "arch=armv8.2-a+i8mm", 32, SMMLA)
PEAK_SPIN(spin_bfmmla, "arch=armv8.2-a+bf16", 16, BFMMLA)

static void read_neon(const unsigned char *block, size_t bytes) {
  uint32x4_t s0 = vdupq_n_u32(0), s1 = s0, s2 = s0, s3 = s0;
  for (size_t i = 0; i < bytes; i += 64) {
    const uint32_t *at = (const uint32_t *)(const void *)(block + i);
    s0 = vaddq_u32(s0, vld1q_u32(at));
    s1 = vaddq_u32(s1, vld1q_u32(at + 4));
    s2 = vaddq_u32(s2, vld1q_u32(at + 8));
    s3 = vaddq_u32(s3, vld1q_u32(at + 12));
  }
  s0 = vaddq_u32(vaddq_u32(s0, s1), vaddq_u32(s2, s3));
  __asm__ volatile("" : : "w"(s0));
}
#endif

static double spin_scalar(void) {
  uint32_t sum = 0;
  for (uint32_t i = 0; i < TURNS; i++) {
    sum += i * 3u;
    __asm__ volatile("" : "+r"(sum));
  }
  return TURNS;
}

static void read_scalar(const unsigned char *block, size_t bytes) {
  uint64_t sum = 0, word;
  for (size_t i = 0; i < bytes; i += sizeof word) {
    memcpy(&word, block + i, sizeof word);
    sum += word;
  }
  __asm__ volatile("" : : "r"(sum));
}

typedef struct level_loops {
  const char *isa;
  spin_fn *f32, *bf16, *q8;
  read_fn *read;
} level_loops;

static const level_loops levels[] = {
#if defined(__x86_64__) && defined(__GNUC__)
    {"avx2", spin_fma_256, spin_fma_256, spin_madd_256, read_256},
#ifdef MN_HAVE_AVXVNNI
    {"avxvnni", spin_fma_256, spin_fma_256, spin_dot_256, read_256},
#endif
    {"avx512", spin_fma_512, spin_fma_512, spin_madd_512, read_512},
    {"avx512vnni", spin_fma_512, spin_fma_512, spin_dot_512, read_512},
    {"avx512bf16", spin_fma_512, spin_bf16_512, spin_dot_512, read_512},
    {"amx", spin_fma_512, spin_tiles_bf16, spin_tiles, read_512},
#elif defined(__aarch64__) && defined(__GNUC__)
    {"neon", spin_fmla, spin_fmla, spin_two_products, read_neon},
    {"dotprod", spin_fmla, spin_fmla, spin_sdot, read_neon},
    {"i8mm", spin_fmla, spin_fmla, spin_smmla, read_neon},
    {"bf16", spin_fmla, spin_bfmmla, spin_smmla, read_neon},
#endif
    {"scalar", spin_scalar, spin_scalar, spin_scalar, read_scalar},
};

static const level_loops *loops_of(const char *isa) {
  const size_t last = sizeof levels / sizeof levels[0] - 1;
  size_t i = 0;
  while (i < last && strcmp(levels[i].isa, isa) != 0) i++;
  return &levels[i];
}

double machine_peak_macs(const char *isa, mn_type type) {
  const level_loops *loops = loops_of(isa);
  spin_fn *spin = type == MN_F32 ? loops->f32 : type == MN_BF16 ? loops->bf16 : loops->q8;
  double best = 0;
  for (int i = 0; i < SAMPLES; i++) {
    double start = now_ms(), done = spin();
    double rate = done / (now_ms() - start) * 1e3;
    if (rate > best) best = rate;
  }
  return best;
}

double machine_peak_bytes(const char *isa, size_t bytes) {
  const size_t whole = (bytes + 511) / 512 * 512;
  const size_t passes = whole ? LEAST_READ / whole + 1 : 0;
  unsigned char *block = whole ? aligned_alloc(ALIGN, whole) : NULL;
  double best = 0;
  if (!block) return 0;
  memset(block, 1, whole);
  for (int i = 0; i < SAMPLES; i++) {
    double start = now_ms();
    for (size_t pass = 0; pass < passes; pass++) loops_of(isa)->read(block, whole);
    double rate = (double)(whole * passes) / (now_ms() - start) * 1e3;
    if (rate > best) best = rate;
  }
  free(block);
  return best;
}
