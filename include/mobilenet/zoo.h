/* SPDX-License-Identifier: Apache-2.0
 *
 * zoo.h - the MobileNet networks by name (libmobilenet_train).
 *
 * A name is FAMILY-WIDTH-SIZE[xWIDTH_PX][+HEAD][-osSTRIDE][@FLAVOUR]: v2-1.0-224,
 * v3-small-0.75-192x160@torchvision, v2-1.0-513+deeplab-os8, v3-large-1.0-320+ssdlite@torchvision.
 *   FAMILY   v1, v2, v3-large, v3-small, v3-large-min, v3-small-min, v4-small, v4-medium, v4-large
 *   WIDTH    the width multiplier, 0.05 to 4: channels of every layer
 *   SIZE     height of the input in pixels, 32 to 4096; the width too unless xWIDTH_PX says another
 *   HEAD     none: a classifier; ssd, ssdlite: boxes; lraspp, deeplab, deeplab-aspp: a class for
 *            each pixel. Flavours other than tf mean torchvision's deeplab, which has ASPP always
 *   STRIDE   8, 16 or 32: the picture over the last map of features; beyond it layers are dilated.
 *            16 for segmentation, 32 for the rest when not said
 *   FLAVOUR  tf (default), torchvision, timm, mcunet: padding, batch-norm epsilon, rounding rules;
 *            cifar (classifiers v1, v2): for 32 x 32 pixels, with fewer strides
 *
 * Outputs are raw: "logits" [1,classes]; boxes "box_encodings" [1,n,4], relative to anchors, and
 * "class_logits" [1,n,classes]; segmentation "logits" [1,h,w,classes] at the picture's size.
 */
#ifndef MOBILENET_ZOO_H
#define MOBILENET_ZOO_H

#include "mobilenet.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mn_zoo_options {
  size_t struct_size;
  /* Columns of the output, a background included: 0 = 1000; for boxes 91 (COCO's 90 ids and the
   * background), for segmentation 21 (Pascal VOC's 20 and the background). */
  int32_t classes;
  uint64_t seed; /* of the random weights */
  /* 1: weights are shared zeros that take no memory: enough for counting and planning. */
  int32_t counts_only;
  /* How pictures are prepared, as in mn_open_options; NULL: as the flavour's own training does. */
  const char *contract;
} mn_zoo_options;

/* Builds an untrained network: weights He-normal from the seed, batch norms at their start, the
 * same on every machine. Its outputs are raw, as listed above. Errors: ARGUMENT (naming the part of
 * the name that is wrong), MEMORY. */
MN_API mn_status mn_model_from_zoo(mn_model **out, const char *name, const mn_zoo_options *options,
                                   mn_error *err);

/* What a name says. Strings live forever. */
typedef struct mn_zoo_name {
  const char *family, *flavour;
  double width;             /* the width multiplier */
  int32_t height, width_px; /* of the input */
  const char *head;         /* ssd, ...; NULL for a classifier */
} mn_zoo_name;
MN_API mn_status mn_zoo_parse(mn_zoo_name *parsed, const char *name, mn_error *err);

/* 1 when a name begins as a network's does, whether or not the rest of it is right. */
MN_API int mn_zoo_has(const char *name);

/* Family names in order; NULL past the end. */
MN_API const char *mn_zoo_family(int index);

#ifdef __cplusplus
}
#endif
#endif
