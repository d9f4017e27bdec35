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

/* What a flavour decides beyond the paper. */
typedef struct mn_flavour {
  const char *name;   /* tf, torchvision, timm, mcunet */
  bool symmetric_pad; /* k / 2 on every side; else TensorFlow's SAME */
  float epsilon;      /* of batch norm */
  mn_expansion_rule expansion;
  bool last_scaled; /* the layer before the classifier follows widths below 1 too */
} mn_flavour;

typedef struct mn_arch {
  mn_family family;
  double width; /* the width multiplier, 0.05 to 4 */
  int32_t height, width_px;
  int32_t classes;
  int32_t output_stride; /* 8, 16 or 32 (= none dilated) */
  mn_flavour flavour;
} mn_arch;

/* "v2-1.0-224", "v3-small-0.75-192x160@torchvision": FAMILY-WIDTH-SIZE[xWIDTH_PX][@FLAVOUR].
 * Error: ARGUMENT, saying which part was met and what was expected. */
mn_status mn_arch_parse(mn_arch *arch, const char *text, int32_t classes, mn_error *err);
/* Whether a text begins as an architecture does; for telling names apart. */
bool mn_arch_looks_like(const char *text);
const char *mn_family_name(mn_family family);
/* The flavour of that name for a family; false when there is none. */
bool mn_flavour_find(mn_flavour *flavour, const char *name, mn_family family);

/* How constants are filled. */
typedef enum mn_zoo_weights {
  MN_ZOO_ZEROS, /* shared zeros: for counting, at no cost in memory */
  MN_ZOO_RANDOM /* He-normal by a counter-based generator: the same on every machine */
} mn_zoo_weights;

/* A float graph from the picture ("input", [1,h,w,3]) to logits ("logits", [1,classes]), batch
 * norms not folded, verified. */
mn_status mn_zoo_build(mn_graph *graph, const mn_arch *arch, mn_zoo_weights weights, uint64_t seed,
                       mn_error *err);

#endif
