/* SPDX-License-Identifier: Apache-2.0
 * The state dictionaries that are known, and places in a network's own names. How each library
 * feeds its networks: torchvision's presets, timm's default_cfg (1.0). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/weights.h"

#define TORCHVISION(model, family, with, widest, channels, classifier)                           \
  {                                                                                              \
    model, MN_NAMING_TORCHVISION, family, MN_HEAD_CLASSIFIER, "torchvision", with, NULL, widest, \
        channels, classifier, {0}, false, MN_RESIZE_PILLOW_BILINEAR, 0.875, 224                  \
  }
/* V3-Large with another head; the picture is stretched. */
#define WITH_HEAD(model, head, widest, channels, classifier, half, size)                     \
  {                                                                                          \
    model, MN_NAMING_TORCHVISION, MN_FAMILY_V3_LARGE, head, "torchvision", classifier, NULL, \
        widest, channels, classifier, {0}, half, MN_RESIZE_PILLOW_BILINEAR, 1, size          \
  }
#define BICUBIC MN_RESIZE_PILLOW_BICUBIC
#define BILINEAR MN_RESIZE_PILLOW_BILINEAR

/* The first that fits is taken. */
static const mn_weight_names known[] = {
    WITH_HEAD("ssdlite320_mobilenet_v3_large", MN_HEAD_SSDLITE,
              "backbone.features.1.2.block.3.0.weight", 80,
              "head.classification_head.module_list.0.1.weight", true, 320),
    WITH_HEAD("lraspp_mobilenet_v3_large", MN_HEAD_LRASPP, "backbone.15.block.3.0.weight", 160,
              "classifier.low_classifier.weight", false, 520),
    WITH_HEAD("deeplabv3_mobilenet_v3_large", MN_HEAD_DEEPLAB, "backbone.15.block.3.0.weight", 160,
              "classifier.4.weight", false, 520),
    TORCHVISION("mobilenet_v2", MN_FAMILY_V2, "features.1.conv.0.0.weight",
                "features.17.conv.2.weight", 320, "classifier.1.weight"),
    TORCHVISION("mobilenet_v3_large", MN_FAMILY_V3_LARGE, "features.16.0.weight",
                "features.15.block.3.0.weight", 160, "classifier.3.weight"),
    TORCHVISION("mobilenet_v3_small", MN_FAMILY_V3_SMALL, "features.12.0.weight",
                "features.11.block.3.0.weight", 96, "classifier.3.weight"),
    {"mobilenetv4_conv_small",
     MN_NAMING_TIMM,
     MN_FAMILY_V4_SMALL,
     MN_HEAD_CLASSIFIER,
     "timm",
     "blocks.0.1.conv.weight",
     NULL,
     "blocks.3.5.pw_proj.conv.weight",
     128,
     "classifier.weight",
     {2, 2, 6, 6},
     false,
     BICUBIC,
     0.875,
     224},
    {"mobilenetv4_conv_large",
     MN_NAMING_TIMM,
     MN_FAMILY_V4_LARGE,
     MN_HEAD_CLASSIFIER,
     "timm",
     "blocks.3.12.pw_proj.conv.weight",
     NULL,
     "blocks.3.12.pw_proj.conv.weight",
     512,
     "classifier.weight",
     {1, 2, 11, 13},
     false,
     BICUBIC,
     0.95,
     384},
    {"mobilenetv4_conv_medium",
     MN_NAMING_TIMM,
     MN_FAMILY_V4_MEDIUM,
     MN_HEAD_CLASSIFIER,
     "timm",
     "blocks.3.10.pw_proj.conv.weight",
     NULL,
     "blocks.3.10.pw_proj.conv.weight",
     256,
     "classifier.weight",
     {1, 2, 8, 11},
     false,
     BICUBIC,
     0.95,
     256},
    {"mobilenetv3_large",
     MN_NAMING_TIMM,
     MN_FAMILY_V3_LARGE,
     MN_HEAD_CLASSIFIER,
     "timm",
     "blocks.2.0.se.conv_reduce.weight",
     "blocks.0.0.se.conv_reduce.weight",
     "blocks.5.2.conv_pwl.weight",
     160,
     "classifier.weight",
     {1, 2, 3, 4, 2, 3},
     false,
     BICUBIC,
     0.875,
     224},
    {"mobilenetv3_small",
     MN_NAMING_TIMM,
     MN_FAMILY_V3_SMALL,
     MN_HEAD_CLASSIFIER,
     "timm",
     "blocks.0.0.se.conv_reduce.weight",
     NULL,
     "blocks.4.2.conv_pwl.weight",
     96,
     "classifier.weight",
     {1, 2, 3, 2, 3},
     false,
     BICUBIC,
     0.875,
     224},
    {"tf_mobilenetv3_large_minimal",
     MN_NAMING_TIMM,
     MN_FAMILY_V3_LARGE_MIN,
     MN_HEAD_CLASSIFIER,
     "tf",
     "blocks.6.0.conv.weight",
     NULL,
     "blocks.5.2.conv_pwl.weight",
     160,
     "classifier.weight",
     {1, 2, 3, 4, 2, 3},
     true,
     BILINEAR,
     0.875,
     224},
    {"tf_mobilenetv3_small_minimal",
     MN_NAMING_TIMM,
     MN_FAMILY_V3_SMALL_MIN,
     MN_HEAD_CLASSIFIER,
     "tf",
     "blocks.5.0.conv.weight",
     NULL,
     "blocks.4.2.conv_pwl.weight",
     96,
     "classifier.weight",
     {1, 2, 3, 2, 3},
     true,
     BILINEAR,
     0.875,
     224},
    {"mobilenetv2",
     MN_NAMING_TIMM,
     MN_FAMILY_V2,
     MN_HEAD_CLASSIFIER,
     "timm",
     "blocks.1.0.conv_pwl.weight",
     NULL,
     "blocks.6.0.conv_pwl.weight",
     320,
     "classifier.weight",
     {1, 2, 3, 4, 3, 3, 1},
     false,
     BICUBIC,
     0.875,
     224},
    {"mobilenetv1",
     MN_NAMING_TIMM,
     MN_FAMILY_V1,
     MN_HEAD_CLASSIFIER,
     "timm",
     "blocks.1.0.conv_pw.weight",
     NULL,
     "blocks.4.1.conv_pw.weight",
     1024,
     "classifier.weight",
     {1, 2, 2, 6, 2},
     true,
     BICUBIC,
     0.875,
     224},
};

const mn_weight_names *mn_weight_names_at(int index) {
  int count = (int)(sizeof known / sizeof known[0]);
  return index >= 0 && index < count ? &known[index] : NULL;
}

const mn_weight_names *mn_weight_names_find(const mn_state *state) {
  const mn_weight_names *names;
  for (int i = 0; (names = mn_weight_names_at(i)); i++) {
    if (!mn_state_find(state, names->with)) continue;
    if (!names->without || !mn_state_find(state, names->without)) return names;
  }
  return NULL;
}

/* ---- Places ---------------------------------------------------------------------------------- */

/* Cuts "<rest>.<ending>" behind the rest; false when `name` does not end so. */
static size_t without_ending(const char *name, const char *ending) {
  size_t length = strlen(name), wanted = strlen(ending);
  bool ends = length >= wanted && strcmp(name + length - wanted, ending) == 0;
  return ends ? length - wanted : 0;
}

/* What the zoo calls a constant, and what PyTorch does. The empty rest of a name is none. */
static size_t read_leaf(mn_weight_place *place, const char *name) {
  static const struct {
    const char *ours, *theirs;
    bool norm;
  } leaves[] = {
      {".bn.gamma", "weight", true},      {".bn.beta", "bias", true},
      {".bn.mean", "running_mean", true}, {".bn.variance", "running_var", true},
      {".weight", "weight", false},       {".bias", "bias", false},
  };
  for (size_t i = 0; i < sizeof leaves / sizeof leaves[0]; i++) {
    size_t length = without_ending(name, leaves[i].ours);
    if (!length) continue;
    place->norm = leaves[i].norm;
    snprintf(place->leaf, sizeof place->leaf, "%s", leaves[i].theirs);
    return length;
  }
  return 0;
}

bool mn_weight_place_next(mn_weight_place *place, const char *name) {
  size_t length = read_leaf(place, name);
  if (!length) return false;
  const char *part = name;
  int32_t block = 0;
  if (strncmp(name, "block", 5) == 0) {
    char *end;
    block = (int32_t)strtol(name + 5, &end, 10);
    part = *end == '.' && (size_t)(end - name) < length ? end + 1 : end;
  }
  if (block != place->block) place->expands = place->squeezes = false;
  place->block = block;
  int copied = (int)(length - (size_t)(part - name));
  int used = snprintf(place->part, sizeof place->part, "%.*s", copied, part);
  if (strcmp(place->part, "expand") == 0) place->expands = true;
  if (strncmp(place->part, "se.", 3) == 0) place->squeezes = true;
  return used == copied && used < (int)sizeof place->part;
}

void mn_weight_name(char name[MN_WEIGHT_NAME], const mn_weight_names *names,
                    const mn_weight_place *place) {
  char module[MN_WEIGHT_NAME] = "";
  name[0] = '\0';
  if (names->naming == MN_NAMING_TIMM) {
    mn_weight_name_timm(module, names, place);
  } else {
    mn_weight_name_torchvision(module, names, place);
  }
  int used = snprintf(name, MN_WEIGHT_NAME, "%s.%s", module, place->leaf);
  if (!module[0] || used >= MN_WEIGHT_NAME) name[0] = '\0';
}
