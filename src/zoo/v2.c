/* SPDX-License-Identifier: Apache-2.0
 * MobileNet V2: Sandler et al., "Inverted Residuals and Linear Bottlenecks" (1801.04381), table 2.
 */
#include "zoo/blocks.h"

typedef struct v2_row {
  int32_t expansion, out, repeats, stride; /* t, c, n, s */
} v2_row;

static const v2_row rows[] = {
    {1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2},  {6, 64, 4, 2},
    {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1},
};

/* The flavour `cifar` is kuangliu/pytorch-cifar's models/mobilenetv2.py: the first two strides are
 * not taken, so that 32 x 32 pixels end as a map of 4 x 4; ReLU; each block has its expansion, the
 * first too, and one of stride 1 that changes the channels is added to by a 1x1 layer. */
static int32_t stride_of(const mn_net *net, size_t row) {
  return net->arch->flavour.small_pictures && row == 1 ? 1 : rows[row].stride;
}

/* The first block's t is 1: nothing to round. */
static int32_t expand(int32_t channels, int32_t expansion) {
  return expansion == 1 ? channels : mn_make_divisible(channels * expansion);
}

void mn_build_v2(mn_net *net) {
  double width = net->arch->width;
  bool small = net->arch->flavour.small_pictures;
  mn_nonlinearity act = small ? MN_RELU : MN_RELU6;
  int32_t index = 0;
  mn_net_conv(net, "stem", 3, small ? 1 : 2, mn_net_depth(net, 32), act);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    for (int32_t n = 0; n < rows[i].repeats; n++) {
      mn_inverted_residual block = {
          .kernel = 3,
          .stride = n == 0 ? stride_of(net, i) : 1,
          .expanded = expand(net->channels, rows[i].expansion),
          .out = mn_net_depth(net, rows[i].out),
          .always = small,
          .act = act,
      };
      mn_net_inverted_residual(net, mn_net_numbered(net, "block", ++index), &block);
    }
  }
  if (mn_head_segments(net->arch->head)) return; /* DeepLab stands on the 320 channels */
  /* The last layer keeps its 1280 channels in thinner networks, except in MCUNet's and SSD's. */
  bool scaled = net->arch->flavour.last_scaled || mn_head_detects(net->arch->head);
  mn_net_conv(net, "head", 1, 1, mn_make_divisible(1280 * (width < 1 && !scaled ? 1 : width)), act);
}
