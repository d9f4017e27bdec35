/* SPDX-License-Identifier: Apache-2.0
 * See network_blocks.h. */
#include "network_blocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer_cost.h"
#include "message.h"

/* What the next layer takes, when layers follow one another. */
typedef struct feed {
  int32_t channels, height, width;
} feed;

static int side_of(uint64_t area) {
  for (uint64_t side = 1; side <= 7; side += 2) {
    if (side * side == area) return (int)side;
  }
  return 0;
}

static block_layer describe(const mn_layer_info *layer, const feed *from) {
  uint64_t weights = layer_weights(layer), channels = (uint64_t)layer_channels(layer);
  block_layer made = {.channels = layer_channels(layer)};
  if (layer_is_depthwise(layer)) {
    made.kind = LAYER_DEPTHWISE;
    made.kernel = side_of(weights / channels);
  } else if (strcmp(layer->op, "dense") == 0) {
    made.kind = LAYER_DENSE;
  } else {
    uint64_t one = channels * (uint64_t)from->channels; /* weights of a 1x1 layer */
    made.kernel = weights % one == 0 ? side_of(weights / one) : 0;
    made.kind = made.kernel > 1 ? LAYER_CONV : LAYER_POINTWISE;
  }
  return made;
}

static void note_act(network_block *block, const mn_layer_info *layer) {
  if (strcmp(layer->op, "hard_swish") == 0) block->act = "h-swish";
  if (strcmp(layer->op, "relu") != 0 || strstr(layer->name, ".se.")) return;
  block->act = strstr(layer->name, "relu6") ? "ReLU6" : "ReLU";
}

static void note_layer(network_block *block, const mn_layer_info *layer, feed *from) {
  block->macs += layer->macs;
  block->params += layer->params;
  if (strstr(layer->name, ".se.")) {
    block->squeeze_excite = true;
    return;
  }
  note_act(block, layer);
  if (strcmp(layer->op, "add") == 0) block->residual = true;
  if (strcmp(layer->op, "avg_pool") == 0 && !block->count) block->does = "mean over the map";
  if (strcmp(layer->op, "resize_bilinear") == 0) block->does = "bilinear, to the picture's size";
  if (layer_has_weights(layer) && block->count < BLOCK_LAYERS) {
    block->layers[block->count++] = describe(layer, from);
  }
  if (layer->output.rank == 4) {
    *from = (feed){layer_channels(layer), layer->output.dims[1], layer->output.dims[2]};
  }
  block->height = from->height;
  block->width = from->width;
}

/* "block3" of "block3.expand.bn". */
static void block_name(char *name, size_t size, const char *layer) {
  snprintf(name, size, "%.*s", (int)strcspn(layer, "."), layer);
}

network_block *network_blocks(const mn_model *model, int *count) {
  mn_model_summary summary;
  mn_tensor_info input;
  mn_layer_info layer;
  *count = 0;
  if (mn_model_summarize(model, &summary, NULL) || mn_model_input_info(model, 0, &input)) {
    return NULL;
  }
  network_block *blocks = calloc((size_t)summary.node_count + 1, sizeof *blocks), *block = NULL;
  if (!blocks) {
    say_out_of_memory();
    return NULL;
  }
  feed from = {input.dims[3], input.dims[1], input.dims[2]};
  for (int i = 0; mn_model_layer(model, i, &layer) == MN_OK; i++) {
    char name[sizeof block->name];
    block_name(name, sizeof name, layer.name);
    if (!block || strcmp(name, block->name) != 0) {
      block = &blocks[(*count)++];
      memcpy(block->name, name, sizeof name);
      block->in_channels = from.channels;
      block->in_height = from.height;
    }
    note_layer(block, &layer, &from);
  }
  return blocks;
}
