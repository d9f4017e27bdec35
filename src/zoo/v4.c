/* SPDX-License-Identifier: Apache-2.0
 * MobileNet V4, the convolutional models: Qin et al., "MobileNetV4" (2404.10518), tables 7 to 9.
 * The universal inverted bottleneck adds two optional depthwise layers to V2's block: one before
 * the expansion, one inside; with neither it is a feed-forward block. */
#include "zoo/blocks.h"

typedef enum v4_kind { CONV, FUSED, UIB } v4_kind;

typedef struct v4_row {
  v4_kind kind;
  int32_t start, middle; /* UIB: depthwise kernels, 0 = none; CONV and FUSED: middle = kernel */
  int32_t stride;
  int32_t expansion;
  int32_t out;
} v4_row;

static const v4_row small[] = {
    {CONV, 0, 3, 2, 0, 32}, {CONV, 0, 1, 1, 0, 32}, {CONV, 0, 3, 2, 0, 96}, {CONV, 0, 1, 1, 0, 64},
    {UIB, 5, 5, 2, 3, 96},  {UIB, 0, 3, 1, 2, 96},  {UIB, 0, 3, 1, 2, 96},  {UIB, 0, 3, 1, 2, 96},
    {UIB, 0, 3, 1, 2, 96},  {UIB, 3, 0, 1, 4, 96},  {UIB, 3, 3, 2, 6, 128}, {UIB, 5, 5, 1, 4, 128},
    {UIB, 0, 5, 1, 4, 128}, {UIB, 0, 5, 1, 3, 128}, {UIB, 0, 3, 1, 4, 128}, {UIB, 0, 3, 1, 4, 128},
};

static const v4_row medium[] = {
    {FUSED, 0, 3, 2, 4, 48}, {UIB, 3, 5, 2, 4, 80},  {UIB, 3, 3, 1, 2, 80},  {UIB, 3, 5, 2, 6, 160},
    {UIB, 3, 3, 1, 4, 160},  {UIB, 3, 3, 1, 4, 160}, {UIB, 3, 5, 1, 4, 160}, {UIB, 3, 3, 1, 4, 160},
    {UIB, 3, 0, 1, 4, 160},  {UIB, 0, 0, 1, 2, 160}, {UIB, 3, 0, 1, 4, 160}, {UIB, 5, 5, 2, 6, 256},
    {UIB, 5, 5, 1, 4, 256},  {UIB, 3, 5, 1, 4, 256}, {UIB, 3, 5, 1, 4, 256}, {UIB, 0, 0, 1, 4, 256},
    {UIB, 3, 0, 1, 4, 256},  {UIB, 3, 5, 1, 2, 256}, {UIB, 5, 5, 1, 4, 256}, {UIB, 0, 0, 1, 4, 256},
    {UIB, 0, 0, 1, 4, 256},  {UIB, 5, 0, 1, 2, 256},
};

static const v4_row large[] = {
    {FUSED, 0, 3, 2, 4, 48}, {UIB, 3, 5, 2, 4, 96},  {UIB, 3, 3, 1, 4, 96},  {UIB, 3, 5, 2, 4, 192},
    {UIB, 3, 3, 1, 4, 192},  {UIB, 3, 3, 1, 4, 192}, {UIB, 3, 3, 1, 4, 192}, {UIB, 3, 5, 1, 4, 192},
    {UIB, 5, 3, 1, 4, 192},  {UIB, 5, 3, 1, 4, 192}, {UIB, 5, 3, 1, 4, 192}, {UIB, 5, 3, 1, 4, 192},
    {UIB, 5, 3, 1, 4, 192},  {UIB, 3, 0, 1, 4, 192}, {UIB, 5, 5, 2, 4, 512}, {UIB, 5, 5, 1, 4, 512},
    {UIB, 5, 5, 1, 4, 512},  {UIB, 5, 5, 1, 4, 512}, {UIB, 5, 0, 1, 4, 512}, {UIB, 5, 3, 1, 4, 512},
    {UIB, 5, 0, 1, 4, 512},  {UIB, 5, 0, 1, 4, 512}, {UIB, 5, 3, 1, 4, 512}, {UIB, 5, 5, 1, 4, 512},
    {UIB, 5, 0, 1, 4, 512},  {UIB, 5, 0, 1, 4, 512}, {UIB, 5, 0, 1, 4, 512},
};

/* Universal inverted bottleneck. The stride is the middle depthwise layer's where there is one. */
static void universal(mn_net *net, const char *name, const v4_row *row, int32_t out) {
  mn_id from = net->value;
  bool residual = row->stride == 1 && net->channels == out;
  int32_t expanded = mn_make_divisible(net->channels * row->expansion);
  if (row->start) {
    mn_net_depthwise(net, mn_net_name(net, name, "start"), row->start,
                     row->middle ? 1 : row->stride, MN_LINEAR);
  }
  mn_net_conv(net, mn_net_name(net, name, "expand"), 1, 1, expanded, MN_RELU);
  if (row->middle) {
    mn_net_depthwise(net, mn_net_name(net, name, "middle"), row->middle, row->stride, MN_RELU);
  }
  mn_net_conv(net, mn_net_name(net, name, "project"), 1, 1, out, MN_LINEAR);
  if (residual) mn_net_residual(net, mn_net_name(net, name, "add"), from);
}

static void add_row(mn_net *net, const char *name, const v4_row *row) {
  int32_t out = mn_make_divisible(row->out * net->arch->width);
  switch (row->kind) {
    case CONV: mn_net_conv(net, name, row->middle, row->stride, out, MN_RELU); break;
    case FUSED:
      mn_net_conv(net, mn_net_name(net, name, "expand"), row->middle, row->stride,
                  mn_make_divisible(net->channels * row->expansion), MN_RELU);
      mn_net_conv(net, mn_net_name(net, name, "project"), 1, 1, out, MN_LINEAR);
      break;
    case UIB: universal(net, name, row, out); break;
  }
}

static void add_rows(mn_net *net, const v4_row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    add_row(net, mn_net_numbered(net, "block", (int32_t)i + 1), &rows[i]);
    mn_net_end_block(net);
  }
}

void mn_build_v4(mn_net *net) {
  double width = net->arch->width;
  int32_t stem = net->arch->family == MN_FAMILY_V4_LARGE ? 24 : 32;
  /* Thinner networks keep their stem (timm). */
  mn_net_conv(net, "stem", 3, 2, width < 1 ? stem : mn_make_divisible(stem * width), MN_RELU);
  switch (net->arch->family) {
    case MN_FAMILY_V4_SMALL: add_rows(net, small, sizeof small / sizeof small[0]); break;
    case MN_FAMILY_V4_MEDIUM: add_rows(net, medium, sizeof medium / sizeof medium[0]); break;
    default: add_rows(net, large, sizeof large / sizeof large[0]); break;
  }
  mn_net_conv(net, "head", 1, 1, mn_make_divisible(960 * width), MN_RELU);
}
