/* SPDX-License-Identifier: Apache-2.0
 * Bilinear interpolation of one output row from two input rows, in the order of operations of
 * LiteRT's reference kernel (reference/resize_bilinear.h): float arithmetic for f32 and u8, 10
 * fractional bits for i8. */
#include "kernels/kernels.h"

/* The weights of the four neighbours, x first. */
typedef struct corners {
  float upper_y, lower_y, upper_x, lower_x;
} corners;

static corners corners_of(const mn_resize_row_args *args, size_t x) {
  float wy = args->row->weight, wx = args->columns[x].weight;
  return (corners){wy, 1.0f - wy, wx, 1.0f - wx};
}

static float blend(const corners *w, float ll, float ul, float lu, float uu) {
  return ll * w->lower_y * w->lower_x + ul * w->upper_y * w->lower_x +
         lu * w->lower_y * w->upper_x + uu * w->upper_y * w->upper_x;
}

void mn_resize_f32_ref(const mn_resize_row_args *args) {
  for (size_t x = 0; x < args->out_width; x++) {
    size_t lower_x = (size_t)args->columns[x].lower * args->in_stride;
    size_t upper_x = (size_t)args->columns[x].upper * args->in_stride;
    const float *lower = args->lower, *upper = args->upper;
    float *out = (float *)args->out + x * args->out_stride;
    corners w = corners_of(args, x);
    for (size_t c = 0; c < args->channels; c++) {
      out[c] =
          blend(&w, lower[lower_x + c], upper[lower_x + c], lower[upper_x + c], upper[upper_x + c]);
    }
  }
}

void mn_resize_u8_ref(const mn_resize_row_args *args) {
  for (size_t x = 0; x < args->out_width; x++) {
    size_t lower_x = (size_t)args->columns[x].lower * args->in_stride;
    size_t upper_x = (size_t)args->columns[x].upper * args->in_stride;
    const uint8_t *lower = args->lower, *upper = args->upper;
    uint8_t *out = (uint8_t *)args->out + x * args->out_stride;
    corners w = corners_of(args, x);
    for (size_t c = 0; c < args->channels; c++) {
      float value = blend(&w, lower[lower_x + c], upper[lower_x + c], lower[upper_x + c],
                          upper[upper_x + c]) +
                    0.5f;
      out[c] = value < 0.0f ? 0 : value > 255.0f ? 255 : (uint8_t)value;
    }
  }
}

void mn_resize_i8_ref(const mn_resize_row_args *args) {
  const int64_t one = 1 << 10;
  for (size_t x = 0; x < args->out_width; x++) {
    size_t lower_x = (size_t)args->columns[x].lower * args->in_stride;
    size_t upper_x = (size_t)args->columns[x].upper * args->in_stride;
    const int8_t *lower = args->lower, *upper = args->upper;
    int8_t *out = (int8_t *)args->out + x * args->out_stride;
    int64_t wy = args->row->fixed, wx = args->columns[x].fixed;
    for (size_t c = 0; c < args->channels; c++) {
      int64_t sum = lower[lower_x + c] * (one - wy) * (one - wx) +
                    upper[lower_x + c] * wy * (one - wx) + lower[upper_x + c] * (one - wy) * wx +
                    upper[upper_x + c] * wy * wx;
      sum = (sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20);
      out[c] = (int8_t)sum;
    }
  }
}
