/* SPDX-License-Identifier: Apache-2.0
 * The classifier: the mean over the map, in V3 and V4 one wide layer on it, and class scores. */
#include "zoo/blocks.h"

/* V3 computes its last wide layer after the pool, where it is cheap (section 5.1). */
static void v3_features(mn_net *net) {
  mn_family family = net->arch->family;
  double width = net->arch->width;
  bool is_large = family == MN_FAMILY_V3_LARGE || family == MN_FAMILY_V3_LARGE_MIN;
  bool minimal = family == MN_FAMILY_V3_LARGE_MIN || family == MN_FAMILY_V3_SMALL_MIN;
  double last_width = width < 1 && !net->arch->flavour.last_scaled ? 1 : width;
  mn_net_pointwise_bias(net, "features", mn_make_divisible((is_large ? 1280 : 1024) * last_width),
                        minimal ? MN_RELU : MN_HARD_SWISH);
}

mn_outputs mn_build_classifier(mn_net *net) {
  mn_net_global_pool(net, "pool");
  switch (net->arch->family) {
    case MN_FAMILY_V1:
    case MN_FAMILY_V2: break;
    case MN_FAMILY_V4_SMALL:
    case MN_FAMILY_V4_MEDIUM:
    case MN_FAMILY_V4_LARGE: mn_net_conv(net, "features", 1, 1, 1280, MN_RELU); break;
    default: v3_features(net); break;
  }
  mn_net_dense(net, "logits", net->arch->classes);
  return (mn_outputs){{net->value}, 1};
}
