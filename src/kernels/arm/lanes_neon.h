/* SPDX-License-Identifier: Apache-2.0
 * Vectors of floats under the names that dw_f32_tile.h uses. */
#ifndef MN_KERNELS_ARM_LANES_NEON_H
#define MN_KERNELS_ARM_LANES_NEON_H

#include "kernels/arm/simd_neon.h"

enum { LANES = 4 };
typedef float32x4_t lanes;
typedef size_t lanes_live; /* how many of the first lanes, or more than there are */

MN_INLINE lanes_live first_lanes(size_t count) { return count; }
MN_INLINE lanes load_first(const float *from, lanes_live live) { return load_f32_neon(from, live); }
MN_INLINE void store_first(float *to, lanes x, lanes_live live) { store_f32_neon(to, x, live); }
MN_INLINE lanes load_lanes(const float *from) { return vld1q_f32(from); }
MN_INLINE void store_lanes(float *to, lanes x) { vst1q_f32(to, x); }
MN_INLINE lanes set_lanes(float x) { return vdupq_n_f32(x); }
MN_INLINE lanes multiply_add(lanes a, lanes b, lanes sum) { return vfmaq_f32(sum, a, b); }
MN_INLINE void add_product(lanes *sum, lanes a, lanes b) { *sum = vfmaq_f32(*sum, a, b); }
/* The floats `offset` bytes from `base`. */
MN_INLINE lanes load_at(const char *base, ptrdiff_t offset) {
  return vld1q_f32((const float *)(const void *)(base + offset));
}
MN_INLINE lanes clamp_lanes(lanes x, lanes lo, lanes hi) { return clamp_f32_neon(x, lo, hi); }
MN_INLINE lanes hard_swish_lanes(lanes x) { return hard_swish_neon(x); }

#endif
