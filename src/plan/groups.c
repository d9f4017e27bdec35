/* SPDX-License-Identifier: Apache-2.0
 * A batch in groups of images. Layer by layer, the maps of many images leave the cache between one
 * layer and the next; a few images at a time, as many as fit, stay there from the first layer to
 * the last, and small networks still use each weight for several. Nothing else may change: every
 * value of the batch has to be the values of its images one after another. */
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"
#include "plan/plan.h"

enum { GROUP_BYTES = 1 << 20 }; /* of what one node reads and writes: half of a server core's L2 */

/* Operands of one rank meet image by image; others would meet across them. */
static bool ranks_agree(const mn_graph *graph, const mn_node *node, const mn_shape *shapes) {
  const int32_t rank = shapes[node->out[0]].rank;
  for (int32_t i = 0; i < node->in_count; i++) {
    const mn_id id = node->in[i];
    if (graph->values[id].kind != MN_KIND_CONST && shapes[id].rank != rank) return false;
  }
  return true;
}

/* Does the node leave images apart, if its values are images one after another? */
static bool keeps_apart(const mn_graph *graph, const mn_node *node, const mn_shape *shapes) {
  switch (node->op) {
    case MN_OP_SPACE_TO_BATCH:
    case MN_OP_BATCH_TO_SPACE: return false;
    case MN_OP_CONCAT: return node->attr.concat.axis > 0;
    case MN_OP_SOFTMAX: return shapes[node->out[0]].rank > 1;
    case MN_OP_ADD:
    case MN_OP_SUB:
    case MN_OP_MUL: return ranks_agree(graph, node, shapes);
    default: return true;
  }
}

/* The shape of `count` images, if `one` is that of one. */
static bool is_multiple(const mn_shape *many, const mn_shape *one, int32_t count) {
  if (many->rank != one->rank || one->rank == 0) return false;
  if ((int64_t)one->dim[0] * count != many->dim[0]) return false;
  return memcmp(many->dim + 1, one->dim + 1, (size_t)(one->rank - 1) * sizeof one->dim[0]) == 0;
}

static bool are_independent(const mn_plan *plan, const mn_shape *one, int32_t count) {
  const mn_graph *graph = &plan->graph;
  for (int32_t i = 0; i < graph->value_count; i++) {
    const mn_kind kind = graph->values[i].kind;
    if (kind != MN_KIND_CONST && !is_multiple(&plan->shapes[i], &one[i], count)) return false;
  }
  for (int32_t n = 0; n < graph->node_count; n++) {
    if (!keeps_apart(graph, &graph->nodes[n], plan->shapes)) return false;
  }
  for (int32_t i = 0; i < graph->output_count; i++) {
    if (graph->values[graph->outputs[i]].kind == MN_KIND_CONST) return false;
  }
  return true;
}

static uint64_t bytes_of(const mn_graph *graph, const mn_shape *shapes, mn_id id) {
  int32_t elements = 0;
  if (id == MN_NONE || graph->values[id].kind == MN_KIND_CONST) return 0;
  mn_shape_elements(&shapes[id], &elements);
  return (uint64_t)elements * mn_type_bytes(graph->values[id].type);
}

/* The most that a node reads and writes. */
static uint64_t most_bytes(const mn_graph *graph, const mn_shape *shapes) {
  uint64_t most = 1;
  for (int32_t n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    uint64_t bytes = 0;
    for (int32_t i = 0; i < node->in_count; i++) bytes += bytes_of(graph, shapes, node->in[i]);
    for (int32_t i = 0; i < node->out_count; i++) bytes += bytes_of(graph, shapes, node->out[i]);
    if (bytes > most) most = bytes;
  }
  return most;
}

/* As many as fit, and divide the batch. */
static int32_t images_of(int32_t batch, uint64_t image_bytes, mn_plan_goal goal) {
  int32_t images = 1;
  for (int32_t i = 2; i <= batch && goal == MN_PLAN_SPEED; i++) {
    if (batch % i == 0 && (uint64_t)i * image_bytes <= GROUP_BYTES) images = i;
  }
  return images;
}

/* Bytes of all inputs and outputs; false when no size_t holds them. */
static bool count_outer(const mn_plan *plan, size_t *total) {
  const mn_graph *graph = &plan->graph;
  *total = 0;
  for (int32_t i = 0; i < graph->input_count + graph->output_count; i++) {
    const mn_id id =
        i < graph->input_count ? graph->inputs[i] : graph->outputs[i - graph->input_count];
    size_t bytes = (size_t)bytes_of(graph, plan->shapes, id);
    if (!mn_round_up(bytes, MN_ALIGN, &bytes) || !mn_add_size(*total, bytes, total)) return false;
  }
  return true;
}

static mn_status infer(const mn_plan *plan, mn_shape *inputs, int32_t batch, mn_shape *shapes) {
  mn_error unsaid;
  for (int32_t i = 0; i < plan->graph.input_count; i++) {
    if (inputs[i].rank > 0) inputs[i].dim[0] = batch;
  }
  return mn_graph_infer(&plan->graph, inputs, shapes, &unsaid);
}

mn_status mn_plan_group(mn_plan *plan, const mn_plan_request *request, mn_shape *inputs,
                        mn_error *err) {
  const int32_t batch = inputs[0].rank > 0 ? inputs[0].dim[0] : 1;
  plan->groups = 1;
  if (batch < 2 || request->impl_of || request->keep_all || request->goal == MN_PLAN_LAYERS) {
    return MN_OK;
  }
  const size_t values = (size_t)plan->graph.value_count;
  mn_shape *one = mn_arena_array(&plan->arena, values, sizeof *one);
  if (!one) return mn_fail_memory(err, values * sizeof *one);
  if (infer(plan, inputs, 1, one) || !are_independent(plan, one, batch)) return MN_OK;
  const int32_t images = images_of(batch, most_bytes(&plan->graph, one), request->goal);
  size_t outer;
  if (infer(plan, inputs, images, one) || !are_independent(plan, one, batch / images) ||
      !count_outer(plan, &outer)) {
    return MN_OK;
  }
  if (images == batch) return MN_OK;
  plan->groups = batch / images;
  plan->batch_bytes = outer;
  memcpy(plan->shapes, one, values * sizeof *one);
  return MN_OK;
}
