/* SPDX-License-Identifier: Apache-2.0
 * PAD with the type's zero: 0 for floats and plain integers, the zero point for codes; or the
 * contrary, cutting off. A slice is an output pixel. */
#include <stddef.h>
#include <string.h>

#include "ops/operand.h"

/* Dims right-aligned to MN_MAX_RANK; the last entry is the channel dim. */
typedef struct pad {
  ptrdiff_t before[MN_MAX_RANK]; /* negative: cut off */
  size_t in_dim[MN_MAX_RANK], out_dim[MN_MAX_RANK];
  size_t filled, skipped, copied; /* channels of a row: in front, of the input, of the input */
  unsigned char fill;             /* of every byte: a code, or 0 */
} pad;

MN_PLANNING void plan_row(pad *op) {
  enum { LAST = MN_MAX_RANK - 1 };
  ptrdiff_t before = op->before[LAST], end = before + (ptrdiff_t)op->in_dim[LAST];
  ptrdiff_t row = (ptrdiff_t)op->out_dim[LAST];
  op->filled = before > 0 ? (size_t)before : 0;
  op->skipped = before < 0 ? (size_t)-before : 0;
  op->copied = (size_t)(end < row ? end : row) - op->filled;
}

MN_PLANNING mn_status pad_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  bool coded = mn_operand_is_coded(in) && mn_operand_is_coded(out);
  if (in->type != out->type || (coded && !mn_operand_near_quant(in, out))) {
    return mn_op_refuse(step, "the same type, scale and zero point in and out", err);
  }
  mn_status status = mn_op_params(step, request, sizeof(pad), err);
  if (status) return status;
  pad *op = step->params;
  for (int32_t i = 0; i < MN_MAX_RANK; i++) {
    int32_t at = in->shape.rank - MN_MAX_RANK + i;
    op->before[i] = at < 0 ? 0 : step->node->attr.pad.before[at];
    op->in_dim[i] = at < 0 ? 1 : (size_t)in->shape.dim[at];
    op->out_dim[i] = at < 0 ? 1 : (size_t)out->shape.dim[at];
  }
  plan_row(op);
  op->fill = coded ? (unsigned char)mn_operand_zero(out) : 0;
  step->kernel_name = "pad";
  step->slices = mn_operand_pixels(out);
  return MN_OK;
}

/* The input pixel that an output pixel shows; false when it is padding. */
static bool source_pixel(const pad *op, size_t pixel, size_t *source) {
  size_t stride = 1;
  *source = 0;
  for (int i = MN_MAX_RANK - 2; i >= 0; i--) {
    ptrdiff_t at = (ptrdiff_t)(pixel % op->out_dim[i]) - op->before[i];
    pixel /= op->out_dim[i];
    if (at < 0 || at >= (ptrdiff_t)op->in_dim[i]) return false;
    *source += (size_t)at * stride;
    stride *= op->in_dim[i];
  }
  return true;
}

static void pad_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const pad *op = step->params;
  const mn_operand *in = &step->in[0], *out = &step->out;
  size_t bytes = mn_type_bytes(out->type);
  size_t row = op->out_dim[MN_MAX_RANK - 1] * bytes, copied = op->copied * bytes;
  size_t filled = op->filled * bytes, skipped = op->skipped * bytes, source;
  for (size_t pixel = begin; pixel < end; pixel++) {
    unsigned char *to = mn_operand_pixel_out(run, out, pixel);
    if (!source_pixel(op, pixel, &source)) {
      memset(to, op->fill, row);
      continue;
    }
    const unsigned char *from = mn_operand_pixel(run, in, source);
    memset(to, op->fill, filled);
    memcpy(to + filled, from + skipped, copied);
    memset(to + filled + copied, op->fill, row - filled - copied);
  }
}

const mn_op_impl mn_pad_impl = {.plan = pad_plan, .run = pad_run};
