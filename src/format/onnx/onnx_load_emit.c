/* SPDX-License-Identifier: Apache-2.0
 * Adding to the graph what the nodes of an ONNX file mean. Shapes are inferred as nodes are added,
 * for what follows depends on them. */
#include <string.h>

#include "base/checked.h"
#include "format/onnx/onnx_load.h"

mn_shape mn_onnx_to_last(const mn_shape *shape) {
  const int32_t *dim = shape->dim;
  return (mn_shape){4, {dim[0], dim[2], dim[3], dim[1]}};
}

mn_shape mn_onnx_from_last(const mn_shape *shape) {
  const int32_t *dim = shape->dim;
  return (mn_shape){4, {dim[0], dim[3], dim[1], dim[2]}};
}

void mn_onnx_fix_size(const mn_onnx_op *op) {
  mn_graph *graph = op->loader->graph;
  if (graph->fixed_by == MN_NONE) graph->fixed_by = graph->node_count - 1;
}

/* Room for one more value's shape. */
static mn_status grow_shapes(mn_onnx_loader *loader) {
  int32_t count = loader->graph->value_count;
  if (count < loader->shape_capacity) return MN_OK;
  int32_t wanted = count ? count * 2 : 256;
  mn_status status = mn_onnx_check(loader, (size_t)wanted * sizeof(mn_shape));
  if (status) return status;
  mn_shape *shapes = mn_arena_array(&loader->scratch, (size_t)wanted, sizeof *shapes);
  if (!shapes) return mn_fail_memory(loader->err, (size_t)wanted * sizeof *shapes);
  if (count) memcpy(shapes, loader->shapes, (size_t)count * sizeof *shapes);
  loader->shapes = shapes;
  loader->shape_capacity = wanted;
  return MN_OK;
}

mn_status mn_onnx_add_value(mn_onnx_loader *loader, const char *name, const mn_shape *shape,
                            mn_id *id) {
  mn_status status = grow_shapes(loader);
  if (!status) status = mn_onnx_check(loader, sizeof(mn_value) + MN_ONNX_NAME_BYTES);
  if (status) return status;
  *id = mn_graph_add_value(loader->graph, name, MN_F32, shape);
  if (*id == MN_NONE) return mn_fail_memory(loader->err, sizeof(mn_value));
  loader->shapes[*id] = *shape;
  return MN_OK;
}

/* The node's result is codes where the operator's are, and otherwise as its input. */
static void set_type(mn_graph *graph, const mn_onnx_op *op, const mn_onnx_node *node, mn_id out) {
  const mn_value *in = &graph->values[node->in[0]];
  mn_value *value = &graph->values[out];
  if (node->op == MN_OP_DEQUANTIZE) return;
  value->type = op->target ? op->target->type : in->type;
  value->quant = op->target ? op->target->quant : in->quant;
}

/* *id is written last: it may be one of the node's inputs. */
static mn_status add_node(const mn_onnx_op *op, const char *name, const mn_onnx_node *node,
                          mn_id *id) {
  mn_onnx_loader *loader = op->loader;
  mn_graph *graph = loader->graph;
  size_t bytes = sizeof(mn_node) + (size_t)node->in_count * sizeof *node->in;
  mn_id out;
  mn_status status = mn_onnx_add_value(loader, name, &(mn_shape){0, {0}}, &out);
  if (!status) status = mn_onnx_check(loader, bytes);
  if (status) return status;
  mn_id added = mn_graph_add_node(graph, node->op, name, node->in, node->in_count, &out, 1);
  if (added == MN_NONE) return mn_fail_memory(loader->err, bytes);
  graph->nodes[added].attr = node->attr;
  set_type(graph, op, node, out);
  status = mn_graph_infer_node(graph, added, loader->shapes, loader->err);
  if (!status) graph->values[out].shape = loader->shapes[out];
  *id = out;
  return status;
}

mn_status mn_onnx_step(const mn_onnx_op *op, const mn_onnx_node *node, mn_id *id) {
  char name[MN_ONNX_NAME_BYTES];
  mn_onnx_tensor *out;
  mn_status status = mn_onnx_output(op, &out);
  if (status) return status;
  mn_onnx_tensor inner = {.name = out->name, .named = true};
  mn_onnx_op step = *op;
  step.target = NULL;
  mn_onnx_make_name(op->loader, &inner, name);
  return add_node(&step, name, node, id);
}

mn_status mn_onnx_convert(mn_onnx_loader *loader, const mn_onnx_tensor *tensor,
                          const mn_onnx_codes *codes, mn_id *id) {
  char name[MN_ONNX_NAME_BYTES];
  mn_onnx_op op = {.loader = loader, .target = codes};
  mn_onnx_tensor named = {.name = tensor->name, .named = true};
  mn_onnx_node node = {.op = MN_OP_QUANTIZE, .in = &tensor->codes, .in_count = 1};
  mn_onnx_make_name(loader, &named, name);
  return add_node(&op, name, &node, id);
}

mn_status mn_onnx_emit(const mn_onnx_op *op, const mn_onnx_node *node, const mn_onnx_tensor *like) {
  char name[MN_ONNX_NAME_BYTES];
  mn_onnx_tensor *out;
  mn_status status = mn_onnx_output(op, &out);
  if (status) return status;
  mn_onnx_make_name(op->loader, out, name);
  status = add_node(op, name, node, &out->id);
  if (status) return status;
  const mn_shape *shape = &op->loader->shapes[out->id];
  out->kind = MN_ONNX_VALUE;
  out->data_type = ONNX_FLOAT;
  out->coded = op->target != NULL;
  if (op->target) {
    out->codes = out->id;
    out->id = MN_NONE;
    out->clamped = op->target->act != MN_ACT_NONE;
    if (op->makes_codes) out->data_type = mn_onnx_code_type(op->target);
  }
  out->channels_last = like->channels_last && shape->rank == 4;
  out->shape = out->channels_last ? mn_onnx_from_last(shape) : *shape;
  bool one_pixel = shape->rank != 4 || (out->shape.dim[2] == 1 && out->shape.dim[3] == 1);
  out->point = like->point && one_pixel;
  out->flat = like->flat;
  return mn_onnx_check(op->loader, 0);
}

mn_status mn_onnx_alias(const mn_onnx_op *op, const mn_onnx_tensor *tensor) {
  mn_onnx_tensor *out;
  mn_status status = mn_onnx_output(op, &out);
  if (status) return status;
  bool floats = tensor->kind == MN_ONNX_VALUE && tensor->data_type == ONNX_FLOAT;
  if (out->is_output && floats && tensor->id == MN_NONE) {
    /* The model gives floats where the file says so. */
    mn_onnx_node node = {.op = MN_OP_DEQUANTIZE, .in = &tensor->codes, .in_count = 1};
    mn_onnx_op plain = *op;
    plain.target = NULL;
    return mn_onnx_emit(&plain, &node, tensor);
  }
  mn_onnx_tensor old = *out;
  *out = *tensor;
  out->name = old.name;
  out->reads = old.reads;
  out->reader = old.reader;
  out->is_output = old.is_output;
  out->named = out->is_initializer = out->is_input = false;
  if (out->coded && out->id == out->codes) out->id = MN_NONE; /* as an operator in codes sees it */
  return MN_OK;
}

mn_status mn_onnx_emit_numbers(const mn_onnx_op *op, const void *list, bool real,
                               const mn_onnx_origin *origins, const mn_shape *shape) {
  mn_onnx_tensor *out;
  mn_onnx_loader *loader = op->loader;
  mn_status status = mn_onnx_output(op, &out);
  size_t count = shape->rank ? (size_t)shape->dim[0] : 1;
  if (shape->rank == 2) count *= (size_t)shape->dim[1];
  size_t bytes = count * (real ? sizeof(float) : sizeof(int64_t));
  if (!status) status = mn_onnx_check(loader, bytes + count * sizeof *origins);
  if (status) return status;
  /* Floats may become constants of the graph, which borrow their data. */
  void *copy = mn_arena_copy(real ? &loader->graph->arena : &loader->scratch, list, bytes);
  out->origins = mn_arena_copy(&loader->scratch, origins, count * sizeof *origins);
  if (!copy || !out->origins) return mn_fail_memory(loader->err, bytes);
  out->kind = real ? MN_ONNX_CONST : MN_ONNX_INTEGERS;
  out->data_type = real ? ONNX_FLOAT : ONNX_INT64;
  out->shape = *shape;
  out->data = copy;
  out->bytes = bytes;
  return MN_OK;
}
