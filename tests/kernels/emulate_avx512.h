/* SPDX-License-Identifier: Apache-2.0
 * AVX-512 in portable code for the parity test: SIMDe under the native names, and lane by lane what
 * the SIMDe of Debian 12 leaves out; AMX tiles. */
#ifndef MN_TESTS_KERNELS_EMULATE_AVX512_H
#define MN_TESTS_KERNELS_EMULATE_AVX512_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>

#include "base/half.h"

#define __mmask16 simde__mmask16
#define __mmask32 simde__mmask32
#define __mmask64 simde__mmask64

#define EMULATE static inline __attribute__((unused))

/* 16 lanes of 32 bits, by way of memory. */
#define EMULATE_LANES(name, expression)             \
  EMULATE __m512i name(__m512i a, __m512i b) {      \
    int32_t x[16], y[16];                           \
    memcpy(x, &a, sizeof x);                        \
    memcpy(y, &b, sizeof y);                        \
    for (int i = 0; i < 16; i++) x[i] = expression; \
    memcpy(&a, x, sizeof x);                        \
    return a;                                       \
  }
EMULATE_LANES(emulate_srav, x[i] >> ((uint32_t)y[i] > 31u ? 31 : y[i]))
#define _mm512_srav_epi32(x, by) emulate_srav(x, by)
#define _mm512_srai_epi32(x, by) emulate_srav(x, _mm512_set1_epi32(by))

/* Lanes 0, 0, 2, 2, 4, ... of b where the mask has a bit. */
#define _MM_PERM_CCAA 0xA0
EMULATE_LANES(emulate_evens_twice, (y[i] = x[i & ~1], y[i]))
#define _mm512_mask_shuffle_epi32(a, mask, b, order) \
  _mm512_mask_mov_epi32(a, mask, emulate_evens_twice(b, b))

/* Rounds once, whatever this machine's own multiply-add does. */
EMULATE __m512 emulate_fmadd(__m512 a, __m512 b, __m512 c) {
  float x[16], y[16], z[16];
  memcpy(x, &a, sizeof x);
  memcpy(y, &b, sizeof y);
  memcpy(z, &c, sizeof z);
  for (int i = 0; i < 16; i++) x[i] = fmaf(x[i], y[i], z[i]);
  memcpy(&a, x, sizeof x);
  return a;
}
#undef _mm512_fmadd_ps
#define _mm512_fmadd_ps(a, b, c) emulate_fmadd(a, b, c)

#undef _mm512_madd_epi16 /* that SIMDe's alias asks for four arguments */
#define _mm512_madd_epi16(a, b) simde_mm512_madd_epi16(a, b)

EMULATE __m512 emulate_masked_load_f32(uint16_t mask, const float *from) {
  float x[16] = {0};
  for (int i = 0; i < 16; i++) {
    if (mask >> i & 1) x[i] = from[i];
  }
  return _mm512_loadu_ps(x);
}
#define _mm512_maskz_loadu_ps(mask, from) emulate_masked_load_f32(mask, from)

EMULATE void emulate_masked_store_f32(float *to, uint16_t mask, __m512 a) {
  float x[16];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 16; i++) {
    if (mask >> i & 1) to[i] = x[i];
  }
}
#define _mm512_mask_storeu_ps(to, mask, x) emulate_masked_store_f32(to, mask, x)

EMULATE __m128i emulate_masked_load_u8(uint16_t mask, const uint8_t *from) {
  uint8_t x[16] = {0};
  for (int i = 0; i < 16; i++) {
    if (mask >> i & 1) x[i] = from[i];
  }
  __m128i out;
  memcpy(&out, x, sizeof x);
  return out;
}
#define _mm_maskz_loadu_epi8(mask, from) emulate_masked_load_u8(mask, from)

EMULATE void emulate_masked_store_u8(uint8_t *to, uint16_t mask, __m128i a) {
  uint8_t x[16];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 16; i++) {
    if (mask >> i & 1) to[i] = x[i];
  }
}
#define _mm_mask_storeu_epi8(to, mask, x) emulate_masked_store_u8(to, mask, x)

/* The low byte of each lane. */
EMULATE __m128i emulate_low_bytes(__m512i a) {
  int32_t x[16];
  uint8_t y[16];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 16; i++) y[i] = (uint8_t)x[i];
  __m128i out;
  memcpy(&out, y, sizeof y);
  return out;
}
#define _mm512_cvtepi32_epi8(x) emulate_low_bytes(x)

EMULATE __m512i emulate_masked_load_bytes(uint64_t mask, const uint8_t *from) {
  uint8_t x[64] = {0};
  for (int i = 0; i < 64; i++) {
    if (mask >> i & 1) x[i] = from[i];
  }
  return _mm512_loadu_si512(x);
}
#define _mm512_maskz_loadu_epi8(mask, from) emulate_masked_load_bytes(mask, from)

EMULATE void emulate_masked_store_bytes(uint8_t *to, uint64_t mask, __m512i a) {
  uint8_t x[64];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 64; i++) {
    if (mask >> i & 1) to[i] = x[i];
  }
}
#define _mm512_mask_storeu_epi8(to, mask, x) emulate_masked_store_bytes(to, mask, x)

EMULATE __m512 emulate_to_float(__m512i a) {
  int32_t x[16];
  float y[16];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 16; i++) y[i] = (float)x[i];
  return _mm512_loadu_ps(y);
}
#define _mm512_cvtepi32_ps(x) emulate_to_float(x)

/* To the nearest, ties to even; out of range to the least integer. */
EMULATE __m512i emulate_to_int(__m512 a) {
  float x[16];
  int32_t y[16];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 16; i++) {
    y[i] = x[i] >= -0x1p31f && x[i] < 0x1p31f ? (int32_t)rintf(x[i]) : INT32_MIN;
  }
  return _mm512_loadu_si512(y);
}
#define _mm512_cvtps_epi32(x) emulate_to_int(x)

/* What is left of rounding to the nearest integer. */
EMULATE __m512 emulate_rest(__m512 a) {
  float x[16];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 16; i++) x[i] -= rintf(x[i]);
  return _mm512_loadu_ps(x);
}
#undef _mm512_reduce_ps
#define _mm512_reduce_ps(x, how) emulate_rest(x)

/* The larger size of two. */
EMULATE __m512 emulate_larger(__m512 a, __m512 b) {
  float x[16], y[16];
  memcpy(x, &a, sizeof x);
  memcpy(y, &b, sizeof y);
  for (int i = 0; i < 16; i++) x[i] = fmaxf(fabsf(x[i]), fabsf(y[i]));
  return _mm512_loadu_ps(x);
}
#undef _mm512_range_ps
#define _mm512_range_ps(x, y, how) emulate_larger(x, y)

EMULATE int64_t emulate_reduce_add(__m512i a) {
  int64_t x[8], sum = 0;
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 8; i++) sum += x[i];
  return sum;
}
#define _mm512_reduce_add_epi64(x) emulate_reduce_add(x)

EMULATE __m512i emulate_widen_u8_i16(__m256i a) {
  uint8_t x[32];
  int16_t y[32];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 32; i++) y[i] = x[i];
  __m512i out;
  memcpy(&out, y, sizeof y);
  return out;
}
#define _mm512_cvtepu8_epi16(x) emulate_widen_u8_i16(x)

EMULATE __m512i emulate_widen_u8_i32(__m128i a) {
  uint8_t x[16];
  int32_t y[16];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 16; i++) y[i] = x[i];
  __m512i out;
  memcpy(&out, y, sizeof y);
  return out;
}
#undef _mm512_cvtepu8_epi32
#define _mm512_cvtepu8_epi32(x) emulate_widen_u8_i32(x)

/* SIMDe's read what they mask. */
EMULATE __m128i emulate_masked_load_i32(const int *from, __m128i mask) {
  int32_t keep[4], x[4] = {0};
  memcpy(keep, &mask, sizeof keep);
  for (int i = 0; i < 4; i++) {
    if (keep[i] < 0) x[i] = from[i];
  }
  __m128i out;
  memcpy(&out, x, sizeof x);
  return out;
}
#undef _mm_maskload_epi32
#define _mm_maskload_epi32(from, mask) emulate_masked_load_i32(from, mask)

EMULATE __m256d emulate_masked_load_f64(const double *from, __m256i mask) {
  int64_t keep[4];
  double x[4] = {0};
  memcpy(keep, &mask, sizeof keep);
  for (int i = 0; i < 4; i++) {
    if (keep[i] < 0) x[i] = from[i];
  }
  return _mm256_loadu_pd(x);
}
#undef _mm256_maskload_pd
#define _mm256_maskload_pd(from, mask) emulate_masked_load_f64(from, mask)

/* AMX: the configuration as ldtilecfg reads it, and eight tiles. What lies beyond a tile's shape is
 * not touched; shapes that do not go together are what the CPU would refuse. */
typedef struct emulate_tiles {
  uint8_t config[64]; /* palette, start row; from 16 on widths of 16 bits, from 48 on rows */
  uint8_t bytes[8][16][64];
} emulate_tiles;
static __attribute__((unused)) emulate_tiles emulate_amx;

EMULATE size_t emulate_tile_rows(int tile) { return emulate_amx.config[48 + tile]; }
EMULATE size_t emulate_tile_width(int tile) {
  uint16_t width;
  memcpy(&width, &emulate_amx.config[16 + 2 * tile], sizeof width);
  if (emulate_amx.config[0] != 1 || width == 0 || width > 64 || emulate_tile_rows(tile) == 0)
    abort();
  return width;
}
EMULATE void emulate_tile_configure(const void *config) {
  memset(&emulate_amx, 0, sizeof emulate_amx);
  memcpy(emulate_amx.config, config, sizeof emulate_amx.config);
  for (int i = 0; i < 8; i++) {
    const bool wide = emulate_amx.config[16 + 2 * i] != 0;
    if (wide != (emulate_tile_rows(i) != 0) || emulate_tile_rows(i) > 16) abort();
  }
}
EMULATE void emulate_tile_load(int tile, const void *from, size_t stride) {
  const size_t width = emulate_tile_width(tile);
  memset(emulate_amx.bytes[tile], 0, sizeof emulate_amx.bytes[tile]);
  for (size_t i = 0; i < emulate_tile_rows(tile); i++) {
    memcpy(emulate_amx.bytes[tile][i], (const uint8_t *)from + i * stride, width);
  }
}
EMULATE void emulate_tile_store(int tile, void *to, size_t stride) {
  const size_t width = emulate_tile_width(tile);
  for (size_t i = 0; i < emulate_tile_rows(tile); i++) {
    memcpy((uint8_t *)to + i * stride, emulate_amx.bytes[tile][i], width);
  }
}
EMULATE void emulate_tile_dot(int sums, int a, int b, int flip) {
  const size_t depth = emulate_tile_width(a), cols = emulate_tile_width(sums) / 4;
  if (depth != 4 * emulate_tile_rows(b) || emulate_tile_width(b) != 4 * cols) abort();
  if (emulate_tile_rows(sums) != emulate_tile_rows(a)) abort();
  for (size_t m = 0; m < emulate_tile_rows(a); m++) {
    uint32_t row[16];
    memcpy(row, emulate_amx.bytes[sums][m], sizeof row);
    for (size_t n = 0; n < cols; n++) {
      for (size_t k = 0; k < depth; k++) {
        const int code = (emulate_amx.bytes[a][m][k] ^ flip) - flip;
        row[n] += (uint32_t)(code * (int8_t)emulate_amx.bytes[b][k / 4][4 * n + k % 4]);
      }
    }
    memcpy(emulate_amx.bytes[sums][m], row, sizeof row);
  }
}
#define _tile_loadconfig(config) emulate_tile_configure(config)
#define _tile_release() memset(&emulate_amx, 0, sizeof emulate_amx)
#define _tile_loadd(tile, from, stride) emulate_tile_load(tile, from, stride)
#define _tile_stored(tile, to, stride) emulate_tile_store(tile, to, stride)
#define _tile_dpbssd(sums, a, b) emulate_tile_dot(sums, a, b, 0x80)
#define _tile_dpbusd(sums, a, b) emulate_tile_dot(sums, a, b, 0)

/* ---- bf16: as the instructions define it but for denormals, which they take as zeros -------- */

#define __m512bh __m512i
#define __m256bh __m256i

EMULATE __m256i emulate_round_bf16(__m512 a) {
  float x[16];
  uint16_t y[16];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 16; i++) y[i] = mn_bfloat_of_float(x[i]);
  __m256i out;
  memcpy(&out, y, sizeof y);
  return out;
}
#define _mm512_cvtneps_pbh(x) emulate_round_bf16(x)

EMULATE __m512i emulate_round_two_bf16(__m512 high, __m512 low) {
  const __m256i halves[2] = {emulate_round_bf16(low), emulate_round_bf16(high)};
  __m512i out;
  memcpy(&out, halves, sizeof out);
  return out;
}
#define _mm512_cvtne2ps_pbh(high, low) emulate_round_two_bf16(high, low)

EMULATE void emulate_masked_store_u16(uint16_t *to, uint32_t mask, __m512i a) {
  uint16_t x[32];
  memcpy(x, &a, sizeof x);
  for (int i = 0; i < 32; i++) {
    if (mask >> i & 1) to[i] = x[i];
  }
}
#define _mm512_mask_storeu_epi16(to, mask, x) emulate_masked_store_u16(to, mask, x)

EMULATE void emulate_masked_store_half(uint16_t *to, uint16_t mask, __m256i a) {
  __m512i both = _mm512_setzero_si512();
  memcpy(&both, &a, sizeof a);
  emulate_masked_store_u16(to, mask, both);
}
#define _mm256_mask_storeu_epi16(to, mask, x) emulate_masked_store_half(to, mask, x)

EMULATE __m512 emulate_dot_bf16(__m512 sums, __m512i a, __m512i b) {
  float sum[16];
  uint16_t x[32], y[32];
  memcpy(sum, &sums, sizeof sum);
  memcpy(x, &a, sizeof x);
  memcpy(y, &b, sizeof y);
  for (int i = 0; i < 32; i++) {
    const int at = i / 2 * 2 + 1 - i % 2; /* the second of a pair first */
    sum[i / 2] += mn_bfloat_to_float(x[at]) * mn_bfloat_to_float(y[at]);
  }
  return _mm512_loadu_ps(sum);
}
#undef _mm512_dpbf16_ps
#define _mm512_dpbf16_ps(sums, a, b) emulate_dot_bf16(sums, a, b)

/* Even and odd products apart, each from zero. */
EMULATE void emulate_tile_dot_bf16(int sums, int a, int b) {
  const size_t depth = emulate_tile_width(a) / 2, cols = emulate_tile_width(sums) / 4;
  if (depth != 2 * emulate_tile_rows(b) || emulate_tile_width(b) != 4 * cols) abort();
  if (emulate_tile_rows(sums) != emulate_tile_rows(a)) abort();
  for (size_t m = 0; m < emulate_tile_rows(a); m++) {
    float row[16];
    uint16_t x[32], y[32];
    memcpy(row, emulate_amx.bytes[sums][m], sizeof row);
    memcpy(x, emulate_amx.bytes[a][m], sizeof x);
    for (size_t n = 0; n < cols; n++) {
      float parts[2] = {0, 0};
      for (size_t k = 0; k < depth; k++) {
        memcpy(y, emulate_amx.bytes[b][k / 2], sizeof y);
        parts[k % 2] += mn_bfloat_to_float(x[k]) * mn_bfloat_to_float(y[2 * n + k % 2]);
      }
      row[n] += parts[0] + parts[1];
    }
    memcpy(emulate_amx.bytes[sums][m], row, sizeof row);
  }
}
#define _tile_zero(tile) memset(emulate_amx.bytes[tile], 0, sizeof emulate_amx.bytes[tile])
#define _tile_dpbf16ps(sums, a, b) emulate_tile_dot_bf16(sums, a, b)

#endif
