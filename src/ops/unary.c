/* SPDX-License-Identifier: Apache-2.0
 * Steps that map each element by itself. */
#include "ops/unary.h"

mn_unary *mn_unary_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  if (mn_op_params(step, request, sizeof(mn_unary), err)) return NULL;
  mn_unary *unary = step->params;
  unary->flat = mn_operand_dense(&step->in[0]) && mn_operand_dense(&step->out);
  step->slices =
      unary->flat ? mn_slices_of(mn_operand_elements(&step->out)) : mn_operand_pixels(&step->out);
  return unary;
}

/* Every f32 slot of one input has this function type. */
static void apply_f32(const mn_unary *unary, const void *in, void *out, size_t count) {
  mn_unary_f32_args args = {.in = in, .out = out, .count = count, .lo = unary->lo, .hi = unary->hi};
  ((mn_clamp_f32_fn *)unary->kernel)(&args);
}

static void apply_table(const mn_unary *unary, const void *in, void *out, size_t count) {
  mn_lut8_args args = {.in = in, .out = out, .count = count, .table = unary->table};
  ((mn_lut8_fn *)unary->kernel)(&args);
}

static void use_slot(mn_step *step, const mn_op_request *request, mn_slot slot) {
  mn_unary *unary = step->params;
  step->kernel = mn_kernel_select(slot, request->features);
  step->kernel_name = step->kernel->name;
  unary->kernel = step->kernel->function;
}

void mn_unary_use_f32(mn_step *step, const mn_op_request *request, mn_slot slot) {
  use_slot(step, request, slot);
  ((mn_unary *)step->params)->apply = apply_f32;
}

void mn_unary_use_table(mn_step *step, const mn_op_request *request) {
  use_slot(step, request, MN_SLOT_lut8);
  ((mn_unary *)step->params)->apply = apply_table;
}

void mn_unary_run_band(const mn_step *step, const mn_band *band) {
  const mn_unary *unary = step->params;
  const mn_operand *in = &step->in[0], *out = &step->out;
  const size_t width = (size_t)out->shape.dim[2], channels = mn_operand_channels(out);
  for (int32_t y = band->first; y < band->last; y++) {
    const unsigned char *from = mn_row(&band->in[0], y);
    unsigned char *to = mn_row(&band->out, y);
    if (unary->flat) unary->apply(unary, from, to, width * channels);
    for (size_t x = 0; x < width && !unary->flat; x++) {
      unary->apply(unary, from + mn_operand_pixel_at(in, x), to + mn_operand_pixel_at(out, x),
                   channels);
    }
  }
}

void mn_unary_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const mn_unary *unary = step->params;
  const mn_operand *in = &step->in[0], *out = &step->out;
  if (unary->flat) {
    size_t first = begin * MN_SLICE_ELEMENTS, last = end * MN_SLICE_ELEMENTS;
    size_t elements = mn_operand_elements(out);
    if (last > elements) last = elements;
    const unsigned char *from = mn_operand_read(run, in);
    unsigned char *to = mn_operand_write(run, out);
    unary->apply(unary, from + first * mn_type_bytes(in->type),
                 to + first * mn_type_bytes(out->type), last - first);
    return;
  }
  size_t channels = mn_operand_channels(out);
  for (size_t pixel = begin; pixel < end; pixel++) {
    unary->apply(unary, mn_operand_pixel(run, in, pixel), mn_operand_pixel_out(run, out, pixel),
                 channels);
  }
}
