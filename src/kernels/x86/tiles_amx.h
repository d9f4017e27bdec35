/* SPDX-License-Identifier: Apache-2.0
 * AMX tiles: eight registers of up to 16 rows x 64 bytes, shaped by a configuration that a kernel
 * loads before it uses them and releases at its end (a thread without one costs the operating
 * system nothing to switch). Tile products take every register number as a constant. */
#ifndef MN_KERNELS_X86_TILES_AMX_H
#define MN_KERNELS_X86_TILES_AMX_H

#include "kernels/x86/simd_avx512.h"

/* What ldtilecfg reads (Intel SDM volume 1, 18.3). */
typedef struct tiles_amx {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tiles_amx;

/* A tile of no rows is none; naming its width would be an error. */
MN_INLINE void tiles_shape(tiles_amx *config, int tile, size_t rows, size_t row_bytes) {
  config->palette = 1;
  config->rows[tile] = (uint8_t)rows;
  config->row_bytes[tile] = (uint16_t)(rows ? row_bytes : 0);
}

#ifdef MN_EMULATE_AVX512
MN_INLINE void tiles_load(const tiles_amx *config) { _tile_loadconfig(config); }
#else
/* The intrinsic of gcc 12 says that it reads the first 8 bytes, and the rest is never written. */
MN_INLINE void tiles_load(const tiles_amx *config) {
  __asm__ volatile("ldtilecfg %0" : : "m"(*config));
}
#endif

MN_INLINE void tiles_release(void) { _tile_release(); }

#endif
