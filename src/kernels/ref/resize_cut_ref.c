/* SPDX-License-Identifier: Apache-2.0
 * Bilinear interpolation of one output row of codes, in the order of operations of onnxruntime's
 * Resize of integers (upsample.cc): blended in float, cut towards 0. */
#include "kernels/ref/ref.h"

static void blend_row(const mn_resize_row_args *args, int is_signed) {
  const float uy = args->row->weight, ly = 1.0f - uy;
  for (size_t x = 0; x < args->out_width; x++) {
    const mn_resize_tap *tap = &args->columns[x];
    const float ux = tap->weight, lx = 1.0f - ux;
    const float weights[4] = {lx * ly, ux * ly, lx * uy, ux * uy};
    const uint8_t *lower = args->lower, *upper = args->upper;
    size_t left = (size_t)tap->lower * args->in_stride,
           right = (size_t)tap->upper * args->in_stride;
    uint8_t *out = (uint8_t *)args->out + x * args->out_stride;
    for (size_t c = 0; c < args->channels; c++) {
      const uint8_t corners[4] = {lower[left + c], lower[right + c], upper[left + c],
                                  upper[right + c]};
      float sum = 0.0f;
      for (int i = 0; i < 4; i++) {
        int32_t code = is_signed ? (int8_t)corners[i] : corners[i];
        sum += weights[i] * (float)code;
      }
      out[c] = (uint8_t)(int32_t)sum;
    }
  }
}

void mn_resize_cut_u8_ref(const mn_resize_row_args *args) { blend_row(args, 0); }
void mn_resize_cut_i8_ref(const mn_resize_row_args *args) { blend_row(args, 1); }
