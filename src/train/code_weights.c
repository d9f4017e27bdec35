/* SPDX-License-Identifier: Apache-2.0
 * See code_weights.h. */
#include "train/code_weights.h"

#include <math.h>
#include <string.h>

enum { MOST = 127 };

/* Depthwise weights are [kh][kw][channel], others [channel][...]. */
size_t mn_weight_channels(mn_op op, const mn_shape *weights) {
  return (size_t)weights->dim[op == MN_OP_DWCONV2D ? weights->rank - 1 : 0];
}

mn_weight_channel mn_weight_channel_of(mn_op op, const mn_shape *weights, size_t channel) {
  int32_t elements = 0;
  mn_shape_elements(weights, &elements);
  const size_t channels = mn_weight_channels(op, weights), count = (size_t)elements / channels;
  if (op == MN_OP_DWCONV2D) return (mn_weight_channel){channel, channels, count};
  return (mn_weight_channel){channel * count, 1, count};
}

float mn_weight_scale(const float *weights, mn_weight_channel channel,
                      const mn_grad_kernels *kernels) {
  float low = 0, high = 0;
  const float *w = weights + channel.first;
  if (channel.apart == 1) kernels->extremes(w, channel.count, &low, &high);
  for (size_t i = 0; channel.apart > 1 && i < channel.count; i++, w += channel.apart) {
    low = *w < low ? *w : low;
    high = *w > high ? *w : high;
  }
  const float most = high > -low ? high : -low;
  return most > 1e-30f ? most / MOST : 0; /* less has no inverse */
}

static float code_of(float weight, float inverse) {
  const float code = nearbyintf(weight * inverse);
  return code < -MOST ? -MOST : code > MOST ? MOST : code;
}

void mn_weight_round(const float *from, float *to, mn_weight_channel channel, float scale,
                     const mn_grad_kernels *kernels) {
  from += channel.first;
  to += channel.first;
  if (channel.apart == 1 && scale > 0) {
    kernels->fake_quant(&(mn_fake_quant_args){
        .x = from, .out = to, .count = channel.count, .scale = scale, .low = -MOST, .high = MOST});
    return;
  }
  const float inverse = scale > 0 ? 1.0f / scale : 0;
  for (size_t i = 0; i < channel.count; i++) {
    const size_t at = i * channel.apart;
    to[at] = scale > 0 ? code_of(from[at], inverse) * scale : from[at];
  }
}

void mn_weight_codes(const float *from, int8_t *to, mn_weight_channel channel, float scale) {
  const float inverse = scale > 0 ? 1.0f / scale : 0;
  for (size_t i = 0; i < channel.count; i++) {
    const size_t at = channel.first + i * channel.apart;
    to[at] = (int8_t)code_of(from[at], inverse);
  }
}
