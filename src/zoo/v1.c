/* SPDX-License-Identifier: Apache-2.0
 * MobileNet V1: Howard et al., "MobileNets" (1704.04861), table 1. Depthwise separable
 * convolutions: a 3x3 filter for each channel, then a 1x1 mix of channels. */
#include "zoo/blocks.h"

typedef struct v1_row {
  int32_t stride; /* of the depthwise layer */
  int32_t out;    /* of the pointwise one */
} v1_row;

static const v1_row rows[] = {
    {1, 64},  {2, 128}, {1, 128}, {2, 256}, {1, 256},  {2, 512},  {1, 512},
    {1, 512}, {1, 512}, {1, 512}, {1, 512}, {2, 1024}, {1, 1024},
};

/* V1 truncates; it does not round to multiples of 8 (slim, mobilenet_v1.py). */
static int32_t depth(const mn_net *net, int32_t channels) {
  int32_t scaled = (int32_t)(channels * net->arch->width);
  return scaled > net->min_depth ? scaled : net->min_depth;
}

void mn_build_v1(mn_net *net) {
  mn_net_conv(net, "stem", 3, 2, depth(net, 32), MN_RELU6);
  for (int32_t i = 0; i < (int32_t)(sizeof rows / sizeof rows[0]); i++) {
    const char *name = mn_net_numbered(net, "block", i + 1);
    mn_net_depthwise(net, mn_net_name(net, name, "depthwise"), 3, rows[i].stride, MN_RELU6);
    mn_net_conv(net, mn_net_name(net, name, "pointwise"), 1, 1, depth(net, rows[i].out), MN_RELU6);
    mn_net_end_block(net);
  }
}
