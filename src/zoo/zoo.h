/* SPDX-License-Identifier: Apache-2.0
 * The networks: an architecture's name, and the graph that it stands for. Every paper's table is a
 * table in the file of that network; what they share is in blocks.h. */
#ifndef MN_ZOO_ZOO_H
#define MN_ZOO_ZOO_H

#include "graph/graph.h"

typedef enum mn_family {
  MN_FAMILY_V1,
  MN_FAMILY_V2,
  MN_FAMILY_V3_LARGE,
  MN_FAMILY_V3_SMALL,
  MN_FAMILY_V3_LARGE_MIN,
  MN_FAMILY_V3_SMALL_MIN,
  MN_FAMILY_V4_SMALL,
  MN_FAMILY_V4_MEDIUM,
  MN_FAMILY_V4_LARGE,
  MN_FAMILY_COUNT
} mn_family;

/* How V3 scales its expansions: of the scaled input (TensorFlow, timm), or the table's own number
 * (torchvision). At width 1 both give the paper's. */
typedef enum mn_expansion_rule { MN_EXPANSION_OF_INPUT, MN_EXPANSION_OF_TABLE } mn_expansion_rule;

/* What stands on the features. */
typedef enum mn_head {
  MN_HEAD_CLASSIFIER,
  MN_HEAD_SSD,         /* boxes by 3x3 extra layers and 1x1 predictors */
  MN_HEAD_SSDLITE,     /* the same, depthwise separable; 3x3 predictors */
  MN_HEAD_LRASPP,      /* segmentation, V3 paper figure 10 as torchvision has it */
  MN_HEAD_DEEPLAB,     /* segmentation, DeepLabV3; torchvision's has ASPP, TensorFlow's has not */
  MN_HEAD_DEEPLAB_ASPP /* segmentation, DeepLabV3 with atrous branches */
} mn_head;

/* What a flavour decides beyond the paper. */
typedef struct mn_flavour {
  const char *name;   /* tf, torchvision, timm, mcunet, cifar */
  bool symmetric_pad; /* k / 2 on every side; else TensorFlow's SAME */
  float epsilon;      /* of batch norm */
  mn_expansion_rule expansion;
  bool last_scaled;        /* the layer before the classifier follows widths below 1 too */
  double whole_stem_below; /* V3: thinner networks keep the stem of width 1 */
  bool small_pictures;     /* V1, V2: made for 32 x 32: fewer strides, no bound above */
  bool fan_out;            /* first weights by what a layer gives, not by what it reads */
} mn_flavour;

typedef struct mn_arch {
  mn_family family;
  double width; /* the width multiplier, 0.05 to 4 */
  int32_t height, width_px;
  int32_t classes;
  mn_head head;
  int32_t output_stride; /* 8, 16 or 32 (= none dilated) */
  mn_flavour flavour;
} mn_arch;

/* FAMILY-WIDTH-SIZE[xWIDTH_PX][+HEAD][-osSTRIDE][@FLAVOUR]: "v2-1.0-224", "v2-1.0-513+deeplab-os8",
 * "v3-large-1.0-320+ssdlite@torchvision". HEAD is ssd, ssdlite, lraspp, deeplab or deeplab-aspp;
 * STRIDE 8, 16 or 32, 16 for segmentation and 32 for the rest when not said. `classes` counts
 * output columns, a background included; 0 = 1000, for boxes 91 (COCO), for segmentation 21 (VOC).
 * Error: ARGUMENT, saying which part was met and what was expected. */
mn_status mn_arch_parse(mn_arch *arch, const char *text, int32_t classes, mn_error *err);
/* Whether a text begins as an architecture does; for telling names apart. */
bool mn_arch_looks_like(const char *text);
const char *mn_family_name(mn_family family);
/* "ssd", ...; NULL for the classifier. */
const char *mn_head_name(mn_head head);
/* Whether the outputs are boxes, or a class for each pixel. */
bool mn_head_detects(mn_head head);
bool mn_head_segments(mn_head head);
/* The flavour of that name for a family; false when there is none. */
bool mn_flavour_find(mn_flavour *flavour, const char *name, mn_family family);

/* How constants are filled. */
typedef enum mn_zoo_weights {
  MN_ZOO_ZEROS, /* shared zeros: for counting, at no cost in memory */
  MN_ZOO_RANDOM /* He-normal by a counter-based generator: the same on every machine */
} mn_zoo_weights;

/* A float graph from the picture ("input", [1,h,w,3]), batch norms not folded, verified. Outputs:
 * classifier  "logits" [1,classes]
 * boxes       "box_encodings" [1,n,4] and "class_logits" [1,n,classes], as post/anchors.h orders
 *             them; encodings are y, x, h, w (TensorFlow) or x, y, w, h (torchvision)
 * segmentation "logits" [1,h,w,classes], resized as the original does */
mn_status mn_zoo_build(mn_graph *graph, const mn_arch *arch, mn_zoo_weights weights, uint64_t seed,
                       mn_error *err);

/* Puts the arch's head on a float classifier in the place of its own, whose nodes stay: nothing
 * reads them any more. Of the arch are read: head, classes, flavour, width (of a detector's further
 * maps) and output_stride (of a segmenter: what is behind it is dilated). Shapes are left open, as
 * is verification. Errors: UNSUPPORTED (no such maps in it), MEMORY. */
mn_status mn_zoo_put_head(mn_graph *graph, const mn_arch *arch, uint64_t seed, mn_error *err);
/* The head of that name; false: there is none. */
bool mn_head_find(mn_head *head, const char *name);

#endif
