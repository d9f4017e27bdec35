/* SPDX-License-Identifier: Apache-2.0
 * ONNX file -> graph: the model's messages, its nodes. Structure is copied out
 * and validated field by field; weights stay in the file where their layout allows it. */
#include "format/onnx/onnx_load.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_NODES = 1 << 16 };

mn_status mn_onnx_check(mn_onnx_loader *loader, size_t bytes) {
  if (loader->problem) {
    return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name, "damaged ONNX file: %s",
                   loader->problem);
  }
  uint64_t used = (uint64_t)loader->graph->arena.used + loader->scratch.used;
  if (used > loader->request->memory_cap || bytes > loader->request->memory_cap - used) {
    return mn_fail(loader->err, MN_ERR_LIMIT, loader->request->name,
                   "reading it needs more than the memory cap of %llu bytes",
                   (unsigned long long)loader->request->memory_cap);
  }
  return MN_OK;
}

bool mn_onnx_next(mn_onnx_loader *loader, mn_pb_cursor *cursor, mn_pb_field *field) {
  if (mn_pb_next(cursor, field)) return true;
  if (cursor->problem && !loader->problem) loader->problem = cursor->problem;
  return false;
}

mn_status mn_onnx_fail(const mn_onnx_op *op, mn_status status, const char *format, ...) {
  char text[256], type[MN_ONNX_NAME_BYTES], name[MN_ONNX_NAME_BYTES];
  va_list args;
  if (op->loader->problem) return mn_onnx_check(op->loader, 0);
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return mn_fail(op->loader->err, status, op->loader->request->name,
                 "node %u (%s of opset %d, '%s'): %s", op->index, mn_onnx_text(op->type, type),
                 op->loader->opset,
                 mn_onnx_text(op->name.size || !op->out_count ? op->name : op->out[0], name), text);
}

/* ---- The model ------------------------------------------------------------------------------ */

static void read_opset(mn_onnx_loader *loader, mn_pb_span bytes) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_span domain = {NULL, 0};
  mn_pb_field field;
  int64_t version = 0;
  while (mn_onnx_next(loader, &cursor, &field)) {
    mn_pb_is_bytes(&field, ONNX_OPSET_DOMAIN, &domain);
    mn_pb_is_int(&field, ONNX_OPSET_VERSION, &version);
  }
  bool standard = domain.size == 0 || mn_pb_equal(domain, "ai.onnx");
  if (standard) loader->opset = version < 0 || version > INT16_MAX ? INT16_MAX : (int32_t)version;
}

/* Of the model's metadata only our contract is read. */
static void read_entry(mn_onnx_loader *loader, mn_pb_span bytes) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_span key = {NULL, 0}, value = {NULL, 0};
  mn_pb_field field;
  while (mn_onnx_next(loader, &cursor, &field)) {
    mn_pb_is_bytes(&field, ONNX_ENTRY_KEY, &key);
    mn_pb_is_bytes(&field, ONNX_ENTRY_VALUE, &value);
  }
  if (mn_pb_equal(key, MN_ONNX_CONTRACT_KEY)) loader->contract = value;
}

static mn_status read_model(mn_onnx_loader *loader) {
  mn_pb_cursor cursor = mn_pb_open((mn_pb_span){loader->request->bytes, loader->request->size});
  mn_pb_span opset, entry;
  mn_pb_field field;
  int graphs = 0;
  while (mn_onnx_next(loader, &cursor, &field)) {
    if (mn_pb_is_bytes(&field, ONNX_MODEL_GRAPH, &loader->graph_bytes)) graphs++;
    if (mn_pb_is_bytes(&field, ONNX_MODEL_OPSET, &opset)) read_opset(loader, opset);
    if (mn_pb_is_bytes(&field, ONNX_MODEL_METADATA, &entry)) read_entry(loader, entry);
  }
  mn_status status = mn_onnx_check(loader, 0);
  if (status) return status;
  if (graphs != 1) {
    return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name,
                   "it has %d graphs, expected one", graphs);
  }
  if (loader->opset < ONNX_OLDEST_OPSET || loader->opset > ONNX_NEWEST_OPSET) {
    return mn_fail(loader->err, MN_ERR_UNSUPPORTED, loader->request->name,
                   "its ONNX opset is %d, opsets %d to %d are supported", loader->opset,
                   ONNX_OLDEST_OPSET, ONNX_NEWEST_OPSET);
  }
  return MN_OK;
}

/* ---- Nodes ---------------------------------------------------------------------------------- */

mn_status mn_onnx_read_node(mn_onnx_op *op) {
  mn_pb_cursor cursor = mn_pb_open(op->bytes);
  mn_pb_field field;
  mn_pb_span text;
  bool fits = true;
  while (mn_onnx_next(op->loader, &cursor, &field)) {
    mn_pb_is_bytes(&field, ONNX_NODE_NAME, &op->name);
    mn_pb_is_bytes(&field, ONNX_NODE_OP_TYPE, &op->type);
    mn_pb_is_bytes(&field, ONNX_NODE_DOMAIN, &op->domain);
    if (mn_pb_is_bytes(&field, ONNX_NODE_INPUT, &text)) {
      fits = fits && op->in_count < MN_ONNX_MOST_INPUTS;
      if (fits) op->in[op->in_count++] = text;
    }
    if (mn_pb_is_bytes(&field, ONNX_NODE_OUTPUT, &text)) {
      fits = fits && op->out_count < MN_ONNX_MOST_OUTPUTS;
      if (fits) op->out[op->out_count++] = text;
    }
  }
  mn_status status = mn_onnx_check(op->loader, 0);
  if (status || fits) return status;
  return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "it has more than %d inputs or %d outputs",
                      (int)MN_ONNX_MOST_INPUTS, (int)MN_ONNX_MOST_OUTPUTS);
}

static mn_status read_nodes(mn_onnx_loader *loader) {
  mn_pb_cursor cursor = mn_pb_open(loader->graph_bytes);
  mn_pb_field field;
  mn_pb_span bytes;
  mn_status status = MN_OK;
  uint32_t count = 0;
  while (!status && mn_onnx_next(loader, &cursor, &field)) {
    if (mn_pb_is_bytes(&field, ONNX_GRAPH_SPARSE_INITIALIZER, &bytes)) {
      return mn_fail(loader->err, MN_ERR_UNSUPPORTED, loader->request->name,
                     "it has sparse weights, which are not supported");
    }
    if (!mn_pb_is_bytes(&field, ONNX_GRAPH_NODE, &bytes)) continue;
    mn_onnx_op op = {.loader = loader, .index = count++, .bytes = bytes};
    if (count > MOST_NODES) {
      return mn_fail(loader->err, MN_ERR_LIMIT, loader->request->name, "it has more than %d nodes",
                     (int)MOST_NODES);
    }
    status = mn_onnx_read_node(&op);
    if (!status) status = mn_onnx_load_op(&op);
  }
  return status ? status : mn_onnx_check(loader, 0);
}

/* ---- All of it ------------------------------------------------------------------------------ */

/* Names and strings are copied; a tree of the text is built on the way. */
static mn_status read_contract(mn_onnx_loader *loader) {
  mn_graph *graph = loader->graph;
  size_t size = loader->contract.size;
  if (!loader->contract.data) return MN_OK;
  mn_status status = mn_onnx_check(loader, size > SIZE_MAX / 16 ? SIZE_MAX : size * 16);
  if (status) return status;
  graph->has_contract = true;
  status = mn_contract_from_json(&graph->contract, (const char *)loader->contract.data, size,
                                 &graph->arena, loader->err);
  return status ? mn_error_at(loader->err, status, loader->request->name) : MN_OK;
}

static mn_status load(mn_onnx_loader *loader) {
  mn_status status = read_model(loader);
  if (!status) status = mn_onnx_collect(loader);
  if (!status) status = mn_onnx_load_inputs(loader);
  if (!status) status = mn_onnx_count_reads(loader);
  if (!status) status = read_nodes(loader);
  if (!status) status = mn_onnx_load_outputs(loader);
  return status ? status : read_contract(loader);
}

mn_status mn_onnx_load(mn_graph *graph, const mn_load_request *request, mn_error *err) {
  mn_onnx_loader loader = {.request = request, .graph = graph, .err = err};
  mn_graph_init(graph);
  mn_status status = load(&loader);
  mn_file_close_beside(&loader.beside);
  mn_arena_free(&loader.scratch);
  if (status) mn_graph_free(graph);
  return status;
}
