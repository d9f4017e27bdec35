/* SPDX-License-Identifier: Apache-2.0
 * Running one kernel of any slot on fixed operands. Packs by the layout that kernels.h documents,
 * on purpose not by the code of ops/, so that the two check each other. */
#include <string.h>

#include "api/selftest.h"
#include "base/half.h"
#include "kernels/kernels.h"
#include "kernels/ref/ref.h"
#include "ops/requantize.h"

enum { W_ZERO = 3, FLIP = 0x80, OUT_ZERO = 5 };

/* xorshift32: the same numbers on every machine. */
static uint32_t next_random(uint32_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static float next_f32(uint32_t *state) {
  return (float)(next_random(state) >> 8) / 8388608.0f - 1.0f;
}

/* The float form, proven or not: where it is in doubt kernels take the fixed one. */
static void fill_requant_float(mn_trial *trial, int i) {
  const mn_requant_problem problem = {.multiplier = trial->multiplier[i],
                                      .right = -trial->shift[i],
                                      .up = 127 - OUT_ZERO,
                                      .down = 128 + OUT_ZERO,
                                      .zero = OUT_ZERO};
  mn_requant_float found;
  if (!mn_certify_requant(&problem, &found)) {
    const mn_requant codes = {.out_zero = OUT_ZERO, .out_min = -128, .out_max = 127};
    found = mn_requant_guess(&codes, trial->multiplier[i], trial->shift[i]);
  }
  trial->scale[i] = found.scale;
  trial->above[i] = found.above;
  trial->below[i] = found.below;
}

static void fill(mn_trial *trial) {
  uint32_t state = 2463534242u;
  memset(trial, 0, sizeof *trial);
  for (int i = 0; i < TRIAL_COUNT; i++) {
    trial->a_f32[i] = 4 * next_f32(&state);
    trial->b_f32[i] = next_f32(&state);
    trial->a_q8[i] = (uint8_t)(next_random(&state) >> 24);
    trial->b_q8[i] = (uint8_t)(next_random(&state) >> 24);
  }
  for (int i = 0; i < TRIAL_COLS_MOST; i++) {
    trial->bias_f32[i] = next_f32(&state);
    trial->bias_i32[i] = (int32_t)(next_random(&state) >> 14) - (1 << 17);
    trial->multiplier[i] = (int32_t)(next_random(&state) >> 2 | 1u << 30);
    trial->shift[i] = i / 16 % 2 ? -13 : -7;
    trial->dense_scale[i] = trial->multiplier[i] * (1.0 / 4398046511104.0);
    fill_requant_float(trial, i);
  }
  for (int i = 0; i < 256; i++) trial->table[i] = (uint8_t)(next_random(&state) >> 24);
}

/* Where weight (n, k) of a matrix with `depth` products lies in panels of a tile. */
static size_t packed_index(mn_tile tile, size_t n, size_t k, size_t depth) {
  const size_t cols = (size_t)tile.cols, deep = (size_t)tile.deep;
  const size_t groups = (depth + deep - 1) / deep;
  return ((n / cols * groups + k / deep) * cols + n % cols) * deep + k % deep;
}

/* Packs b in every form, [n][depth] each; 8-bit weights are b_q8's bytes read as signed. */
static void pack(mn_trial *trial, mn_tile tile, size_t depth) {
  for (size_t n = 0; n < TRIAL_N; n++) {
    trial->bias_signed[n] = trial->bias_i32[n];
    for (size_t k = 0; k < depth; k++) {
      const size_t to = packed_index(tile, n, k, depth), from = n * depth % TRIAL_COUNT + k;
      const int weight = (int8_t)trial->b_q8[from % TRIAL_COUNT];
      trial->packed_f32[to] = trial->b_f32[from % TRIAL_COUNT];
      trial->packed_i16[to] = (int16_t)(weight - W_ZERO);
      trial->packed_i8[to] = (int8_t)weight;
      trial->bias_signed[n] += 128 * weight;
    }
  }
}

static mn_requant requant_of(const mn_trial *trial) {
  return (mn_requant){.multiplier = trial->multiplier,
                      .shift = trial->shift,
                      .scale = trial->scale,
                      .above = trial->above,
                      .below = trial->below,
                      .out_zero = OUT_ZERO,
                      .out_min = -128,
                      .out_max = 127};
}

/* Where it lies in bf16's panels, in pairs of k. */
static size_t packed_pair_index(mn_tile tile, size_t n, size_t k) {
  const size_t cols = (size_t)tile.cols, deep = (size_t)tile.deep;
  const size_t depth = (TRIAL_K + deep - 1) / deep * deep;
  return n / cols * cols * depth + k / 2 * 2 * cols + 2 * (n % cols) + k % 2;
}

static void run_gemm_bf16(mn_trial *trial, const mn_kernel *kernel) {
  const float *rows[1] = {trial->a_f32};
  memset(trial->packed_i16, 0, sizeof trial->packed_i16);
  uint16_t *panels = (uint16_t *)trial->packed_i16;
  for (size_t n = 0; n < TRIAL_N; n++) {
    for (size_t k = 0; k < TRIAL_K; k++) {
      const float weight = trial->b_f32[(n * TRIAL_K + k) % TRIAL_COUNT];
      panels[packed_pair_index(kernel->tile, n, k)] = mn_bfloat_of_float(weight);
    }
  }
  const mn_gemm_bf16_args args = {.f32 = {.a = rows,
                                          .segments = 1,
                                          .segment = TRIAL_K,
                                          .a_stride = TRIAL_K,
                                          .bias = trial->bias_f32,
                                          .c = trial->out_f32,
                                          .c_stride = TRIAL_N,
                                          .m = TRIAL_M,
                                          .n = TRIAL_N,
                                          .k = TRIAL_K,
                                          .finish = {.lo = -6, .hi = 6}},
                                  .b = panels,
                                  .scratch = trial->packed_f32,
                                  .scratch_rows = TRIAL_M};
  ((mn_gemm_bf16_fn *)kernel->function)(&args);
}

static void run_gemm_f32(mn_trial *trial, const mn_kernel *kernel) {
  const float *rows[1] = {trial->a_f32};
  const mn_gemm_f32_args args = {.a = rows,
                                 .segments = 1,
                                 .segment = TRIAL_K,
                                 .a_stride = TRIAL_K,
                                 .b = trial->packed_f32,
                                 .bias = trial->bias_f32,
                                 .c = trial->out_f32,
                                 .c_stride = TRIAL_N,
                                 .m = TRIAL_M,
                                 .n = TRIAL_N,
                                 .k = TRIAL_K,
                                 .finish = {.lo = -6, .hi = 6}};
  ((mn_gemm_f32_fn *)kernel->function)(&args);
}

static void run_gemm_q8(mn_trial *trial, const mn_kernel *kernel) {
  const bool is_signed = kernel->slot == MN_SLOT_gemm_q8s;
  const mn_gemm_q8_args args = {
      .a = trial->a_q8,
      .a_stride = TRIAL_K,
      .flip = FLIP,
      .b = is_signed ? (const void *)trial->packed_i8 : (const void *)trial->packed_i16,
      .bias = trial->bias_i32,
      .bias_signed = trial->bias_signed,
      .w_zero = is_signed ? W_ZERO : 0,
      .c = trial->out_q8,
      .c_stride = TRIAL_N,
      .m = TRIAL_M,
      .n = TRIAL_N,
      .k = TRIAL_K,
      .requant = requant_of(trial)};
  ((mn_gemm_q8_fn *)kernel->function)(&args);
}

static void run_dense_q8(mn_trial *trial, const mn_kernel *kernel) {
  const mn_dense_q8_args args = {.a = trial->a_q8,
                                 .a_stride = TRIAL_K,
                                 .flip = FLIP,
                                 .weights = trial->packed_i8,
                                 .w_zero = W_ZERO,
                                 .bias = trial->bias_i32,
                                 .scale = trial->dense_scale,
                                 .c = trial->out_q8,
                                 .c_stride = TRIAL_N,
                                 .m = TRIAL_M,
                                 .n = TRIAL_N,
                                 .k = TRIAL_K,
                                 .out_zero = 5,
                                 .out_min = -128,
                                 .out_max = 127};
  ((mn_dense_q8_fn *)kernel->function)(&args);
}

/* The last panel of depthwise weights ends at the last channel. */
static void repack_dw_f32(mn_trial *trial, mn_tile tile) {
  const size_t cols = (size_t)tile.cols, c = (TRIAL_N - 1) / cols * cols;
  float *panel = trial->packed_f32 + c * TRIAL_TAPS;
  for (size_t j = 0; j < cols; j++) {
    const size_t n = mn_dw_f32_panel(TRIAL_N, cols, c) + j;
    for (size_t k = 0; n < TRIAL_N && k < TRIAL_TAPS; k++) {
      panel[k * cols + j] = trial->b_f32[(n * TRIAL_TAPS % TRIAL_COUNT + k) % TRIAL_COUNT];
    }
  }
}

static void run_dw_f32(mn_trial *trial, const mn_kernel *kernel) {
  repack_dw_f32(trial, kernel->tile);
  static const mn_dw_window window = {3, 3, 1, 1, 1, 1, 1, TRIAL_M, TRIAL_M, TRIAL_N};
  const void *rows[3] = {NULL, trial->a_f32, trial->a_f32};
  const mn_dw_f32_args args = {.strip = {.window = &window,
                                         .rows = rows,
                                         .pixel_stride = TRIAL_N,
                                         .zeros = trial->zeros,
                                         .out = trial->out_f32,
                                         .out_stride = TRIAL_N,
                                         .height = 1},
                               .weights = trial->packed_f32,
                               .bias = trial->bias_f32,
                               .finish = {.lo = -6, .hi = 6}};
  ((mn_dw_f32_fn *)kernel->function)(&args);
}

static void run_dw_q8s(mn_trial *trial, const mn_kernel *kernel) {
  static const mn_dw_window window = {3, 3, 1, 1, 1, 1, 1, TRIAL_M, TRIAL_M, TRIAL_N};
  const void *rows[3] = {NULL, trial->a_q8, trial->a_q8};
  const mn_dw_q8s_args args = {.strip = {.window = &window,
                                         .rows = rows,
                                         .pixel_stride = TRIAL_N,
                                         .zeros = trial->zeros,
                                         .out = trial->out_q8,
                                         .out_stride = TRIAL_N,
                                         .height = 1},
                               .flip = FLIP,
                               .weights = trial->packed_i8,
                               .planes = 1,
                               .bias = trial->bias_i32,
                               .requant = requant_of(trial)};
  ((mn_dw_q8s_fn *)kernel->function)(&args);
}

static void run_add_q8(mn_trial *trial, const mn_kernel *kernel) {
  const mn_add_q8_args args = {.a = trial->a_q8,
                               .b = trial->b_q8,
                               .out = trial->out_q8,
                               .count = TRIAL_COUNT,
                               .flip = FLIP,
                               .a_zero = 120,
                               .b_zero = 131,
                               .left_shift = 20,
                               .a_multiplier = 1610612736,
                               .a_shift = -1,
                               .b_multiplier = 1073741824,
                               .b_shift = 0,
                               .out_multiplier = 1395864371,
                               .out_shift = -19,
                               .out_zero = -7,
                               .out_min = -128,
                               .out_max = 127};
  ((mn_add_q8_fn *)kernel->function)(&args);
}

static void run_mul_q8(mn_trial *trial, const mn_kernel *kernel) {
  const mn_mul_q8_args args = {.a = trial->a_q8,
                               .b = trial->b_q8,
                               .out = trial->out_q8,
                               .count = TRIAL_COUNT,
                               .flip = FLIP,
                               .a_zero = 120,
                               .b_zero = 131,
                               .multiplier = 1395864371,
                               .shift = -6,
                               .out_zero = -7,
                               .out_min = -128,
                               .out_max = 127};
  ((mn_mul_q8_fn *)kernel->function)(&args);
}

static void run_add_real_q8(mn_trial *trial, const mn_kernel *kernel) {
  const mn_add_real_q8_args args = {.a = trial->a_q8,
                                    .b = trial->b_q8,
                                    .out = trial->out_q8,
                                    .count = TRIAL_COUNT,
                                    .flip = FLIP,
                                    .a_scale = 0.75f,
                                    .b_scale = -0.5f,
                                    .constant = 99.25f,
                                    .out_max = 255};
  ((mn_add_real_q8_fn *)kernel->function)(&args);
}

static void run_mul_real_q8(mn_trial *trial, const mn_kernel *kernel) {
  const mn_mul_real_q8_args args = {.a = trial->a_q8,
                                    .b = trial->b_q8,
                                    .out = trial->out_q8,
                                    .count = TRIAL_COUNT,
                                    .flip = FLIP,
                                    .scale = 0.03125f,
                                    .a_zero = 120,
                                    .b_zero = 131,
                                    .out_zero = 121,
                                    .out_max = 255};
  ((mn_mul_real_q8_fn *)kernel->function)(&args);
}

static void run_lut8(mn_trial *trial, const mn_kernel *kernel) {
  const mn_lut8_args args = {trial->a_q8, trial->out_q8, TRIAL_COUNT, trial->table};
  ((mn_lut8_fn *)kernel->function)(&args);
}

static void run_binary_f32(mn_trial *trial, const mn_kernel *kernel) {
  const mn_binary_f32_args args = {trial->a_f32, trial->b_f32, trial->out_f32, TRIAL_COUNT, -3, 3};
  ((mn_add_f32_fn *)kernel->function)(&args);
}

static void run_unary_f32(mn_trial *trial, const mn_kernel *kernel) {
  const mn_unary_f32_args args = {trial->a_f32, trial->out_f32, TRIAL_COUNT, -3, 3};
  ((mn_clamp_f32_fn *)kernel->function)(&args);
}

/* Over the pixels of [M][N], in pairs. */
static void run_sum(mn_trial *trial, const mn_kernel *kernel) {
  const bool is_float = kernel->slot == MN_SLOT_sum_f32;
  mn_sum_args args = {.in = is_float ? (const void *)trial->a_f32 : trial->a_q8,
                      .rows = TRIAL_M / 2,
                      .row_stride = 2 * TRIAL_N,
                      .cols = 2,
                      .pixel_stride = TRIAL_N,
                      .channels = TRIAL_N,
                      .flip = FLIP,
                      .sums = is_float ? (void *)trial->out_f32 : trial->sums};
  ((mn_sum_f32_fn *)kernel->function)(&args);
  for (int i = 0; i < TRIAL_N; i++) trial->out_q8[i] = (uint8_t)(trial->sums[i] % 251);
}

/* The first pixels of a and b as rows, stretched. */
static void run_resize(mn_trial *trial, const mn_kernel *kernel) {
  enum { CHANNELS = 7, IN = 10, OUT = TRIAL_COUNT / CHANNELS };
  const bool is_float = kernel->slot == MN_SLOT_resize_f32;
  mn_resize_tap columns[OUT];
  for (int i = 0; i < OUT; i++) {
    const int32_t at = i * (IN - 1) * 1024 / OUT; /* 10 fractional bits */
    columns[i] = (mn_resize_tap){at / 1024, at / 1024 + 1, (float)(at % 1024) / 1024, at % 1024};
  }
  const mn_resize_row_args args = {.lower = is_float ? (const void *)trial->a_f32 : trial->a_q8,
                                   .upper = is_float ? (const void *)trial->b_f32 : trial->b_q8,
                                   .out = is_float ? (void *)trial->out_f32 : trial->out_q8,
                                   .in_stride = CHANNELS,
                                   .out_stride = CHANNELS,
                                   .columns = columns,
                                   .row = &columns[3],
                                   .in_width = IN,
                                   .out_width = OUT,
                                   .channels = CHANNELS,
                                   .scratch = trial->packed_f32};
  ((mn_resize_f32_fn *)kernel->function)(&args);
}

static void run_softmax(mn_trial *trial, const mn_kernel *kernel) {
  int32_t table[256];
  mn_softmax_table_ref(table, 1 << 30, 21); /* a code is 1/32 */
  for (int i = 0; i < TRIAL_M; i++) {
    const int row = i * TRIAL_N;
    if (kernel->slot == MN_SLOT_softmax_f32) {
      const mn_softmax_f32_args args = {trial->a_f32 + row, trial->out_f32 + row, TRIAL_N, 1};
      ((mn_softmax_f32_fn *)kernel->function)(&args);
    } else {
      const mn_softmax_q8_args args = {trial->a_q8 + row, trial->out_q8 + row, TRIAL_N, FLIP,
                                       table};
      ((mn_softmax_q8_fn *)kernel->function)(&args);
    }
  }
}

static void run_arg_max(mn_trial *trial, const mn_kernel *kernel) {
  const bool is_float = kernel->slot == MN_SLOT_arg_max_f32;
  int32_t found[TRIAL_M];
  const mn_arg_max_args args = {.in = is_float ? (const void *)trial->a_f32 : trial->a_q8,
                                .rows = TRIAL_M,
                                .apart = TRIAL_N * (is_float ? sizeof(float) : 1),
                                .count = TRIAL_N,
                                .flip = FLIP,
                                .out = found};
  ((mn_arg_max_f32_fn *)kernel->function)(&args);
  for (int i = 0; i < TRIAL_M; i++) {
    trial->out_f32[i] = (float)found[i];
    trial->out_q8[i] = (uint8_t)found[i];
  }
}

typedef struct slot_runner {
  void (*run)(mn_trial *trial, const mn_kernel *kernel);
  bool is_float;
  size_t depth; /* products of one output, 0: nothing is packed */
} slot_runner;

static const slot_runner runners[MN_SLOT_COUNT] = {
    [MN_SLOT_gemm_f32] = {run_gemm_f32, true, TRIAL_K},
    [MN_SLOT_gemm_bf16] = {run_gemm_bf16, true, 0},
    [MN_SLOT_gemm_q8] = {run_gemm_q8, false, TRIAL_K},
    [MN_SLOT_gemm_q8s] = {run_gemm_q8, false, TRIAL_K},
    [MN_SLOT_dense_q8] = {run_dense_q8, false, TRIAL_K},
    [MN_SLOT_sum_f32] = {run_sum, true, 0},
    [MN_SLOT_sum_q8] = {run_sum, false, 0},
    [MN_SLOT_resize_f32] = {run_resize, true, 0},
    [MN_SLOT_resize_u8] = {run_resize, false, 0},
    [MN_SLOT_resize_i8] = {run_resize, false, 0},
    [MN_SLOT_dw_f32] = {run_dw_f32, true, TRIAL_TAPS},
    [MN_SLOT_dw_q8s] = {run_dw_q8s, false, TRIAL_TAPS},
    [MN_SLOT_add_q8] = {run_add_q8, false, 0},
    [MN_SLOT_mul_q8] = {run_mul_q8, false, 0},
    [MN_SLOT_add_real_q8] = {run_add_real_q8, false, 0},
    [MN_SLOT_mul_real_q8] = {run_mul_real_q8, false, 0},
    [MN_SLOT_lut8] = {run_lut8, false, 0},
    [MN_SLOT_add_f32] = {run_binary_f32, true, 0},
    [MN_SLOT_sub_f32] = {run_binary_f32, true, 0},
    [MN_SLOT_mul_f32] = {run_binary_f32, true, 0},
    [MN_SLOT_clamp_f32] = {run_unary_f32, true, 0},
    [MN_SLOT_hard_swish_f32] = {run_unary_f32, true, 0},
    [MN_SLOT_hard_sigmoid_f32] = {run_unary_f32, true, 0},
    [MN_SLOT_logistic_f32] = {run_unary_f32, true, 0},
    [MN_SLOT_softmax_f32] = {run_softmax, true, 0},
    [MN_SLOT_softmax_q8] = {run_softmax, false, 0},
    [MN_SLOT_arg_max_f32] = {run_arg_max, true, 0},
    [MN_SLOT_arg_max_q8] = {run_arg_max, false, 0},
};

static bool tile_fits(mn_tile tile) {
  return tile.cols >= 1 && tile.cols <= TRIAL_COLS_MOST && tile.deep >= 1 &&
         (TRIAL_K + tile.deep - 1) / tile.deep * tile.deep <= TRIAL_DEEP_MOST &&
         (TRIAL_N + tile.cols - 1) / tile.cols * tile.cols <= TRIAL_COLS_MOST;
}

bool mn_trial_run(mn_trial *trial, const mn_kernel *kernel) {
  const slot_runner *runner = &runners[kernel->slot];
  if (!runner->run || !tile_fits(kernel->tile)) return false;
  fill(trial);
  if (runner->depth > 0) pack(trial, kernel->tile, runner->depth);
  runner->run(trial, kernel);
  return true;
}

bool mn_trial_is_float(mn_slot slot) { return runners[slot].is_float; }
