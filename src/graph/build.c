/* SPDX-License-Identifier: Apache-2.0
 * Making and copying graphs, and the operator names. Arrays grow by doubling inside the graph's
 * arena; what they outgrow stays there until the graph is freed. */
#include <string.h>

#include "base/checked.h"
#include "graph/graph.h"

static const char *const op_names[] = {
#define MN_OP(id, name, min_in, max_in, attr, shape_fn, cost_fn) name,
#include "graph/ops.def"
#undef MN_OP
};

const char *mn_op_name(mn_op op) { return (unsigned)op < MN_OP_COUNT ? op_names[op] : "?"; }

int32_t mn_op_outputs(mn_op op) { return op == MN_OP_SSD_DETECT ? 4 : 1; }

mn_op mn_op_from_name(const char *name, size_t length) {
  for (int i = 0; i < MN_OP_COUNT; i++) {
    if (strlen(op_names[i]) == length && memcmp(op_names[i], name, length) == 0) return (mn_op)i;
  }
  return MN_OP_COUNT;
}

const char *mn_act_name(mn_act act) {
  switch (act) {
    case MN_ACT_NONE: return "none";
    case MN_ACT_RELU: return "relu";
    case MN_ACT_RELU6: return "relu6";
    case MN_ACT_RELU_N1_TO_1: return "relu_n1_to_1";
    case MN_ACT_HARD_SWISH: return "hard_swish";
  }
  return "?";
}

void mn_act_range(mn_act act, float *lo, float *hi) {
  bool relu = act == MN_ACT_RELU || act == MN_ACT_RELU6;
  *lo = relu ? 0.0f : act == MN_ACT_RELU_N1_TO_1 ? -1.0f : -__builtin_inff();
  *hi = act == MN_ACT_RELU6 ? 6.0f : act == MN_ACT_RELU_N1_TO_1 ? 1.0f : __builtin_inff();
}

void mn_graph_init(mn_graph *graph) {
  memset(graph, 0, sizeof *graph);
  graph->fixed_by = MN_NONE;
  mn_contract_default(&graph->contract);
}

void mn_graph_free(mn_graph *graph) {
  mn_arena_free(&graph->arena);
  mn_graph_init(graph);
}

/* Room for one more element; the new array, or NULL. */
static void *grow(mn_graph *graph, void *array, int32_t count, int32_t *capacity, size_t size) {
  if (count < *capacity) return array;
  if (count > INT32_MAX / 2) return NULL;
  int32_t wanted = *capacity ? *capacity * 2 : 64;
  void *grown = mn_arena_array(&graph->arena, (size_t)wanted, size);
  if (!grown) return NULL;
  if (count) memcpy(grown, array, (size_t)count * size);
  *capacity = wanted;
  return grown;
}

mn_id mn_graph_add_value(mn_graph *graph, const char *name, mn_type type, const mn_shape *shape) {
  mn_value *values =
      grow(graph, graph->values, graph->value_count, &graph->value_capacity, sizeof *values);
  if (!values) return MN_NONE;
  graph->values = values;
  mn_value *value = &values[graph->value_count];
  memset(value, 0, sizeof *value);
  value->name = mn_arena_string(&graph->arena, name, strlen(name));
  if (!value->name) return MN_NONE;
  value->kind = MN_KIND_TEMP;
  value->type = type;
  value->shape = *shape;
  return graph->value_count++;
}

mn_id mn_graph_add_const(mn_graph *graph, const char *name, mn_type type, const mn_shape *shape,
                         const void *data) {
  int32_t elements;
  size_t bytes;
  if (!mn_shape_elements(shape, &elements)) return MN_NONE;
  if (!mn_mul_size((size_t)elements, mn_type_bytes(type), &bytes)) return MN_NONE;
  mn_id id = mn_graph_add_value(graph, name, type, shape);
  if (id == MN_NONE) return MN_NONE;
  graph->values[id].kind = MN_KIND_CONST;
  graph->values[id].data = data;
  graph->values[id].bytes = bytes;
  return id;
}

mn_id mn_graph_add_node(mn_graph *graph, mn_op op, const char *name, const mn_id *in,
                        int32_t in_count, const mn_id *out, int32_t out_count) {
  if (out_count < 0 || out_count > MN_MAX_OUT || in_count < 0) return MN_NONE;
  mn_node *nodes =
      grow(graph, graph->nodes, graph->node_count, &graph->node_capacity, sizeof *nodes);
  if (!nodes) return MN_NONE;
  graph->nodes = nodes;
  mn_node *node = &nodes[graph->node_count];
  memset(node, 0, sizeof *node);
  node->op = op;
  node->name = mn_arena_string(&graph->arena, name, strlen(name));
  node->in = mn_arena_copy(&graph->arena, in, (size_t)in_count * sizeof *in);
  if (!node->name || !node->in) return MN_NONE;
  node->in_count = in_count;
  node->out_count = out_count;
  for (int32_t i = 0; i < out_count; i++) node->out[i] = out[i];
  return graph->node_count++;
}

static bool set_ids(mn_graph *graph, mn_id **list, int32_t *list_count, const mn_id *ids,
                    int32_t count) {
  if (count < 0) return false;
  *list = mn_arena_copy(&graph->arena, ids, (size_t)count * sizeof *ids);
  *list_count = *list ? count : 0;
  return *list != NULL;
}

bool mn_graph_set_inputs(mn_graph *graph, const mn_id *ids, int32_t count) {
  return set_ids(graph, &graph->inputs, &graph->input_count, ids, count);
}

bool mn_graph_set_outputs(mn_graph *graph, const mn_id *ids, int32_t count) {
  return set_ids(graph, &graph->outputs, &graph->output_count, ids, count);
}

bool mn_graph_set_quant(mn_graph *graph, mn_id value, int32_t count, int32_t axis,
                        const float *scale, const int32_t *zero) {
  if (count < 1) return false;
  float *scales = mn_arena_array(&graph->arena, (size_t)count, sizeof *scales);
  int32_t *zeros = mn_arena_array(&graph->arena, (size_t)count, sizeof *zeros);
  if (!scales || !zeros) return false;
  memcpy(scales, scale, (size_t)count * sizeof *scales);
  if (zero) memcpy(zeros, zero, (size_t)count * sizeof *zeros);
  graph->values[value].quant = (mn_quant){count, axis, scales, zeros};
  return true;
}

static bool copy_values(mn_graph *to, const mn_graph *from) {
  for (int32_t i = 0; i < from->value_count; i++) {
    const mn_value *value = &from->values[i];
    mn_id id = mn_graph_add_value(to, value->name, value->type, &value->shape);
    if (id == MN_NONE) return false;
    to->values[id].kind = value->kind;
    to->values[id].data = value->data;
    to->values[id].bytes = value->bytes;
    const mn_quant *quant = &value->quant;
    if (quant->count &&
        !mn_graph_set_quant(to, id, quant->count, quant->axis, quant->scale, quant->zero)) {
      return false;
    }
  }
  return true;
}

static bool copy_nodes(mn_graph *to, const mn_graph *from) {
  for (int32_t i = 0; i < from->node_count; i++) {
    const mn_node *node = &from->nodes[i];
    mn_id id = mn_graph_add_node(to, node->op, node->name, node->in, node->in_count, node->out,
                                 node->out_count);
    if (id == MN_NONE) return false;
    to->nodes[id].attr = node->attr;
  }
  return true;
}

static bool copy_labels(mn_graph *to, const mn_graph *from) {
  int32_t count = from->contract.labels.count;
  if (count == 0) return true;
  const char **names = mn_arena_array(&to->arena, (size_t)count, sizeof *names);
  if (!names) return false;
  for (int32_t i = 0; i < count; i++) {
    const char *name = from->contract.labels.names[i];
    names[i] = mn_arena_string(&to->arena, name, strlen(name));
    if (!names[i]) return false;
  }
  to->contract.labels.names = names;
  return true;
}

static bool copy_training(mn_graph *to, const mn_graph *from) {
  if (!from->training) return true;
  to->training = mn_arena_string(&to->arena, from->training, strlen(from->training));
  return to->training != NULL;
}

void mn_graph_move_last_node(mn_graph *graph, mn_id to) {
  const mn_id last = graph->node_count - 1;
  const mn_node node = graph->nodes[last];
  memmove(graph->nodes + to + 1, graph->nodes + to, (size_t)(last - to) * sizeof node);
  graph->nodes[to] = node;
  if (graph->fixed_by >= to) graph->fixed_by++;
}

mn_status mn_graph_copy(mn_graph *to, const mn_graph *from, mn_error *err) {
  mn_graph_init(to);
  to->contract = from->contract;
  to->has_contract = from->has_contract;
  to->arithmetic = from->arithmetic;
  to->fixed_by = from->fixed_by;
  to->open_size = from->open_size;
  if (copy_values(to, from) && copy_nodes(to, from) && copy_labels(to, from) &&
      copy_training(to, from) && mn_graph_set_inputs(to, from->inputs, from->input_count) &&
      mn_graph_set_outputs(to, from->outputs, from->output_count)) {
    return MN_OK;
  }
  mn_graph_free(to);
  return mn_fail_memory(err, from->arena.used);
}

const char *mn_arithmetic_name(mn_arithmetic arithmetic) {
  return arithmetic == MN_ARITHMETIC_ONNX ? "onnx" : "litert";
}

mn_id mn_graph_find_value(const mn_graph *graph, const char *name) {
  for (int32_t i = 0; i < graph->value_count; i++) {
    if (strcmp(graph->values[i].name, name) == 0) return i;
  }
  return MN_NONE;
}
