/* SPDX-License-Identifier: Apache-2.0
 * The self-test's parts: fixed operands for every kernel slot, the judgement of one kernel, and a
 * small network. */
#ifndef MN_API_SELFTEST_H
#define MN_API_SELFTEST_H

#include <stdbool.h>

#include "base/error.h"
#include "kernels/kernels.h"

enum {
  TRIAL_M = 13, /* pixels */
  TRIAL_N = 37, /* output channels: no multiple of any vector */
  TRIAL_K = 29, /* products of one output */
  TRIAL_TAPS = 9,
  TRIAL_COLS_MOST = 128, /* TRIAL_N rounded up to the widest tile */
  TRIAL_DEEP_MOST = 64,  /* TRIAL_K rounded up to the deepest tile */
  TRIAL_COUNT = TRIAL_M * TRIAL_N
};

/* Operands of one trial. Filled anew, always alike, before each kernel. */
typedef struct mn_trial {
  float a_f32[TRIAL_COUNT]; /* [M][K], depthwise [M][N], elementwise [M * N] */
  float b_f32[TRIAL_COUNT]; /* [N][K], elementwise [M * N] */
  float bias_f32[TRIAL_COLS_MOST];
  float packed_f32[TRIAL_COLS_MOST * TRIAL_DEEP_MOST];
  float zeros[TRIAL_N];
  uint8_t a_q8[TRIAL_COUNT], b_q8[TRIAL_COUNT]; /* as their float twins */
  int16_t packed_i16[TRIAL_COLS_MOST * TRIAL_DEEP_MOST];
  int8_t packed_i8[TRIAL_COLS_MOST * TRIAL_DEEP_MOST];
  int32_t bias_i32[TRIAL_COLS_MOST], bias_signed[TRIAL_COLS_MOST];
  int32_t multiplier[TRIAL_COLS_MOST], shift[TRIAL_COLS_MOST];
  float scale[TRIAL_COLS_MOST], above[TRIAL_COLS_MOST], below[TRIAL_COLS_MOST];
  double dense_scale[TRIAL_COLS_MOST];
  int32_t sums[TRIAL_N];
  uint8_t table[256];
  float out_f32[TRIAL_COUNT]; /* [M][N] */
  uint8_t out_q8[TRIAL_COUNT];
} mn_trial;

/* Fills the trial and runs the kernel on it: the result is in out_q8 or out_f32. False when the
 * kernel's tile does not fit the trial. */
bool mn_trial_run(mn_trial *trial, const mn_kernel *kernel);
/* Whether the slot's results are floats. */
bool mn_trial_is_float(mn_slot slot);

/* Judges one kernel against the slot's known bytes or the reference; `text` says how. */
bool mn_selftest_kernel(mn_trial *trial, mn_trial *reference, const mn_kernel *kernel, char *text,
                        size_t size);

/* FNV-1a. */
uint64_t mn_selftest_hash(const void *data, size_t size);

/* Builds, plans for level `isa` and runs the built-in int8 network; *hash tells its outputs. */
mn_status mn_selftest_network(const char *isa, uint64_t *hash, mn_error *err);

#endif
