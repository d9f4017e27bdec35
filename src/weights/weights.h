/* SPDX-License-Identifier: Apache-2.0
 * State dictionaries: named tensors without a network, as PyTorch keeps them. Which network of the
 * zoo they belong to is told from their names and shapes; that network is built and takes them.
 * Reads safetensors files and PyTorch's zip files; nothing of a file is ever executed. */
#ifndef MN_WEIGHTS_WEIGHTS_H
#define MN_WEIGHTS_WEIGHTS_H

#include "format/format.h"
#include "zoo/zoo.h"

/* ---- state*.c: a file's tensors --------------------------- */

typedef struct mn_state_tensor {
  const char *name;
  mn_type type;
  mn_shape shape;      /* as PyTorch has it: OIHW */
  const uint8_t *data; /* dense, in the file's bytes, perhaps unaligned */
  bool used;
} mn_state_tensor;

typedef struct mn_state {
  const mn_load_request *request;
  mn_state_tensor *tensors; /* [count], by name, each name once */
  int32_t count, capacity;
  mn_arena arena;
} mn_state;

/* Whether the bytes are a state dictionary of a kind that can be read. */
bool mn_state_has(const uint8_t *bytes, size_t size);
/* The request outlives the state. Free it also after a failure. */
mn_status mn_state_load(mn_state *state, const mn_load_request *request, mn_error *err);
void mn_state_free(mn_state *state);
/* NULL when there is none. */
mn_state_tensor *mn_state_find(const mn_state *state, const char *name);
/* Fails when what the state holds, and `more`, is beyond the request's memory cap. */
mn_status mn_state_spend(const mn_state *state, size_t more, mn_error *err);

/* ---- weight_names*.c: what a library calls the layers of a network --------------------------- */

typedef enum mn_naming { MN_NAMING_TORCHVISION, MN_NAMING_TIMM } mn_naming;

enum { MN_STAGES = 7 };

/* A kind of state dictionary: how it is told, and how that library feeds the network. */
typedef struct mn_weight_names {
  const char *model; /* the library's name */
  mn_naming naming;
  mn_family family;
  mn_head head;
  const char *flavour;
  const char *with, *without;    /* a tensor that it has, one that it has not (or NULL) */
  const char *widest;            /* a tensor whose first dim follows the width multiplier, and */
  int32_t channels;              /* that dim at width 1 */
  const char *classifier;        /* a tensor whose first dim is the number of classes */
  uint8_t stages[MN_STAGES + 1]; /* timm: blocks in each stage, then 0 */
  bool half;                     /* mean and deviation 0.5; else ImageNet's */
  mn_resize resize;
  double crop_fraction; /* input size / size that the short side is brought to */
  int32_t size;         /* of the input */
} mn_weight_names;

/* All kinds, in the order in which they are tried; NULL past the end. */
const mn_weight_names *mn_weight_names_at(int index);
/* The kind that a state is of; NULL for none. */
const mn_weight_names *mn_weight_names_find(const mn_state *state);

/* A constant of the zoo's network, as a place in it: "block3.se.reduce.weight". */
typedef struct mn_weight_place {
  int32_t block;          /* from 1; 0: outside of blocks */
  char part[24];          /* "se.reduce", "stem"; empty for a block that is one convolution */
  bool norm;              /* of the batch norm behind the layer */
  char leaf[16];          /* PyTorch's name of the tensor within its module */
  bool expands, squeezes; /* what came before in the same block */
} mn_weight_place;

/* Goes on to the place that the zoo calls `name`; begin with zeros. False when it is none. */
bool mn_weight_place_next(mn_weight_place *place, const char *name);
/* The tensor's name at that place, or an empty text. */
enum { MN_WEIGHT_NAME = 64 };
void mn_weight_name(char name[MN_WEIGHT_NAME], const mn_weight_names *names,
                    const mn_weight_place *place);
void mn_weight_name_torchvision(char name[MN_WEIGHT_NAME], const mn_weight_names *names,
                                const mn_weight_place *place);
void mn_weight_name_head(char name[MN_WEIGHT_NAME], const mn_weight_names *names,
                         const mn_weight_place *place);
void mn_weight_name_timm(char name[MN_WEIGHT_NAME], const mn_weight_names *names,
                         const mn_weight_place *place);

/* ---- recognize.c, bind.c --------------------------------------------------------------------- */

/* A constant of a network beside the tensor that is to fill it. */
typedef struct mn_weight_slot {
  mn_id value;
  mn_op op; /* of its node */
  char name[MN_WEIGHT_NAME];
} mn_weight_slot;

/* All constants of a network, in order; `next` keeps the place. */
typedef struct mn_weight_walk {
  const mn_graph *graph;
  const mn_weight_names *names;
  mn_weight_place place;
  int32_t node, operand;
} mn_weight_walk;
bool mn_weight_walk_next(mn_weight_walk *walk, mn_weight_slot *slot);

/* The architecture, with the input size that names->size says. A width that fits all shapes is
 * found when there is one. Errors: UNSUPPORTED (naming a tensor that is missing), LIMIT, MEMORY. */
mn_status mn_weights_recognize(const mn_state *state, const mn_weight_names *names, mn_arch *arch,
                               mn_error *err);

/* The flavour of that name as the library of `names` builds it: timm's thin V3 keep their stem,
 * those with TensorFlow's padding too. False when there is none. */
bool mn_weights_flavour(mn_arch *arch, const mn_weight_names *names, const char *flavour);

/* Builds the network and fills every constant, widened to float and in the graph's order. Errors:
 * UNSUPPORTED, naming the first tensor that is missing, too many, or of another shape; LIMIT. */
mn_status mn_weights_bind(mn_graph *graph, mn_state *state, const mn_weight_names *names,
                          const mn_arch *arch, mn_error *err);

/* ---- coco_names.c: labels of detectors that were trained on COCO ----------------------------- */

enum { MN_COCO_CLASSES = 91 };
/* MN_COCO_CLASSES lines. */
const char *mn_coco_labels(void);

#endif
