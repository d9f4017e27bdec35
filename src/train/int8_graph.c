/* SPDX-License-Identifier: Apache-2.0
 * See int8_graph.h. Krishnamoorthi, "Quantizing deep convolutional networks for efficient
 * inference" (2018), for scales by channel; TensorFlow Lite's 8-bit specification for the rest. */
#include "train/int8_graph.h"

#include <string.h>

#include "train/code_weights.h"
#include "train/deploy.h"

/* Codes of a bias, so that sums of products have room beside it. */
static const double most_bias = 1 << 28;

typedef struct conversion {
  mn_graph *graph;
  mn_code_points points;
  mn_code_range *ranges; /* of `scratch` */
  mn_arena scratch;
  mn_error *err;
} conversion;

static mn_code_scale scale_of(const conversion *c, mn_id id) {
  return mn_code_scale_of(mn_code_points_range(&c->points, c->ranges, c->points.group[id]));
}

static mn_status no_memory(const conversion *c) {
  return mn_fail_memory(c->err, c->graph->arena.used);
}

/* ---- Layers ---------------------------------------------------------------------------------- */

typedef struct layer {
  mn_op op;
  mn_value *weights, *bias; /* bias: NULL when there is none */
  mn_id weights_id, bias_id;
  size_t channels;
  float in_scale;
  float *scales, *steps; /* [channels] of the weights, and of the sums */
} layer;

/* A channel whose weights are next to nothing beside its bias gets a coarser scale: else the bias
 * would not fit its 32 bits. */
static float channel_scale(const layer *l, size_t channel) {
  const mn_weight_channel at = mn_weight_channel_of(l->op, &l->weights->shape, channel);
  const float scale = mn_weight_scale(l->weights->data, at, &mn_grad_kernels_ref);
  const double bias = l->bias ? fabs((double)((const float *)l->bias->data)[channel]) : 0;
  const double least = bias / ((double)l->in_scale * most_bias);
  if ((double)scale > least) return scale;
  return least > 1e-30 ? (float)(least * (1 + 1e-6)) : 1.0f / 127;
}

/* A layer whose outputs all cancel out, or a dead one, has a range below what one code of its
 * weights makes of one of its input: its sums would have to be multiplied by more than 1. Whatever
 * such a layer says is the rounding's, and a wider range loses nothing. */
static void widen(const conversion *c, const layer *l, mn_id out) {
  float most = 0;
  for (size_t i = 0; i < l->channels; i++) most = l->scales[i] > most ? l->scales[i] : most;
  const double step = 1.01 * (double)l->in_scale * (double)most;
  mn_code_range *range = &c->ranges[c->points.group[out]];
  if ((double)scale_of(c, out).scale >= step) return;
  range->high = range->low + (float)(step * (MN_CODE_HIGH - MN_CODE_LOW));
}

static bool code_weights(conversion *c, const layer *l) {
  const float *from = l->weights->data;
  const size_t count = l->weights->bytes / sizeof *from;
  int8_t *codes = mn_arena_take(&c->graph->arena, count);
  for (size_t i = 0; codes && i < l->channels; i++) {
    const mn_weight_channel at = mn_weight_channel_of(l->op, &l->weights->shape, i);
    mn_weight_codes(from, codes, at, l->scales[i]);
  }
  l->weights->type = MN_I8;
  l->weights->data = codes;
  l->weights->bytes = count;
  const int32_t axis = l->op == MN_OP_DWCONV2D ? l->weights->shape.rank - 1 : 0;
  return codes &&
         mn_graph_set_quant(c->graph, l->weights_id, (int32_t)l->channels, axis, l->scales, NULL);
}

static bool code_bias(conversion *c, const layer *l) {
  if (!l->bias) return true;
  const float *from = l->bias->data;
  int32_t *codes = mn_arena_array(&c->graph->arena, l->channels, sizeof *codes);
  for (size_t i = 0; codes && i < l->channels; i++) {
    const double step = (double)l->in_scale * (double)l->scales[i];
    codes[i] = (int32_t)nearbyint((double)from[i] / step);
  }
  l->bias->type = MN_I32;
  l->bias->data = codes;
  l->bias->bytes = l->channels * sizeof *codes;
  return codes && mn_graph_set_quant(c->graph, l->bias_id, (int32_t)l->channels, 0, l->steps, NULL);
}

static bool is_layer(const mn_node *node) {
  return node->op == MN_OP_CONV2D || node->op == MN_OP_DWCONV2D || node->op == MN_OP_DENSE;
}

static mn_status find_layer(conversion *c, const mn_node *node, layer *out) {
  layer l = {.op = node->op, .weights_id = node->in[1], .bias_id = MN_NONE};
  if (node->in_count > 2) l.bias_id = node->in[2];
  l.weights = &c->graph->values[l.weights_id];
  l.bias = l.bias_id == MN_NONE ? NULL : &c->graph->values[l.bias_id];
  if (l.weights->type != MN_F32 || (l.bias && l.bias->type != MN_F32)) {
    return mn_fail(c->err, MN_ERR_UNSUPPORTED, node->name,
                   "it shares weights or a bias with another layer, expected its own");
  }
  l.channels = mn_weight_channels(l.op, &l.weights->shape);
  l.in_scale = scale_of(c, node->in[0]).scale;
  l.scales = mn_arena_array(&c->scratch, l.channels, sizeof *l.scales);
  l.steps = mn_arena_array(&c->scratch, l.channels, sizeof *l.steps);
  if (!l.scales || !l.steps) return no_memory(c);
  for (size_t i = 0; i < l.channels; i++) {
    l.scales[i] = channel_scale(&l, i);
    l.steps[i] = (float)((double)l.in_scale * (double)l.scales[i]);
  }
  *out = l;
  return MN_OK;
}

/* Ranges are settled before anything is made of them. */
static mn_status widen_ranges(conversion *c) {
  mn_status status = MN_OK;
  for (int32_t n = 0; n < c->graph->node_count && !status; n++) {
    layer l;
    if (!is_layer(&c->graph->nodes[n])) continue;
    status = find_layer(c, &c->graph->nodes[n], &l);
    if (!status) widen(c, &l, c->graph->nodes[n].out[0]);
  }
  return status;
}

static mn_status code_layer(conversion *c, const mn_node *node) {
  layer l;
  mn_status status = find_layer(c, node, &l);
  if (status) return status;
  return code_weights(c, &l) && code_bias(c, &l) ? MN_OK : no_memory(c);
}

/* ---- Other values ---------------------------------------------------------------------------- */

static bool code_constant(conversion *c, mn_value *value, mn_code_scale by) {
  const float *from = value->data;
  const size_t count = value->bytes / sizeof *from;
  int8_t *codes = mn_arena_take(&c->graph->arena, count);
  for (size_t i = 0; codes && i < count; i++) {
    const double code = nearbyint((double)from[i] / (double)by.scale) + by.zero;
    codes[i] = (int8_t)fmin(fmax(code, MN_CODE_LOW), MN_CODE_HIGH);
  }
  value->data = codes;
  value->bytes = count;
  return codes != NULL;
}

static mn_status code_value(conversion *c, mn_id id) {
  if (c->points.group[id] == MN_NONE) return MN_OK;
  mn_value *value = &c->graph->values[id];
  const mn_code_scale by = scale_of(c, id);
  if (value->kind == MN_KIND_CONST && !code_constant(c, value, by)) return no_memory(c);
  value->type = MN_I8;
  return mn_graph_set_quant(c->graph, id, 1, 0, &by.scale, &by.zero) ? MN_OK : no_memory(c);
}

/* A picture whose levels are codes is taken as it is, less 128. */
static void settle_contract(mn_contract *contract) {
  mn_code_range range;
  if (mn_code_points_levels(contract, &range)) contract->input.map = MN_MAP_MINUS128;
}

static mn_status convert(conversion *c, const mn_code_range *ranges) {
  mn_status status = mn_code_points_find(&c->points, c->graph, &c->scratch, c->err);
  if (status) return status;
  const size_t bytes = (size_t)c->points.group_count * sizeof *ranges;
  c->ranges = mn_arena_copy(&c->scratch, ranges, bytes);
  if (!c->ranges) return no_memory(c);
  status = widen_ranges(c);
  for (int32_t n = 0; n < c->graph->node_count && !status; n++) {
    const mn_node *node = &c->graph->nodes[n];
    if (is_layer(node)) status = code_layer(c, node);
  }
  for (mn_id id = 0; id < c->graph->value_count && !status; id++) status = code_value(c, id);
  if (status) return status;
  settle_contract(&c->graph->contract);
  return mn_graph_verify(c->graph, c->err);
}

mn_status mn_int8_graph(mn_graph *out, const mn_graph *prepared, const mn_code_range *ranges,
                        mn_error *err) {
  mn_status status = mn_deploy_fold(out, prepared, err);
  if (status) return status;
  conversion c = {.graph = out, .err = err};
  status = convert(&c, ranges);
  mn_arena_free(&c.scratch);
  if (status) mn_graph_free(out);
  return status;
}
