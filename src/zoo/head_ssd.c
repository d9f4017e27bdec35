/* SPDX-License-Identifier: Apache-2.0
 * Detection: SSD (Liu et al., 1512.02325) as TensorFlow's object detection API and torchvision put
 * it on MobileNets. Six maps, each half the one before: the features at strides 16 and 32, and four
 * extra layers; on each a predictor of boxes and one of classes. SSDLite (V2 paper, section 6.2)
 * has both depthwise separable. */
#include "zoo/blocks.h"

enum { MAPS = 6, BOX = 4 };

static const int32_t extra_channels[MAPS] = {0, 0, 512, 256, 256, 128};

/* Channels of an extra layer: truncated, not rounded, in both originals. */
static int32_t extra_depth(const mn_net *net, int32_t channels) {
  int32_t depth = (int32_t)(channels * net->arch->width);
  return depth > net->min_depth ? depth : net->min_depth;
}

static void add_extra(mn_net *net, const char *name, int32_t channels, bool lite) {
  int32_t out = extra_depth(net, channels);
  int32_t half = net->arch->flavour.symmetric_pad ? out / 2 : extra_depth(net, channels / 2);
  mn_net_conv(net, mn_net_name(net, name, "reduce"), 1, 1, half, MN_RELU6);
  if (lite) {
    mn_net_depthwise(net, mn_net_name(net, name, "depthwise"), 3, 2, MN_RELU6);
    mn_net_conv(net, mn_net_name(net, name, "project"), 1, 1, out, MN_RELU6);
  } else {
    mn_net_conv(net, mn_net_name(net, name, "project"), 3, 2, out, MN_RELU6);
  }
}

/* Boxes at each place of a map: TensorFlow has fewer on the first (post/anchors.h). */
static int32_t boxes_at(const mn_net *net, int32_t map) {
  return map == 0 && !net->arch->flavour.symmetric_pad ? 3 : 6;
}

/* `columns` numbers for each box of a map, as rows. */
static mn_id predict(mn_net *net, mn_tap map, const char *name, int32_t boxes, int32_t columns) {
  mn_net_return_to(net, map);
  if (net->arch->head == MN_HEAD_SSDLITE) {
    mn_net_depthwise(net, mn_net_name(net, name, "depthwise"), 3, 1, MN_RELU6);
  }
  mn_net_conv_bias(net, name, 1, boxes * columns);
  mn_net_rows(net, mn_net_name(net, name, "rows"), columns);
  return net->value;
}

/* An output of all maps' rows, end to end. */
static mn_id gather(mn_net *net, const char *name, const mn_id *parts) {
  mn_net_concat(net, name, parts, MAPS, 1);
  return net->value;
}

mn_outputs mn_build_ssd(mn_net *net) {
  mn_tap maps[MAPS] = {net->middle, mn_net_here(net)};
  for (int32_t i = 2; i < MAPS; i++) {
    add_extra(net, mn_net_numbered(net, "extra", i - 1), extra_channels[i],
              net->arch->head == MN_HEAD_SSDLITE);
    maps[i] = mn_net_here(net);
  }
  mn_id boxes[MAPS], classes[MAPS];
  for (int32_t i = 0; i < MAPS; i++) {
    const char *name = mn_net_numbered(net, "map", i + 1);
    int32_t count = boxes_at(net, i);
    boxes[i] = predict(net, maps[i], mn_net_name(net, name, "box"), count, BOX);
    classes[i] = predict(net, maps[i], mn_net_name(net, name, "class"), count, net->arch->classes);
  }
  mn_id encodings = gather(net, "box_encodings", boxes);
  return (mn_outputs){{encodings, gather(net, "class_logits", classes)}, 2};
}
