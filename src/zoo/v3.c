/* SPDX-License-Identifier: Apache-2.0
 * MobileNet V3: Howard et al., "Searching for MobileNetV3" (1905.02244), tables 1 and 2; the
 * minimalistic variants from TensorFlow slim: 3x3 only, no SE, ReLU everywhere. */
#include "zoo/blocks.h"

typedef struct v3_row {
  int32_t kernel, expanded, out;
  bool squeeze;        /* SE */
  mn_nonlinearity act; /* RE or HS */
  int32_t stride;
} v3_row;

/* The paper's letters. */
#define RE MN_RELU
#define HS MN_HARD_SWISH

static const v3_row large[] = {
    {3, 16, 16, false, RE, 1},  {3, 64, 24, false, RE, 2},  {3, 72, 24, false, RE, 1},
    {5, 72, 40, true, RE, 2},   {5, 120, 40, true, RE, 1},  {5, 120, 40, true, RE, 1},
    {3, 240, 80, false, HS, 2}, {3, 200, 80, false, HS, 1}, {3, 184, 80, false, HS, 1},
    {3, 184, 80, false, HS, 1}, {3, 480, 112, true, HS, 1}, {3, 672, 112, true, HS, 1},
    {5, 672, 160, true, HS, 2}, {5, 960, 160, true, HS, 1}, {5, 960, 160, true, HS, 1},
};

static const v3_row small[] = {
    {3, 16, 16, true, RE, 2},  {3, 72, 24, false, RE, 2}, {3, 88, 24, false, RE, 1},
    {5, 96, 40, true, HS, 2},  {5, 240, 40, true, HS, 1}, {5, 240, 40, true, HS, 1},
    {5, 120, 48, true, HS, 1}, {5, 144, 48, true, HS, 1}, {5, 288, 96, true, HS, 2},
    {5, 576, 96, true, HS, 1}, {5, 576, 96, true, HS, 1},
};

/* Expanded channels at the arch's width; `table_in` is the row's input at width 1. */
static int32_t expand(const mn_net *net, const v3_row *row, int32_t table_in, int32_t divider) {
  if (net->arch->flavour.expansion == MN_EXPANSION_OF_TABLE) {
    return mn_make_divisible(row->expanded / divider * net->arch->width);
  }
  return mn_make_divisible(net->channels * ((double)row->expanded / table_in));
}

/* Detectors halve the channels from stride 32 on (section 6.3: few classes need few). */
static void add_rows(mn_net *net, const v3_row *rows, int32_t count, bool minimal) {
  int32_t table_in = 16;
  for (int32_t i = 0; i < count; i++) {
    const v3_row *row = &rows[i];
    bool reduces = mn_head_detects(net->arch->head);
    int32_t divider = reduces && net->nominal == 32 ? 2 : 1;
    int32_t expanded = expand(net, row, table_in, divider);
    if (reduces && net->nominal * row->stride == 32) divider = 2;
    mn_inverted_residual block = {
        .kernel = minimal ? 3 : row->kernel,
        .stride = row->stride,
        .expanded = expanded,
        .out = mn_net_depth(net, row->out / divider),
        .squeeze = row->squeeze && !minimal ? mn_make_divisible(expanded / 4) : 0,
        .act = minimal ? MN_RELU : row->act,
    };
    mn_net_inverted_residual(net, mn_net_numbered(net, "block", i + 1), &block);
    table_in = row->out;
  }
}

void mn_build_v3(mn_net *net) {
  mn_family family = net->arch->family;
  bool is_large = family == MN_FAMILY_V3_LARGE || family == MN_FAMILY_V3_LARGE_MIN;
  bool minimal = family == MN_FAMILY_V3_LARGE_MIN || family == MN_FAMILY_V3_SMALL_MIN;
  mn_nonlinearity act = minimal ? MN_RELU : MN_HARD_SWISH;
  bool whole = net->arch->width < net->arch->flavour.whole_stem_below;
  mn_net_conv(net, "stem", 3, 2, whole ? 16 : mn_net_depth(net, 16), act);
  if (is_large) {
    add_rows(net, large, sizeof large / sizeof large[0], minimal);
  } else {
    add_rows(net, small, sizeof small / sizeof small[0], minimal);
  }
  bool of_table = net->arch->flavour.expansion == MN_EXPANSION_OF_TABLE;
  int32_t wide = (is_large ? 960 : 576) / (mn_head_detects(net->arch->head) ? 2 : 1);
  mn_net_conv(net, "head", 1, 1, of_table ? 6 * net->channels : mn_net_depth(net, wide), act);
}
