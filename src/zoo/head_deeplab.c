/* SPDX-License-Identifier: Apache-2.0
 * Segmentation: DeepLabV3 (Chen et al., 1706.05587). Branches see the features at several rates and
 * as one mean; a 1x1 layer joins them. TensorFlow's is separable, and its MobileNetV2 models leave
 * the atrous branches out; torchvision's has full 3x3 filters and one more layer behind. */
#include "zoo/blocks.h"

enum { INNER = 256, RATES = 3, MOST = RATES + 2 };

static mn_id branch_point(mn_net *net, mn_tap features) {
  mn_net_return_to(net, features);
  mn_net_conv(net, "aspp.point", 1, 1, INNER, MN_RELU);
  return net->value;
}

static mn_id branch_image(mn_net *net, mn_tap features) {
  mn_net_return_to(net, features);
  mn_net_global_pool(net, "aspp.pool");
  mn_net_conv(net, "aspp.image", 1, 1, INNER, MN_RELU);
  mn_net_resize_like(net, "aspp.spread", features.value);
  return net->value;
}

static mn_id branch_atrous(mn_net *net, mn_tap features, int32_t index, int32_t rate) {
  const char *name = mn_net_numbered(net, "aspp.atrous", index);
  mn_net_return_to(net, features);
  if (net->arch->flavour.symmetric_pad) {
    mn_net_atrous(net, name, rate, INNER);
    return net->value;
  }
  net->rate = rate;
  mn_net_depthwise(net, mn_net_name(net, name, "depthwise"), 3, 1, MN_RELU);
  mn_net_conv(net, mn_net_name(net, name, "pointwise"), 1, 1, INNER, MN_RELU);
  return net->value;
}

mn_outputs mn_build_deeplab(mn_net *net, mn_id picture) {
  bool torch = net->arch->flavour.symmetric_pad;
  bool aspp = torch || net->arch->head == MN_HEAD_DEEPLAB_ASPP;
  /* TensorFlow's rates belong to stride 16; torchvision has the same ones at any. */
  int32_t rate = torch ? 12 : 6 * 16 / net->arch->output_stride;
  mn_tap features = mn_net_here(net);
  mn_id parts[MOST];
  int32_t count = 0;
  mn_net_begin_segmenter(net);
  if (!torch) parts[count++] = branch_image(net, features);
  parts[count++] = branch_point(net, features);
  for (int32_t i = 1; aspp && i <= RATES; i++) {
    parts[count++] = branch_atrous(net, features, i, rate * i);
  }
  if (torch) parts[count++] = branch_image(net, features);
  mn_net_concat(net, "aspp.concat", parts, count, 3);
  net->channels = INNER * count;
  mn_net_conv(net, "aspp.project", 1, 1, INNER, MN_RELU);
  if (torch) mn_net_atrous(net, "aspp.refine", 1, INNER);
  mn_net_conv_bias(net, "aspp.classify", 1, net->arch->classes);
  mn_net_resize_like(net, "logits", picture);
  return (mn_outputs){{net->value}, 1};
}
