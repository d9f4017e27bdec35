/* SPDX-License-Identifier: Apache-2.0
 * What a network's layers come to once batch norms are folded away, as they are in every file that
 * is made to run: weights, one bias a channel, multiply-adds. */
#ifndef MOBILENET_TOOL_LAYER_COST_H
#define MOBILENET_TOOL_LAYER_COST_H

#include <stdbool.h>

#include "mobilenet/mobilenet.h"

/* Whether a layer has weights of its own: convolutions and dense layers. */
bool layer_has_weights(const mn_layer_info *layer);
bool layer_is_depthwise(const mn_layer_info *layer);
/* Its weights without biases: what a pixel of the output is multiplied with. */
uint64_t layer_weights(const mn_layer_info *layer);
/* Height x width of its output; 1 for a vector. */
uint64_t layer_pixels(const mn_layer_info *layer);
int32_t layer_channels(const mn_layer_info *layer);

typedef struct folded_cost {
  uint64_t weights, biases, macs;
  uint64_t float_bytes; /* 4 a weight and a bias */
  uint64_t int8_bytes;  /* 1 a weight, 4 a bias */
} folded_cost;
/* Of a model whose shapes are for one picture. */
folded_cost model_folded_cost(const mn_model *model);

#endif
