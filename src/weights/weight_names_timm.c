/* SPDX-License-Identifier: Apache-2.0
 * What timm calls the layers of MobileNet V1 to V4: blocks.STAGE.BLOCK.LAYER, where a stage is a
 * line of the paper's table. Source: timm/models/_efficientnet_blocks.py (1.0). */
#include <stdio.h>
#include <string.h>

#include "weights/weights.h"

/* A layer by our name, and its convolution and batch norm by theirs. */
typedef struct layer_name {
  const char *part, *conv, *norm;
} layer_name;

static const layer_name separable[] = {
    {"depthwise", "conv_dw", "bn1"},       {"pointwise", "conv_pw", "bn2"},
    {"project", "conv_pw", "bn2"},         {"se.reduce", "se.conv_reduce", NULL},
    {"se.expand", "se.conv_expand", NULL}, {NULL, NULL, NULL},
};
static const layer_name inverted_residual[] = {
    {"expand", "conv_pw", "bn1"},          {"depthwise", "conv_dw", "bn2"},
    {"project", "conv_pwl", "bn3"},        {"se.reduce", "se.conv_reduce", NULL},
    {"se.expand", "se.conv_expand", NULL}, {NULL, NULL, NULL},
};
static const layer_name universal[] = {
    {"", "conv", "bn1"},
    {"start", "dw_start.conv", "dw_start.bn"},
    {"expand", "pw_exp.conv", "pw_exp.bn"},
    {"middle", "dw_mid.conv", "dw_mid.bn"},
    {"project", "pw_proj.conv", "pw_proj.bn"},
    {NULL, NULL, NULL},
};
static const layer_name fused[] = {
    {"expand", "conv_exp", "bn1"}, {"project", "conv_pwl", "bn2"}, {NULL, NULL, NULL}};

/* Outside of blocks; V3 and V4 have their last convolution in a stage of its own. */
static const layer_name outside[] = {
    {"stem", "conv_stem", "bn1"},
    {"head", "conv_head", "bn2"},
    {"features", "conv_head", "norm_head"},
    {"logits", "classifier", NULL},
    {NULL, NULL, NULL},
};

static bool is_v4(mn_family family) {
  return family >= MN_FAMILY_V4_SMALL && family <= MN_FAMILY_V4_LARGE;
}

/* V4's first block is fused, but for the small network's. */
static const layer_name *table_of(const mn_weight_names *names, const mn_weight_place *place) {
  if (place->block == 0) return outside;
  if (!is_v4(names->family)) return place->expands ? inverted_residual : separable;
  bool first = place->block == 1 && names->family != MN_FAMILY_V4_SMALL;
  return first ? fused : universal;
}

/* The stage of a block, counted from 0, and what is left of `block` in it. */
static int stage_of(const mn_weight_names *names, int32_t *block) {
  int stage = 0;
  while (names->stages[stage] && *block >= names->stages[stage]) *block -= names->stages[stage++];
  return stage;
}

void mn_weight_name_timm(char name[MN_WEIGHT_NAME], const mn_weight_names *names,
                         const mn_weight_place *place) {
  const layer_name *layer = table_of(names, place);
  while (layer->part && strcmp(layer->part, place->part) != 0) layer++;
  const char *text = !layer->part ? NULL : place->norm ? layer->norm : layer->conv;
  if (!text) return;
  int32_t block = place->block ? place->block - 1 : INT32_MAX;
  int stage = stage_of(names, &block);
  bool own_stage = names->family != MN_FAMILY_V2 && strcmp(place->part, "head") == 0;
  if (place->block) {
    snprintf(name, MN_WEIGHT_NAME, "blocks.%d.%d.%s", stage, block, text);
  } else if (own_stage) {
    snprintf(name, MN_WEIGHT_NAME, "blocks.%d.0.%s", stage, place->norm ? "bn1" : "conv");
  } else {
    snprintf(name, MN_WEIGHT_NAME, "%s", text);
  }
}
