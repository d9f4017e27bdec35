/* SPDX-License-Identifier: Apache-2.0
 * What torchvision calls the layers of SSDLite, LR-ASPP and DeepLabV3. Source:
 * torchvision/models/detection/ssdlite.py, segmentation/lraspp.py and deeplabv3.py (0.14). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weights/weights.h"

/* Our name, their module, and the index of the batch norm behind "module." when there is one. */
typedef struct head_name {
  const char *part, *module;
  bool numbered; /* the convolution is module.FIRST, its batch norm the next */
  int first;
} head_name;

static const head_name segmentation[] = {
    {"lraspp.project", "classifier.cbr", true, 0},
    {"lraspp.gate", "classifier.scale.1", false, 0},
    {"lraspp.high", "classifier.high_classifier", false, 0},
    {"lraspp.low", "classifier.low_classifier", false, 0},
    {"aspp.point", "classifier.0.convs.0", true, 0},
    {"aspp.atrous1", "classifier.0.convs.1", true, 0},
    {"aspp.atrous2", "classifier.0.convs.2", true, 0},
    {"aspp.atrous3", "classifier.0.convs.3", true, 0},
    {"aspp.image", "classifier.0.convs.4", true, 1},
    {"aspp.project", "classifier.0.project", true, 0},
    {"aspp.refine", "classifier", true, 1},
    {"aspp.classify", "classifier.4", false, 0},
};

/* "extra2.depthwise", "map3.class.depthwise", "map3.class"; theirs count from 0. */
static void detection(char *name, const mn_weight_place *place) {
  bool extra = strncmp(place->part, "extra", 5) == 0;
  char *part;
  long index = strtol(place->part + (extra ? 5 : 3), &part, 10) - 1;
  if (extra) {
    int layer = strcmp(part, ".reduce") == 0 ? 0 : strcmp(part, ".depthwise") == 0 ? 1 : 2;
    snprintf(name, MN_WEIGHT_NAME, "backbone.extra.%ld.%d.%d", index, layer, place->norm);
    return;
  }
  const char *kind = strncmp(part, ".box", 4) == 0 ? "regression" : "classification";
  if (strstr(part, ".depthwise")) {
    snprintf(name, MN_WEIGHT_NAME, "head.%s_head.module_list.%ld.0.%d", kind, index, place->norm);
  } else {
    snprintf(name, MN_WEIGHT_NAME, "head.%s_head.module_list.%ld.1", kind, index);
  }
}

void mn_weight_name_head(char name[MN_WEIGHT_NAME], const mn_weight_names *names,
                         const mn_weight_place *place) {
  if (names->head == MN_HEAD_SSDLITE) {
    detection(name, place);
    return;
  }
  for (size_t i = 0; i < sizeof segmentation / sizeof segmentation[0]; i++) {
    const head_name *layer = &segmentation[i];
    if (strcmp(layer->part, place->part) != 0) continue;
    if (layer->numbered) {
      snprintf(name, MN_WEIGHT_NAME, "%s.%d", layer->module, layer->first + place->norm);
    } else {
      snprintf(name, MN_WEIGHT_NAME, "%s", layer->module);
    }
  }
}
