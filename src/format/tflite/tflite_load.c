/* SPDX-License-Identifier: Apache-2.0
 * TFLite file -> graph: the model's tables, its first subgraph's inputs, operators and outputs.
 * Structure is copied out and validated field by field; weights stay in the file. Operators are in
 * tflite_load_ops.c, tensors in tflite_load_tensor.c. */
#include "format/tflite/tflite_load.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What the graph may hold anyway; more is refused before anything is allocated for it. */
enum { MOST_TENSORS = 1 << 16, MOST_OPERATORS = 1 << 14, MOST_ENDS = 64 };

mn_status mn_tflite_check(mn_tflite_loader *loader, size_t bytes) {
  if (loader->fb.problem) {
    return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name,
                   "damaged TFLite file: %s (byte %zu)", loader->fb.problem, loader->fb.problem_at);
  }
  uint64_t used = (uint64_t)loader->graph->arena.used + loader->scratch.used;
  if (used > loader->request->memory_cap || bytes > loader->request->memory_cap - used) {
    return mn_fail(loader->err, MN_ERR_LIMIT, loader->request->name,
                   "reading it needs more than the memory cap of %llu bytes",
                   (unsigned long long)loader->request->memory_cap);
  }
  return MN_OK;
}

mn_status mn_tflite_fail(const mn_tflite_op *op, mn_status status, const char *format, ...) {
  char text[256];
  va_list args;
  if (op->loader->fb.problem) return mn_tflite_check(op->loader, 0);
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return mn_fail(op->loader->err, status, op->loader->request->name,
                 "operator %u (%s version %d): %s", op->index, mn_tflite_operator_name(op->code),
                 op->version, text);
}

/* ---- Tables --------------------------------------------------------------------------------- */

static mn_status read_model(mn_tflite_loader *loader) {
  mn_flatbuffer *fb = &loader->fb;
  mn_fb_table model = mn_fb_root(fb);
  uint32_t version = mn_fb_u32(fb, &model, TFL_MODEL_VERSION, 0);
  loader->codes = mn_fb_vector_at(fb, &model, TFL_MODEL_OPERATOR_CODES, 4);
  loader->buffers = mn_fb_vector_at(fb, &model, TFL_MODEL_BUFFERS, 4);
  loader->metadata = mn_fb_vector_at(fb, &model, TFL_MODEL_METADATA, 4);
  mn_fb_vector subgraphs = mn_fb_vector_at(fb, &model, TFL_MODEL_SUBGRAPHS, 4);
  mn_status status = mn_tflite_check(loader, 0);
  if (status) return status;
  if (version != TFL_SCHEMA_VERSION) {
    return mn_fail(loader->err, MN_ERR_UNSUPPORTED, loader->request->name,
                   "its TFLite schema version is %u, expected %d", version, TFL_SCHEMA_VERSION);
  }
  if (subgraphs.count == 0) {
    return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name, "it has no subgraph");
  }
  loader->subgraph = mn_fb_vector_table(fb, &subgraphs, 0);
  loader->tensors = mn_fb_vector_at(fb, &loader->subgraph, TFL_SUBGRAPH_TENSORS, 4);
  loader->operators = mn_fb_vector_at(fb, &loader->subgraph, TFL_SUBGRAPH_OPERATORS, 4);
  if (loader->tensors.count > MOST_TENSORS || loader->operators.count > MOST_OPERATORS) {
    return mn_fail(loader->err, MN_ERR_LIMIT, loader->request->name,
                   "%u tensors and %u operators are more than %d and %d", loader->tensors.count,
                   loader->operators.count, (int)MOST_TENSORS, (int)MOST_OPERATORS);
  }
  size_t count = loader->tensors.count;
  size_t bytes = count * (sizeof *loader->values + sizeof *loader->computed);
  status = mn_tflite_check(loader, bytes);
  if (status) return status;
  loader->values = mn_arena_array(&loader->scratch, count, sizeof *loader->values);
  loader->computed = mn_arena_array(&loader->scratch, count, sizeof *loader->computed);
  if (!loader->values || !loader->computed) return mn_fail_memory(loader->err, bytes);
  for (uint32_t i = 0; i < loader->tensors.count; i++) loader->values[i] = MN_NONE;
  return MN_OK;
}

static mn_status read_input(mn_tflite_loader *loader, int32_t index, mn_id *id) {
  mn_tflite_tensor tensor;
  mn_status status = mn_tflite_read_tensor(loader, index, &tensor);
  if (status) return status;
  int32_t elements;
  bool whole = tensor.shape_stated && mn_shape_elements(&tensor.shape, &elements);
  if (tensor.data || !whole || loader->values[tensor.index] != MN_NONE) {
    return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name,
                   "tensor %d cannot be an input: %s", index,
                   tensor.data ? "it is a constant"
                   : !whole    ? "its shape is not stated"
                               : "it is one already");
  }
  status = mn_tflite_make_value(loader, &tensor, id);
  if (!status) loader->graph->values[*id].kind = MN_KIND_INPUT;
  return status;
}

static mn_status read_output(mn_tflite_loader *loader, int32_t index, mn_id *id) {
  bool known = index >= 0 && (uint32_t)index < loader->tensors.count;
  *id = known ? loader->values[index] : MN_NONE;
  if (*id != MN_NONE) return MN_OK;
  return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name,
                 "output tensor %d is written by no operator", index);
}

/* The model's inputs or outputs. */
static mn_status read_ends(mn_tflite_loader *loader, uint32_t field,
                           mn_status (*read)(mn_tflite_loader *, int32_t, mn_id *)) {
  mn_id ids[MOST_ENDS];
  mn_fb_vector list = mn_fb_vector_at(&loader->fb, &loader->subgraph, field, 4);
  mn_status status = mn_tflite_check(loader, 0);
  if (!status && (list.count < 1 || list.count > MOST_ENDS)) {
    status =
        mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name, "it has %u %s, expected 1 to %d",
                list.count, field == TFL_SUBGRAPH_INPUTS ? "inputs" : "outputs", (int)MOST_ENDS);
  }
  for (uint32_t i = 0; i < list.count && !status; i++) {
    status = read(loader, mn_fb_vector_i32(&loader->fb, &list, i), &ids[i]);
  }
  if (status) return status;
  bool set = field == TFL_SUBGRAPH_INPUTS
                 ? mn_graph_set_inputs(loader->graph, ids, (int32_t)list.count)
                 : mn_graph_set_outputs(loader->graph, ids, (int32_t)list.count);
  return set ? MN_OK : mn_fail_memory(loader->err, sizeof ids);
}

static mn_status read_operators(mn_tflite_loader *loader) {
  mn_status status = MN_OK;
  for (uint32_t i = 0; i < loader->operators.count && !status; i++) {
    mn_tflite_op op = {.loader = loader, .index = i};
    mn_fb_table record = mn_fb_vector_table(&loader->fb, &loader->operators, i);
    status = mn_tflite_load_op(&op, &record);
  }
  return status;
}

/* ---- Shapes --------------------------------------------------------------------------------- */

/* Infers at the given batch; false when it does not go through or disagrees with the file. */
static mn_status infer(mn_tflite_loader *loader, int32_t batch, mn_shape *shapes) {
  mn_graph *graph = loader->graph;
  mn_shape inputs[MOST_ENDS];
  for (int32_t i = 0; i < graph->input_count; i++) {
    inputs[i] = graph->values[graph->inputs[i]].shape;
    if (batch && inputs[i].rank > 0) inputs[i].dim[0] = batch;
  }
  return mn_graph_infer(graph, inputs, shapes, loader->err);
}

static void adopt(mn_graph *graph, const mn_shape *shapes) {
  for (int32_t i = 0; i < graph->value_count; i++) graph->values[i].shape = shapes[i];
}

/* The file's batch, when all inputs have the same one and it is not 1. */
static int32_t frozen_batch(const mn_graph *graph) {
  const mn_shape *first = &graph->values[graph->inputs[0]].shape;
  for (int32_t i = 0; i < graph->input_count; i++) {
    const mn_shape *shape = &graph->values[graph->inputs[i]].shape;
    if (shape->rank < 2 || shape->dim[0] != first->dim[0]) return 1;
  }
  return first->dim[0];
}

static bool agrees(mn_tflite_stated how, const mn_shape *stated, const mn_shape *found) {
  mn_shape expected = *stated;
  if (how == MN_TFLITE_UNSTATED) return true;
  if (how == MN_TFLITE_STATED_BUT_BATCH && expected.rank > 0) expected.dim[0] = found->dim[0];
  return mn_shape_equal(&expected, found);
}

/* Fills in what the file leaves open, and makes the model's own batch 1 where it can be. */
static mn_status settle_shapes(mn_tflite_loader *loader) {
  mn_graph *graph = loader->graph;
  size_t count = (size_t)graph->value_count;
  mn_status status = mn_tflite_check(loader, count * sizeof(mn_shape));
  if (status) return status;
  mn_shape *shapes = mn_arena_array(&loader->scratch, count, sizeof *shapes);
  if (!shapes) return mn_fail_memory(loader->err, count * sizeof *shapes);
  status = infer(loader, 0, shapes);
  if (status) return status;
  for (int32_t i = 0; i < graph->value_count; i++) {
    char stated[64], found[64];
    if (agrees(loader->stated[i], &graph->values[i].shape, &shapes[i])) continue;
    return mn_fail(loader->err, MN_ERR_SHAPE, graph->values[i].name,
                   "the file says %s, but its operator gives %s",
                   mn_shape_text(&graph->values[i].shape, stated, sizeof stated),
                   mn_shape_text(&shapes[i], found, sizeof found));
  }
  adopt(graph, shapes);
  if (frozen_batch(graph) == 1 || graph->fixed_by != MN_NONE) return MN_OK;
  if (infer(loader, 1, shapes) == MN_OK) adopt(graph, shapes);
  mn_error_clear(loader->err);
  return MN_OK;
}

static mn_status load(mn_tflite_loader *loader, mn_contract_facts *facts) {
  mn_status status = read_model(loader);
  if (!status) status = read_ends(loader, TFL_SUBGRAPH_INPUTS, read_input);
  if (!status) status = read_operators(loader);
  if (!status) status = read_ends(loader, TFL_SUBGRAPH_OUTPUTS, read_output);
  if (!status) status = mn_tflite_raise_resizes(loader);
  if (!status) status = settle_shapes(loader);
  if (status) return status;
  mn_format_facts(loader->graph, facts);
  return mn_tflite_load_metadata(loader, facts);
}

mn_status mn_tflite_load(mn_graph *graph, const mn_load_request *request, mn_contract_facts *facts,
                         mn_error *err) {
  mn_tflite_loader loader = {.fb = {.bytes = request->bytes, .size = request->size},
                             .request = request,
                             .graph = graph,
                             .err = err};
  memset(facts, 0, sizeof *facts);
  mn_graph_init(graph);
  mn_status status = load(&loader, facts);
  mn_arena_free(&loader.scratch);
  if (status) mn_graph_free(graph);
  return status;
}
