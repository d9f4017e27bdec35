/* SPDX-License-Identifier: Apache-2.0
 * Weights from multiply-adds: a layer uses each of its weights once for every pixel it makes. */
#include "layer_cost.h"

#include <string.h>

bool layer_is_depthwise(const mn_layer_info *layer) { return strcmp(layer->op, "dwconv2d") == 0; }

bool layer_has_weights(const mn_layer_info *layer) {
  return layer_is_depthwise(layer) || strcmp(layer->op, "conv2d") == 0 ||
         strcmp(layer->op, "dense") == 0;
}

uint64_t layer_pixels(const mn_layer_info *layer) {
  if (layer->output.rank != 4) return 1;
  return (uint64_t)layer->output.dims[1] * (uint64_t)layer->output.dims[2];
}

int32_t layer_channels(const mn_layer_info *layer) {
  return layer->output.rank > 0 ? layer->output.dims[layer->output.rank - 1] : 1;
}

uint64_t layer_weights(const mn_layer_info *layer) {
  return layer_has_weights(layer) ? layer->macs / layer_pixels(layer) : 0;
}

folded_cost model_folded_cost(const mn_model *model) {
  folded_cost cost = {0};
  mn_layer_info layer;
  for (int i = 0; mn_model_layer(model, i, &layer) == MN_OK; i++) {
    if (!layer_has_weights(&layer)) continue;
    cost.weights += layer_weights(&layer);
    cost.biases += (uint64_t)layer_channels(&layer);
    cost.macs += layer.macs;
  }
  cost.float_bytes = 4 * (cost.weights + cost.biases);
  cost.int8_bytes = cost.weights + 4 * cost.biases;
  return cost;
}
