/* SPDX-License-Identifier: Apache-2.0
 * Batch normalization after a layer, y = (layer(x) - mean) * s + beta with
 * s = gamma / sqrt(variance + epsilon), is the layer with weights w * s and bias
 * (b - mean) * s + beta. Computed in double and rounded once. One after anything else stays. */
#include <math.h>

#include "passes/rewrite.h"

/* Factor and shift of each output channel. */
typedef struct folding {
  mn_rewrite *rewrite;
  mn_node *layer, *norm;
  int32_t channels;
  double *factor, *shift; /* [channels] */
} folding;

static const float *floats_of(const folding *at, const mn_node *node, int32_t index) {
  if (index >= node->in_count || node->in[index] == MN_NONE) return NULL;
  return at->rewrite->graph->values[node->in[index]].data;
}

/* False when a factor is not finite: then the normalization stays and computes what it does. */
static bool read_factors(const folding *at) {
  const float *gamma = floats_of(at, at->norm, 1), *beta = floats_of(at, at->norm, 2);
  const float *mean = floats_of(at, at->norm, 3), *variance = floats_of(at, at->norm, 4);
  const float *bias = floats_of(at, at->layer, 2);
  double epsilon = (double)at->norm->attr.batch_norm.epsilon;
  for (int32_t c = 0; c < at->channels; c++) {
    double factor = (double)gamma[c] / sqrt((double)variance[c] + epsilon);
    double from = bias ? (double)bias[c] : 0;
    at->factor[c] = factor;
    at->shift[c] = (from - (double)mean[c]) * factor + (double)beta[c];
    if (!isfinite(at->factor[c]) || !isfinite(at->shift[c])) return false;
  }
  return true;
}

/* Gives a constant that nobody else reads new data; its name and shape stay. */
static bool replace(const folding *at, mn_id id, const float *data) {
  at->rewrite->graph->values[id].data = data;
  return data != NULL;
}

static bool fold_weights(const folding *at) {
  mn_graph *graph = at->rewrite->graph;
  const mn_value *old = &graph->values[at->layer->in[1]];
  const float *from = old->data;
  size_t count = old->bytes / sizeof(float), channels = (size_t)at->channels;
  bool channel_last = at->layer->op == MN_OP_DWCONV2D;
  float *weights = mn_arena_array(&graph->arena, count, sizeof *weights);
  for (size_t i = 0; weights && i < count; i++) {
    size_t channel = channel_last ? i % channels : i / (count / channels);
    weights[i] = (float)((double)from[i] * at->factor[channel]);
  }
  return replace(at, at->layer->in[1], weights);
}

static bool fold_bias(const folding *at, mn_id slot) {
  mn_graph *graph = at->rewrite->graph;
  float *bias = mn_arena_array(&graph->arena, (size_t)at->channels, sizeof *bias);
  for (int32_t c = 0; bias && c < at->channels; c++) bias[c] = (float)at->shift[c];
  graph->values[slot].shape = (mn_shape){1, {at->channels}};
  return replace(at, slot, bias);
}

/* The constant that becomes the bias: the layer's own, or the normalization's beta. MN_NONE when
 * others read both. */
static mn_id bias_slot(const folding *at) {
  const int32_t *reads = at->rewrite->reads;
  mn_id bias = at->layer->in_count > 2 ? at->layer->in[2] : MN_NONE, beta = at->norm->in[2];
  if (bias != MN_NONE && reads[bias] == 1) return bias;
  return reads[beta] == 1 ? beta : MN_NONE;
}

static void set_act(mn_node *layer, mn_act act) {
  if (layer->op == MN_OP_DENSE) {
    layer->attr.dense.act = act;
  } else {
    layer->attr.conv.act = act;
  }
}

static mn_status fold(folding *at) {
  mn_arena *scratch = &at->rewrite->scratch;
  mn_id slot = bias_slot(at);
  if (slot == MN_NONE) return MN_OK;
  at->factor = mn_arena_array(scratch, (size_t)at->channels, sizeof *at->factor);
  at->shift = mn_arena_array(scratch, (size_t)at->channels, sizeof *at->shift);
  if (!at->factor || !at->shift) return MN_ERR_MEMORY;
  if (!read_factors(at)) return MN_OK;
  mn_id in[3] = {at->layer->in[0], at->layer->in[1], slot};
  if (!fold_weights(at) || !fold_bias(at, slot)) return MN_ERR_MEMORY;
  if (!mn_rewrite_inputs(at->rewrite, at->layer, in, 3)) return MN_ERR_MEMORY;
  set_act(at->layer, at->norm->attr.batch_norm.act);
  mn_rewrite_absorb(at->rewrite, at->layer, at->norm);
  return MN_OK;
}

/* Weights that another layer shares are left alone, and so is their normalization. */
static bool foldable(const mn_rewrite *rewrite, const mn_node *layer) {
  if (!layer) return false;
  bool conv = layer->op == MN_OP_CONV2D || layer->op == MN_OP_DWCONV2D;
  if (!conv && layer->op != MN_OP_DENSE) return false;
  mn_act act = conv ? layer->attr.conv.act : layer->attr.dense.act;
  return act == MN_ACT_NONE && rewrite->reads[layer->in[1]] == 1;
}

mn_status mn_pass_fold_batchnorm(mn_graph *graph, mn_error *err) {
  mn_rewrite rewrite;
  mn_status status = mn_rewrite_begin(&rewrite, graph, err);
  if (status) return status;
  for (int32_t n = 0; n < graph->node_count && !status; n++) {
    mn_node *norm = &graph->nodes[n];
    if (norm->op != MN_OP_BATCH_NORM) continue;
    mn_node *layer = mn_rewrite_sole_producer(&rewrite, norm->in[0]);
    if (!foldable(&rewrite, layer)) continue;
    const mn_shape *out = &graph->values[norm->out[0]].shape;
    folding at = {&rewrite, layer, norm, out->dim[out->rank - 1], NULL, NULL};
    status = fold(&at);
    if (status) mn_fail_memory(err, graph->arena.used);
  }
  return mn_rewrite_end(&rewrite, status);
}
