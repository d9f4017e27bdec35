/* SPDX-License-Identifier: Apache-2.0
 * See head.h. */
#include "train/head.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "passes/passes.h"

static mn_id producer(const mn_graph *graph, mn_id value) {
  for (mn_id n = graph->node_count; n-- > 0;) {
    if (graph->nodes[n].out[0] == value) return n;
  }
  return MN_NONE;
}

static bool is_layer(const mn_graph *graph, const mn_node *node) {
  if (node->op == MN_OP_DENSE) return true;
  const mn_shape *weights = node->op == MN_OP_CONV2D ? &graph->values[node->in[1]].shape : NULL;
  return weights && weights->dim[1] == 1 && weights->dim[2] == 1;
}

/* The last layer, and what its scores are called after reshapes alone. */
static mn_status find_head(const mn_graph *graph, mn_id *layer, mn_id *scores, mn_error *err) {
  *scores = graph->outputs[0];
  *layer = producer(graph, *scores);
  while (*layer != MN_NONE && !is_layer(graph, &graph->nodes[*layer])) {
    const mn_node *node = &graph->nodes[*layer];
    if (node->op != MN_OP_RESHAPE && node->op != MN_OP_SOFTMAX && node->op != MN_OP_LOGISTIC) {
      return mn_fail(err, MN_ERR_UNSUPPORTED, node->name,
                     "the network ends in %s, expected a layer of scores to put new classes on",
                     mn_op_name(node->op));
    }
    if (node->op != MN_OP_RESHAPE) *scores = node->in[0];
    *layer = producer(graph, node->in[0]);
  }
  if (*layer != MN_NONE && graph->output_count == 1) return MN_OK;
  return mn_fail(err, MN_ERR_UNSUPPORTED, "outputs",
                 "expected a classifier, with one layer of scores at its end");
}

mn_id mn_head_layer(const mn_graph *graph) {
  mn_id layer, scores;
  return find_head(graph, &layer, &scores, NULL) ? MN_NONE : layer;
}

mn_status mn_head_check_float(const mn_graph *graph, mn_error *err) {
  for (int32_t n = 0; n < graph->node_count; n++) {
    const mn_value *value = &graph->values[graph->nodes[n].out[0]];
    if (value->type == MN_F32) continue;
    return mn_fail(err, MN_ERR_UNSUPPORTED, NULL,
                   "the model to start from computes in %s (%s), expected float32: train from the "
                   "float model, for 8 bits too",
                   mn_type_name(value->type), graph->nodes[n].name);
  }
  return MN_OK;
}

/* Other data for value `id`, whose first dim becomes `rows`. */
static float *replace(mn_graph *graph, mn_id id, int32_t rows) {
  mn_value *value = &graph->values[id];
  int32_t count;
  value->shape.dim[0] = rows;
  if (!mn_shape_elements(&value->shape, &count)) return NULL;
  float *data = mn_arena_array(&graph->arena, (size_t)count, sizeof *data);
  value->data = data;
  value->bytes = (size_t)count * sizeof *data;
  return data;
}

static double normal(uint64_t seed, uint64_t index) {
  mn_rng rng = mn_rng_at(seed, MN_RNG_WEIGHTS, 0, index);
  const double u = 1 - mn_rng_unit(&rng); /* never 0 */
  return mn_normal_of(u, mn_rng_unit(&rng));
}

bool mn_head_new_weights(mn_graph *graph, const mn_node *layer, int32_t rows,
                         mn_head_weights weights, uint64_t seed) {
  float *values = replace(graph, layer->in[1], rows);
  int32_t count = 0;
  if (!values) return false;
  mn_shape_elements(&graph->values[layer->in[1]].shape, &count);
  const double deviation = weights == MN_HEAD_QUIET ? 0.01 : sqrt(rows / (3.0 * count));
  for (int32_t i = 0; i < count; i++) {
    values[i] = (float)(deviation * normal(seed, (uint64_t)i));
  }
  const bool bias = layer->in_count > 2 && layer->in[2] != MN_NONE;
  return !bias || replace(graph, layer->in[2], rows); /* arena arrays are zero */
}

/* Shapes of the scores and of what reshapes make of them: the old number of classes, last. */
static void rename_extent(mn_graph *graph, int32_t old, int32_t classes) {
  for (int32_t n = 0; n < graph->node_count; n++) {
    mn_shape *to = graph->nodes[n].op == MN_OP_RESHAPE ? &graph->nodes[n].attr.reshape.shape : NULL;
    const mn_shape *in = &graph->values[graph->nodes[n].in[0]].shape;
    if (!to || to->rank == 0 || in->rank == 0 || in->dim[in->rank - 1] != old) continue;
    if (to->dim[to->rank - 1] == old) to->dim[to->rank - 1] = classes;
  }
}

mn_status mn_head_infer(mn_graph *graph, int32_t height, int32_t width, mn_error *err) {
  mn_shape inputs[4],
      *shapes = mn_arena_array(&graph->arena, (size_t)graph->value_count, sizeof *shapes);
  if (!shapes) return mn_fail_memory(err, sizeof *shapes);
  if (graph->input_count > 4) return mn_fail(err, MN_ERR_UNSUPPORTED, "inputs", "over 4 of them");
  for (int32_t i = 0; i < graph->input_count; i++) {
    inputs[i] = graph->values[graph->inputs[i]].shape;
  }
  if (height) inputs[0].dim[1] = height;
  if (width) inputs[0].dim[2] = width;
  mn_status status = mn_graph_infer(graph, inputs, shapes, err);
  for (int32_t i = 0; i < graph->value_count && !status; i++) graph->values[i].shape = shapes[i];
  return status;
}

static mn_status build(mn_graph *graph, int32_t classes, uint64_t seed, bool keep, mn_error *err) {
  mn_id layer, scores;
  mn_status status = mn_pass_fold_constants(graph, err);
  if (!status) status = mn_head_check_float(graph, err);
  if (!status) status = find_head(graph, &layer, &scores, err);
  if (status) return status;
  if (!mn_graph_set_outputs(graph, &scores, 1)) return mn_fail_memory(err, sizeof scores);
  const mn_node *node = &graph->nodes[layer];
  const int32_t old = graph->values[node->in[1]].shape.dim[0];
  if (old != classes || !keep) {
    rename_extent(graph, old, classes);
    if (!mn_head_new_weights(graph, node, classes, MN_HEAD_QUIET, seed)) {
      return mn_fail_memory(err, sizeof(float));
    }
  }
  status = mn_pass_remove_dead(graph, err);
  if (!status) status = mn_head_infer(graph, 0, 0, err);
  return status ? status : mn_graph_verify(graph, err);
}

mn_status mn_head_replace(mn_graph *out, const mn_graph *model, int32_t classes, uint64_t seed,
                          bool keep, mn_error *err) {
  mn_graph_init(out);
  mn_status status = mn_graph_copy(out, model, err);
  if (!status) status = build(out, classes, seed, keep, err);
  if (status) mn_graph_free(out);
  return status;
}
