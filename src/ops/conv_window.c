/* SPDX-License-Identifier: Apache-2.0
 * Windows gathered from the rows of a map (im2col), padded taps as the zero code. */
#include <string.h>

#include "ops/conv2d.h"

mn_conv_source mn_conv_source_of(const mn_step *step, const mn_rows *rows) {
  const mn_operand *in = &step->in[0];
  size_t element = mn_type_bytes(in->type);
  return (mn_conv_source){
      .rows = *rows,
      .height = in->shape.dim[1],
      .width = in->shape.dim[2],
      .pixel_bytes = in->pixel_stride * element,
      .tap_bytes = mn_operand_channels(in) * element,
      .zero = in->type == MN_F32 ? 0 : (unsigned char)in->quant->zero[0],
  };
}

/* One row of a window, [kernel_w][channels], starting at input column x of row y. */
static unsigned char *gather_row(const mn_conv_source *from, const mn_window *w,
                                 const unsigned char *row, int32_t x, unsigned char *to) {
  bool inside = x >= 0 && x + w->kernel_w <= from->width && w->dilation_w == 1;
  if (inside && from->pixel_bytes == from->tap_bytes) {
    size_t bytes = (size_t)w->kernel_w * from->tap_bytes;
    memcpy(to, row + (size_t)x * from->pixel_bytes, bytes);
    return to + bytes;
  }
  for (int32_t k = 0; k < w->kernel_w; k++, x += w->dilation_w, to += from->tap_bytes) {
    if (x >= 0 && x < from->width) {
      memcpy(to, row + (size_t)x * from->pixel_bytes, from->tap_bytes);
    } else {
      memset(to, from->zero, from->tap_bytes);
    }
  }
  return to;
}

unsigned char *mn_conv_gather(const mn_conv_source *from, const mn_window *w, int32_t oy,
                              int32_t ox, unsigned char *to) {
  int32_t x = ox * w->stride_w - w->pad_left, y = oy * w->stride_h - w->pad_top;
  for (int32_t k = 0; k < w->kernel_h; k++, y += w->dilation_h) {
    if (y >= 0 && y < from->height) {
      to = gather_row(from, w, mn_row(&from->rows, y), x, to);
    } else {
      size_t bytes = (size_t)w->kernel_w * from->tap_bytes;
      memset(to, from->zero, bytes);
      to += bytes;
    }
  }
  return to;
}
