/* SPDX-License-Identifier: Apache-2.0
 * The requantization constants of a layer's channels: how they are packed beside its weights, and
 * which channels the float form is proven for (kernels.h, mn_requant). */
#ifndef MN_OPS_REQUANTIZE_H
#define MN_OPS_REQUANTIZE_H

#include "ops/ops.h"

/* One layer's output. */
typedef struct mn_requant_layer {
  mn_requant codes; /* zero point, base and clamp; no channels */
  size_t padded;    /* channels that there is room for */
  size_t bytes;     /* packed: a column for each constant */
  bool real;        /* ONNX's arithmetic: the float form alone */
} mn_requant_layer;

/* Whether a kernel takes a float form that is not the definition: on ARM the integers of the fixed
 * form cost as little, and nothing need be proven. */
static inline bool mn_wants_float_form(const mn_kernel *kernel) {
  return (kernel->needs & (MN_AVX2 | MN_AVX512)) != 0;
}

/* For a conv, depthwise or transposed layer of 8 bits. */
mn_requant_layer mn_requant_plan(const mn_step *step, mn_act act, size_t padded);

/* Values that a channel's sum can take. */
typedef struct mn_sum_range {
  int32_t least, most;
} mn_sum_range;

/* Writes channel c. `range`: NULL when the kernel has no use for a float form that is not the
 * definition. Columns are zeroed before. */
void mn_requant_pack(const mn_requant_layer *layer, const mn_step *step, size_t c,
                     const mn_sum_range *range, void *packed);

/* The constants from channel `first` on. */
mn_requant mn_requant_at(const mn_requant_layer *layer, const void *packed, size_t first);

/* ---- certify_requant.c ----------------------------------------------------------------------- */

/* A channel's multiplier * 2^(-31 - right), and the codes `up` above and `down` below the output's
 * zero point that its sums can reach within the clamp; `zero`: that zero point less the base. */
typedef struct mn_requant_problem {
  int32_t multiplier, right, up, down, zero;
} mn_requant_problem;

typedef struct mn_requant_float {
  float scale, above, below;
} mn_requant_float;

/* Constants such that rint(fma(x, scale, x < 0 ? below : above)), clamped to zero - down and
 * zero + up, is zero + the reference's for every int32 x, clamped likewise. False: none found. */
bool mn_certify_requant(const mn_requant_problem *problem, mn_requant_float *found);

/* requantize.c: the same for a layer's codes and sums of a range; false also where shift > 0. */
bool mn_requant_prove(const mn_requant *codes, const mn_sum_range *range, int32_t multiplier,
                      int32_t shift, mn_requant_float *found);

/* requantize.c: what any channel has, right where it is not in doubt (kernels.h, mn_requant). */
mn_requant_float mn_requant_guess(const mn_requant *codes, int32_t multiplier, int32_t shift);

/* ---- certify_sum.c --------------------------------------------------------------------------- */

/* Constants such that mn_add_real_q8 gives what mn_add_q8 does, for every pair of codes. False:
 * none found. Pointers and counts stay as they are. */
bool mn_certify_sum(const mn_add_q8_args *args, mn_add_real_q8_args *found);

#endif
