/* SPDX-License-Identifier: Apache-2.0
 * Rows of images: finding them in a tensor, and running by rows the steps that can. */
#include "ops/operand.h"

mn_rows mn_operand_rows(const mn_run *run, const mn_operand *operand, int32_t image) {
  const int32_t height = operand->shape.dim[1];
  mn_rows rows = {.count = height};
  rows.row_bytes = mn_operand_pixel_at(operand, (size_t)operand->shape.dim[2]);
  rows.data = (unsigned char *)(uintptr_t)mn_operand_read(run, operand);
  rows.data += (size_t)image * (size_t)height * rows.row_bytes;
  return rows;
}

void mn_run_bands(const mn_step *step, const mn_run *run, size_t begin, size_t end) {
  const size_t height = (size_t)step->out.shape.dim[1];
  while (begin < end) {
    const size_t image = begin / height, first = begin - image * height;
    const size_t last = end - image * height < height ? end - image * height : height;
    mn_band band = {.scratch = run->scratch, .first = (int32_t)first, .last = (int32_t)last};
    band.in[0] = mn_operand_rows(run, &step->in[0], (int32_t)image);
    band.out = mn_operand_rows(run, &step->out, (int32_t)image);
    step->impl->run_band(step, &band);
    begin += last - first;
  }
}

bool mn_reach_same(const mn_step *step, mn_reach *reach) {
  *reach = (mn_reach){1, 1, 0};
  return step->out.shape.rank == 4 && mn_shape_equal(&step->in[0].shape, &step->out.shape);
}

mn_reach mn_reach_window(const mn_window *window) {
  int32_t span = (window->kernel_h - 1) * window->dilation_h + 1;
  return (mn_reach){window->stride_h, span, window->pad_top};
}
