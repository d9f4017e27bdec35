/* SPDX-License-Identifier: Apache-2.0
 * What torchvision calls the layers of MobileNet V2 and V3: numbers along nn.Sequential. Source:
 * torchvision/models/mobilenetv2.py, mobilenetv3.py (0.14). */
#include <stdio.h>
#include <string.h>

#include "weights/weights.h"

static bool is(const mn_weight_place *place, const char *part) {
  return strcmp(place->part, part) == 0;
}

/* Where a block of V3 is: SSDLite cuts the backbone within block 13, behind its expansion. */
static void v3_module(char module[MN_WEIGHT_NAME], const mn_weight_names *names, int32_t block) {
  if (names->head == MN_HEAD_CLASSIFIER) {
    snprintf(module, MN_WEIGHT_NAME, "features.%d", block);
  } else if (names->head != MN_HEAD_SSDLITE) {
    snprintf(module, MN_WEIGHT_NAME, "backbone.%d", block);
  } else {
    int behind = block >= 13;
    snprintf(module, MN_WEIGHT_NAME, "backbone.features.%d.%d", behind, block - 13 * behind);
  }
}

/* Layers outside of blocks. The last convolution follows 17, 15 or 11 blocks. */
static void outside(char *name, const mn_weight_names *names, const mn_weight_place *place) {
  bool v2 = names->family == MN_FAMILY_V2, stem = is(place, "stem");
  int32_t last = v2 ? 18 : names->family == MN_FAMILY_V3_LARGE ? 16 : 12;
  char module[MN_WEIGHT_NAME];
  if (stem || is(place, "head")) {
    v3_module(module, names, stem ? 0 : last);
    snprintf(name, MN_WEIGHT_NAME, "%.40s.%d", module, place->norm);
  } else if (names->head != MN_HEAD_CLASSIFIER) {
    mn_weight_name_head(name, names, place);
  } else if (is(place, "features")) {
    snprintf(name, MN_WEIGHT_NAME, "classifier.0");
  } else if (is(place, "logits")) {
    snprintf(name, MN_WEIGHT_NAME, "classifier.%d", v2 ? 1 : 3);
  }
}

/* The projection stands in the block itself; the others are modules of their own. */
static void v2_block(char *name, const mn_weight_place *place) {
  int index = is(place, "expand") ? 0 : place->expands;
  if (is(place, "project")) {
    snprintf(name, MN_WEIGHT_NAME, "features.%d.conv.%d", place->block, index + 1 + place->norm);
  } else {
    snprintf(name, MN_WEIGHT_NAME, "features.%d.conv.%d.%d", place->block, index, place->norm);
  }
}

static void v3_block(char *name, const mn_weight_names *names, const mn_weight_place *place) {
  int index = is(place, "expand") ? 0 : place->expands;
  bool cut = names->head == MN_HEAD_SSDLITE && place->block == 13;
  char module[MN_WEIGHT_NAME];
  if (cut && is(place, "expand")) {
    snprintf(name, MN_WEIGHT_NAME, "backbone.features.0.13.%d", place->norm);
    return;
  }
  v3_module(module, names, place->block);
  const char *block = cut ? "" : ".block";
  if (is(place, "project")) index += 1 + place->squeezes;
  if (strncmp(place->part, "se.", 3) == 0) {
    snprintf(name, MN_WEIGHT_NAME, "%.40s%s.%d.fc%d", module, block, index + 1,
             is(place, "se.reduce") ? 1 : 2);
  } else {
    snprintf(name, MN_WEIGHT_NAME, "%.40s%s.%d.%d", module, block, index, place->norm);
  }
}

void mn_weight_name_torchvision(char name[MN_WEIGHT_NAME], const mn_weight_names *names,
                                const mn_weight_place *place) {
  if (place->block == 0) {
    outside(name, names, place);
  } else if (names->family == MN_FAMILY_V2) {
    v2_block(name, place);
  } else {
    v3_block(name, names, place);
  }
}
