/* SPDX-License-Identifier: Apache-2.0
 * Segmentation: LR-ASPP, the lite reduced atrous spatial pyramid of the V3 paper (1905.02244,
 * figure 10), as torchvision has it: features weighed by a gate of their mean, brought to stride 8,
 * and summed as class scores with those of the features there. */
#include "zoo/blocks.h"

enum { INNER = 128 };

mn_outputs mn_build_lraspp(mn_net *net, mn_id picture) {
  mn_tap high = mn_net_here(net);
  mn_net_begin_segmenter(net);
  mn_net_global_pool(net, "lraspp.pool");
  mn_net_gate(net, "lraspp.gate", INNER);
  mn_id gate = net->value;
  mn_net_return_to(net, high);
  mn_net_conv(net, "lraspp.project", 1, 1, INNER, MN_RELU);
  mn_net_multiply(net, "lraspp.scale", gate);
  mn_net_resize_like(net, "lraspp.resize", net->low.value);
  mn_net_conv_bias(net, "lraspp.high", 1, net->arch->classes);
  mn_id scores = net->value;
  mn_net_return_to(net, net->low);
  mn_net_conv_bias(net, "lraspp.low", 1, net->arch->classes);
  mn_net_residual(net, "lraspp.sum", scores);
  mn_net_resize_like(net, "logits", picture);
  return (mn_outputs){{net->value}, 1};
}
