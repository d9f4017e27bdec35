/* SPDX-License-Identifier: Apache-2.0
 * Steps that map each element by itself: slicing and strides once for all of them. An op fills an
 * mn_unary in plan() and has mn_unary_run as its run(). Private to ops. */
#ifndef MN_OPS_UNARY_H
#define MN_OPS_UNARY_H

#include "ops/operand.h"

typedef struct mn_unary mn_unary;
typedef void mn_unary_fn(const mn_unary *unary, const void *in, void *out, size_t count);

struct mn_unary {
  mn_unary_fn *apply;
  mn_any_fn *kernel; /* for apply; NULL: apply needs none */
  bool flat;         /* one dense vector; else pixel by pixel */
  float lo, hi;
  float scale; /* quantize */
  int32_t zero, code_lo, code_hi;
  uint8_t table[256]; /* of bytes to bytes */
  float values[256];  /* of bytes to floats */
};

/* Takes params, sets slices; the caller then says what to apply. NULL with *err set on failure. */
mn_unary *mn_unary_plan(mn_step *step, const mn_op_request *request, mn_error *err);
/* Applies the best kernel of an f32 slot with args of mn_unary_f32_args. */
void mn_unary_use_f32(mn_step *step, const mn_op_request *request, mn_slot slot);
/* Applies unary->table, filled by the caller. */
void mn_unary_use_table(mn_step *step, const mn_op_request *request);

void mn_unary_run_band(const mn_step *step, const mn_band *band);
void mn_unary_run(const mn_step *step, const mn_run *run, size_t begin, size_t end);

#endif
