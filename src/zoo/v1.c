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

/* The flavour `cifar` is kuangliu/pytorch-cifar's models/mobilenet.py: a stem of stride 1, ReLU. */
void mn_build_v1(mn_net *net) {
  bool small = net->arch->flavour.small_pictures;
  mn_nonlinearity act = small ? MN_RELU : MN_RELU6;
  mn_net_conv(net, "stem", 3, small ? 1 : 2, depth(net, 32), act);
  for (int32_t i = 0; i < (int32_t)(sizeof rows / sizeof rows[0]); i++) {
    const char *name = mn_net_numbered(net, "block", i + 1);
    mn_net_depthwise(net, mn_net_name(net, name, "depthwise"), 3, rows[i].stride, act);
    mn_net_conv(net, mn_net_name(net, name, "pointwise"), 1, 1, depth(net, rows[i].out), act);
    mn_net_end_block(net);
  }
}
