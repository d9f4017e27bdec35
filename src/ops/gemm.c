/* SPDX-License-Identifier: Apache-2.0
 * See gemm.h. */
#include "ops/gemm.h"

#include <string.h>

#include "base/alloc.h"
#include "base/half.h"

enum { ROUNDED_BYTES = 256 << 10 }; /* of rows rounded to bf16 at a time: a share of the L2 cache */

int32_t mn_input_zero_code(const mn_operand *operand) {
  return operand->quant->zero[0] + (operand->type == MN_I8 ? 128 : 0);
}

/* Within int32 for verified graphs; hostile ones may get any range, since then no kernel's answer
 * is defined either. */
static int32_t saturated(int64_t x) {
  return x < INT32_MIN ? INT32_MIN : x > INT32_MAX ? INT32_MAX : (int32_t)x;
}

int32_t mn_folded_bias(const mn_step *step, size_t c, mn_weight_sum weights, mn_sum_range *range) {
  const int32_t *bias = mn_operand_present(step, 2) ? step->in[2].data : NULL; /* [channels] */
  int64_t folded = (bias ? bias[c] : 0) - mn_input_zero_code(&step->in[0]) * weights.all;
  if (range) {
    range->least = saturated(folded + 255 * (weights.all - weights.positive));
    range->most = saturated(folded + 255 * weights.positive);
  }
  return (int32_t)(uint32_t)(uint64_t)folded;
}

static size_t weight_bytes(const mn_gemm *gemm) {
  switch (gemm->kernel->slot) {
    case MN_SLOT_gemm_f32: return sizeof(float);
    case MN_SLOT_gemm_bf16: return sizeof(uint16_t);
    case MN_SLOT_gemm_q8: return sizeof(int16_t);
    default: return sizeof(int8_t);
  }
}

size_t mn_gemm_weight_bytes(const mn_gemm *gemm, size_t columns) {
  return columns * gemm->padded_k * weight_bytes(gemm);
}

/* Kernels fetch a line with each product of a tile, of every other one for later steps; a tile is
 * at most two of the kernel's. */
size_t mn_gemm_spare(const mn_gemm *gemm, size_t rows, size_t columns) {
  enum { LINE = 64 };
  const size_t height = 2 * (size_t)gemm->kernel->tile.rows;
  const size_t panels = columns / (size_t)gemm->kernel->tile.cols;
  if (gemm->kernel->slot != MN_SLOT_gemm_f32) return 0;
  return (rows + height - 1) / height / 2 * panels * gemm->k * LINE;
}

static void choose_kernel(mn_gemm *gemm, const mn_step *step, const mn_op_request *request) {
  const mn_operand *weights = &step->in[1];
  const uint32_t features = request->features;
  if (step->in[0].type == MN_F32) {
    const bool rounds = request->precision == MN_BF16;
    gemm->kernel = mn_kernel_select(rounds ? MN_SLOT_gemm_bf16 : MN_SLOT_gemm_f32, features);
    return;
  }
  gemm->kernel = mn_kernel_select(MN_SLOT_gemm_q8s, features);
  if (!gemm->kernel) {
    gemm->kernel = mn_kernel_select(MN_SLOT_gemm_q8, features);
  } else if (weights->type == MN_U8) {
    gemm->w_zero = weights->quant->zero[0] - 128; /* u8 weights are recoded as i8 */
  }
}

void mn_gemm_plan(mn_gemm *gemm, const mn_step *step, const mn_op_request *request, mn_act act) {
  const mn_operand *weights = &step->in[1];
  memset(gemm, 0, sizeof *gemm);
  gemm->n = (size_t)weights->shape.dim[0];
  gemm->k = 1;
  for (int32_t i = 1; i < weights->shape.rank; i++) gemm->k *= (size_t)weights->shape.dim[i];
  gemm->element = mn_type_bytes(step->in[0].type);
  choose_kernel(gemm, step, request);
  gemm->padded_n = mn_whole(gemm->n, (size_t)gemm->kernel->tile.cols);
  gemm->padded_k = mn_whole(gemm->k, (size_t)gemm->kernel->tile.deep);
  gemm->row_bytes = gemm->k * gemm->element;
  if (gemm->kernel->slot == MN_SLOT_gemm_bf16) gemm->row_bytes = gemm->padded_k * sizeof(uint16_t);
  gemm->bias_offset = mn_aligned(gemm->padded_n * gemm->padded_k * weight_bytes(gemm));
  size_t column = mn_aligned(gemm->padded_n * sizeof(int32_t));
  gemm->requant_offset = gemm->bias_offset + column;
  if (gemm->kernel->slot == MN_SLOT_gemm_q8s) gemm->requant_offset += column;
  gemm->packed_bytes = gemm->requant_offset;
  if (step->in[0].type == MN_F32) {
    mn_act_range(act, &gemm->finish.lo, &gemm->finish.hi);
    gemm->finish.hard_swish = act == MN_ACT_HARD_SWISH;
    return;
  }
  gemm->requant = mn_requant_plan(step, act, gemm->padded_n);
  gemm->packed_bytes += gemm->requant.bytes;
  gemm->flip = step->in[0].type == MN_I8 ? 0x80 : 0;
}

void mn_gemm_add_scratch(mn_gemm *gemm, mn_step *step, const mn_op_request *request, size_t rows) {
  if (gemm->kernel->slot != MN_SLOT_gemm_bf16) return;
  const size_t unit = (size_t)gemm->kernel->tile.rows, bytes = gemm->padded_k * sizeof(float);
  const size_t fit = request->goal == MN_PLAN_MEMORY ? 0 : ROUNDED_BYTES / bytes / unit * unit;
  rows = mn_whole(rows, unit);
  gemm->scratch_rows = rows < fit ? rows : fit ? fit : unit;
  gemm->scratch_offset = mn_aligned(step->scratch_bytes);
  const size_t all = gemm->scratch_rows + (size_t)gemm->kernel->tile.cols;
  step->scratch_bytes = gemm->scratch_offset + all * bytes;
}

/* Where the weights of channel `c` begin; groups of `deep` of them are cols * deep apart:
 * [c / cols][k / deep][c % cols][deep]. */
static size_t row_start(const mn_gemm *gemm, size_t c) {
  size_t cols = (size_t)gemm->kernel->tile.cols, deep = (size_t)gemm->kernel->tile.deep;
  return (c / cols) * cols * gemm->padded_k + (c % cols) * deep;
}

/* `count` channels of k weights each side by side, cols apart, eight at a time: as many streams as
 * any first cache keeps apart. */
static void interleave_f32(const float *weights, size_t count, size_t k, size_t cols, float *to) {
  enum { TOGETHER = 8 };
  for (; count >= TOGETHER; count -= TOGETHER, to += TOGETHER, weights += TOGETHER * k) {
    for (size_t i = 0; i < k; i++) {
      float *row = to + i * cols;
      const float *from = weights + i;
      row[0] = from[0], row[1] = from[k], row[2] = from[2 * k], row[3] = from[3 * k];
      from += 4 * k;
      row[4] = from[0], row[5] = from[k], row[6] = from[2 * k], row[7] = from[3 * k];
    }
  }
  for (size_t j = 0; j < count; j++, weights += k) {
    for (size_t i = 0; i < k; i++) to[i * cols + j] = weights[i];
  }
}

static void pack_f32(const mn_gemm *gemm, const mn_step *step, float *panels) {
  const float *weights = step->in[1].data; /* [n][k] */
  const size_t cols = (size_t)gemm->kernel->tile.cols, whole = gemm->n / cols * cols * gemm->k;
  memset(panels + whole, 0, gemm->packed_bytes - whole * sizeof *panels);
  for (size_t c = 0; c < gemm->n; c += cols) {
    const size_t count = gemm->n - c < cols ? gemm->n - c : cols;
    interleave_f32(weights + c * gemm->k, count, gemm->k, cols, panels + c * gemm->k);
  }
}

static void pack_bf16(const mn_gemm *gemm, const mn_step *step, uint16_t *panels) {
  const float *weights = step->in[1].data; /* [n][k] */
  const size_t cols = (size_t)gemm->kernel->tile.cols;
  for (size_t c = 0; c < gemm->n; c++, weights += gemm->k) {
    uint16_t *to = panels + c / cols * cols * gemm->padded_k + 2 * (c % cols);
    for (size_t i = 0; i < gemm->k; i++)
      to[i / 2 * 2 * cols + i % 2] = mn_bfloat_of_float(weights[i]);
  }
}

/* Sums of code ^ flip less `offset`: in pieces that 32 bits hold, so that they are vectors. */
static mn_weight_sum sum_weights(const uint8_t *codes, size_t k, uint8_t flip, int32_t offset) {
  enum { PIECE = 1 << 16 };
  mn_weight_sum sum = {0, 0};
  for (size_t begin = 0; begin < k; begin += PIECE) {
    const size_t end = k - begin < PIECE ? k : begin + PIECE;
    int32_t all = 0, positive = 0;
    for (size_t i = begin; i < end; i++) {
      const int32_t weight = (codes[i] ^ flip) - offset;
      all += weight;
      positive += weight > 0 ? weight : 0;
    }
    sum.all += all;
    sum.positive += positive;
  }
  return sum;
}

/* Codes as bytes, `deep` together, the groups `step` bytes apart. */
static void place_bytes(const uint8_t *codes, size_t k, size_t deep, size_t step, uint8_t flip,
                        uint8_t *to) {
  size_t i = 0;
  for (; deep == 4 && i + 4 <= k; i += 4, to += step) {
    uint32_t four;
    memcpy(&four, codes + i, sizeof four);
    four ^= flip * 0x01010101u;
    memcpy(to, &four, sizeof four);
  }
  for (; i < k; to += step) {
    for (size_t j = 0; j < deep && i < k; j++, i++) to[j] = codes[i] ^ flip;
  }
}

/* The same as 16-bit numbers, zero point taken out. */
static void place_words(const uint8_t *codes, size_t k, size_t deep, size_t step, uint8_t flip,
                        int32_t offset, int16_t *to) {
  for (size_t i = 0; i < k; to += step) {
    for (size_t j = 0; j < deep && i < k; j++, i++) to[j] = (int16_t)((codes[i] ^ flip) - offset);
  }
}

/* Channel c's weights into their panel: as signed bytes that still have their zero point, or as
 * words without; returns their sums without. */
static mn_weight_sum pack_row_q8(const mn_gemm *gemm, const mn_operand *weights, size_t c,
                                 unsigned char *packed) {
  const uint8_t *codes = (const uint8_t *)weights->data + c * gemm->k; /* [k] */
  const bool is_signed = weights->type == MN_I8;
  const uint8_t flip = is_signed ? 0x80 : 0; /* an i8 code is its byte ^ 0x80, less 128 */
  const int32_t offset = is_signed ? 128 : weights->quant->zero[0];
  const size_t deep = (size_t)gemm->kernel->tile.deep;
  const size_t step = (size_t)gemm->kernel->tile.cols * deep, at = row_start(gemm, c);
  if (gemm->kernel->slot == MN_SLOT_gemm_q8s) {
    place_bytes(codes, gemm->k, deep, step, is_signed ? 0 : 0x80, packed + at);
  } else {
    place_words(codes, gemm->k, deep, step, flip, offset, (int16_t *)packed + at);
  }
  return sum_weights(codes, gemm->k, flip, offset);
}

static void pack_q8(const mn_gemm *gemm, const mn_step *step, unsigned char *packed) {
  int32_t *biases = (int32_t *)(packed + gemm->bias_offset);
  unsigned char *requant = packed + gemm->requant_offset;
  for (size_t c = 0; c < gemm->n; c++) {
    mn_sum_range range;
    const mn_weight_sum sum = pack_row_q8(gemm, &step->in[1], c, packed);
    biases[c] = mn_folded_bias(step, c, sum, &range);
    if (gemm->kernel->slot == MN_SLOT_gemm_q8s) {
      const int64_t codes = sum.all + gemm->w_zero * (int64_t)gemm->k;
      biases[gemm->padded_n + c] = (int32_t)((uint32_t)biases[c] + (uint32_t)(128 * codes));
    }
    mn_requant_pack(&gemm->requant, step, c, mn_wants_float_form(gemm->kernel) ? &range : NULL,
                    requant);
  }
}

void mn_gemm_pack(const mn_gemm *gemm, const mn_step *step, void *packed) {
  const bool whole = gemm->kernel->slot == MN_SLOT_gemm_f32; /* it clears what it leaves out */
  if (!whole) memset(packed, 0, gemm->packed_bytes);
  if (step->in[0].type != MN_F32) {
    pack_q8(gemm, step, packed);
    return;
  }
  if (whole) {
    pack_f32(gemm, step, packed);
  } else {
    pack_bf16(gemm, step, packed);
  }
  if (mn_operand_present(step, 2)) { /* [n] */
    memcpy((unsigned char *)packed + gemm->bias_offset, step->in[2].data, gemm->n * sizeof(float));
  }
}

static void run_float(const mn_gemm *gemm, const unsigned char *packed,
                      const mn_gemm_block *block) {
  const float *rows[1] = {block->a};
  mn_gemm_bf16_args args = {
      .f32 = {.a = block->segments ? (const float *const *)block->segments : rows,
              .segments = block->segments ? gemm->segments : 1,
              .segment = block->segments ? gemm->k / gemm->segments : gemm->k,
              .a_stride = block->a_stride,
              .bias = (const float *)(packed + gemm->bias_offset) + block->n_begin,
              .c = (float *)block->c + block->n_begin,
              .c_stride = block->c_stride,
              .m = block->m,
              .n = block->n_end - block->n_begin,
              .k = gemm->k,
              .finish = gemm->finish},
  };
  if (block->ahead) {
    args.f32.ahead = block->ahead->from;
    args.f32.ahead_bytes = block->ahead->bytes;
  }
  const size_t first = block->n_begin * gemm->padded_k;
  if (gemm->kernel->slot == MN_SLOT_gemm_f32) {
    args.f32.b = (const float *)packed + first;
    ((mn_gemm_f32_fn *)gemm->kernel->function)(&args.f32);
    return;
  }
  args.b = (const uint16_t *)packed + first;
  args.scratch = (float *)((unsigned char *)block->scratch + gemm->scratch_offset);
  args.scratch_rows = gemm->scratch_rows;
  ((mn_gemm_bf16_fn *)gemm->kernel->function)(&args);
}

static void run_q8(const mn_gemm *gemm, const unsigned char *packed, const mn_gemm_block *block) {
  mn_gemm_q8_args args = {
      .a = block->a,
      .a_stride = block->a_stride,
      .flip = block->codes ? 0 : gemm->flip,
      .b = packed + block->n_begin * gemm->padded_k * weight_bytes(gemm),
      .bias = (const int32_t *)(packed + gemm->bias_offset) + block->n_begin,
      .bias_signed =
          (const int32_t *)(packed + gemm->bias_offset) + gemm->padded_n + block->n_begin,
      .w_zero = gemm->w_zero,
      .c = (uint8_t *)block->c + block->n_begin,
      .c_stride = block->c_stride,
      .m = block->m,
      .n = block->n_end - block->n_begin,
      .k = block->codes ? gemm->padded_k : gemm->k,
      .requant = mn_requant_at(&gemm->requant, packed + gemm->requant_offset, block->n_begin),
  };
  ((mn_gemm_q8_fn *)gemm->kernel->function)(&args);
}

void mn_gemm_run(const mn_gemm *gemm, const void *packed, const mn_gemm_block *block) {
  if (gemm->element == sizeof(float)) {
    run_float(gemm, packed, block);
  } else {
    run_q8(gemm, packed, block);
  }
}
