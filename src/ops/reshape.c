/* SPDX-License-Identifier: Apache-2.0
 * RESHAPE as a copy, for the cases in which the plan cannot let both tensors share memory. */
#include <string.h>

#include "ops/operand.h"

MN_PLANNING mn_status reshape_plan(mn_step *step, const mn_op_request *request, mn_error *err) {
  (void)request;
  if (step->in[0].type != step->out.type) return mn_op_refuse(step, "one type", err);
  step->kernel_name = "copy";
  step->slices = mn_slices_of(mn_operand_elements(&step->out));
  return MN_OK;
}

static void reshape_run(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const mn_operand *in = &step->in[0], *out = &step->out;
  size_t bytes = mn_type_bytes(out->type), elements = mn_operand_elements(out);
  size_t first = begin * MN_SLICE_ELEMENTS, last = end * MN_SLICE_ELEMENTS;
  if (last > elements) last = elements;
  const unsigned char *from = mn_operand_read(run, in);
  unsigned char *to = mn_operand_write(run, out);
  if (mn_operand_dense(in) && mn_operand_dense(out)) {
    if (from != to) memcpy(to + first * bytes, from + first * bytes, (last - first) * bytes);
    return;
  }
  for (size_t i = first; i < last; i++) {
    memcpy(to + mn_operand_element_at(out, i), from + mn_operand_element_at(in, i), bytes);
  }
}

const mn_op_impl mn_reshape_impl = {.plan = reshape_plan, .run = reshape_run};
