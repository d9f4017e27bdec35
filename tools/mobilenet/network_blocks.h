/* SPDX-License-Identifier: Apache-2.0
 * A network as a reader thinks of it: blocks in order, each a few layers. Blocks are told from the
 * names of the networks that are made by architecture: "block3.expand" is a layer of "block3". */
#ifndef MOBILENET_TOOL_NETWORK_BLOCKS_H
#define MOBILENET_TOOL_NETWORK_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "mobilenet/mobilenet.h"

enum { BLOCK_LAYERS = 12 };

typedef enum layer_kind { LAYER_CONV, LAYER_POINTWISE, LAYER_DEPTHWISE, LAYER_DENSE } layer_kind;

typedef struct block_layer {
  layer_kind kind;
  int32_t channels; /* of its output */
  int kernel;       /* 0: not told */
} block_layer;

typedef struct network_block {
  char name[40];
  block_layer layers[BLOCK_LAYERS]; /* those with weights, gates left out */
  int count;
  int32_t in_channels, in_height; /* of what it takes when it follows the one before */
  int32_t height, width;          /* of its output */
  bool squeeze_excite, residual;
  const char *act;  /* "ReLU6", or NULL */
  const char *does; /* for a block without weights: "mean over the map" */
  uint64_t macs, params;
} network_block;

/* The blocks of a model, which free() frees; NULL after saying that memory ran out. */
network_block *network_blocks(const mn_model *model, int *count);

/* Draws the model's blocks as SVG; false after saying why not. `title` is the architecture. */
bool network_draw(const mn_model *model, const char *title, const char *path);

#endif
