/* SPDX-License-Identifier: Apache-2.0
 * ONNX file -> graph: the model's messages, its inputs, nodes and outputs. Structure is copied out
 * and validated field by field; weights stay in the file where their layout allows it. */
#include "format/onnx/onnx_load.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_NODES = 1 << 16, MOST_ENDS = 64, NOMINAL_SIZE = 224 };

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

/* ---- Inputs --------------------------------------------------------------------------------- */

/* What a ValueInfoProto says; dims that it leaves open are 0. */
typedef struct value_info {
  mn_pb_span name;
  int64_t data_type;
  mn_shape shape;
  bool has_shape, too_deep, out_of_range;
} value_info;

static void read_dim(mn_onnx_loader *loader, mn_pb_span bytes, value_info *info) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_field field;
  int64_t value = 0;
  while (mn_onnx_next(loader, &cursor, &field)) mn_pb_is_int(&field, ONNX_DIM_VALUE, &value);
  if (value < 0) value = 0; /* some exporters write -1 for an open one */
  if (value > INT32_MAX) info->out_of_range = true;
  if (info->shape.rank == MN_MAX_RANK) info->too_deep = true;
  if (info->too_deep || info->out_of_range) return;
  info->shape.dim[info->shape.rank++] = (int32_t)value;
}

static void read_tensor_type(mn_onnx_loader *loader, mn_pb_span bytes, value_info *info) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_field field;
  mn_pb_span shape, dim;
  while (mn_onnx_next(loader, &cursor, &field)) {
    mn_pb_is_int(&field, ONNX_TYPE_TENSOR_ELEMENT, &info->data_type);
    if (!mn_pb_is_bytes(&field, ONNX_TYPE_TENSOR_SHAPE, &shape)) continue;
    mn_pb_cursor dims = mn_pb_open(shape);
    info->has_shape = true;
    while (mn_onnx_next(loader, &dims, &field)) {
      if (mn_pb_is_bytes(&field, ONNX_SHAPE_DIM, &dim)) read_dim(loader, dim, info);
    }
  }
}

static value_info read_value_info(mn_onnx_loader *loader, mn_pb_span bytes) {
  mn_pb_cursor cursor = mn_pb_open(bytes);
  mn_pb_field field;
  mn_pb_span type, tensor;
  value_info info = {.has_shape = false};
  while (mn_onnx_next(loader, &cursor, &field)) {
    mn_pb_is_bytes(&field, ONNX_VALUE_INFO_NAME, &info.name);
    if (!mn_pb_is_bytes(&field, ONNX_VALUE_INFO_TYPE, &type)) continue;
    mn_pb_cursor types = mn_pb_open(type);
    while (mn_onnx_next(loader, &types, &field)) {
      if (mn_pb_is_bytes(&field, ONNX_TYPE_TENSOR, &tensor)) {
        read_tensor_type(loader, tensor, &info);
      }
    }
  }
  return info;
}

/* Whether the first node that reads it turns NHWC into NCHW, as exporters from TensorFlow write. */
static bool is_transposed_first(mn_onnx_loader *loader, mn_pb_span name) {
  mn_pb_cursor cursor = mn_pb_open(loader->graph_bytes);
  mn_pb_field field;
  mn_pb_span bytes;
  int64_t order[MN_MAX_RANK];
  while (mn_onnx_next(loader, &cursor, &field)) {
    mn_onnx_op op = {.loader = loader};
    if (!mn_pb_is_bytes(&field, ONNX_GRAPH_NODE, &bytes)) continue;
    op.bytes = bytes;
    if (mn_onnx_read_node(&op)) return false;
    if (op.in_count < 1 || mn_pb_compare(op.in[0], name) != 0) continue;
    return mn_pb_equal(op.type, "Transpose") &&
           mn_onnx_ints(&op, "perm", order, MN_MAX_RANK) == MN_MAX_RANK && order[1] == 3 &&
           order[2] == 1;
  }
  return false;
}

static mn_status refuse_input(mn_onnx_loader *loader, const value_info *info, const char *what) {
  char text[MN_ONNX_NAME_BYTES];
  return mn_fail(loader->err, MN_ERR_UNSUPPORTED, loader->request->name, "its input '%s' %s",
                 mn_onnx_text(info->name, text), what);
}

/* Open dims: one picture, and of maps the nominal size, which any other may replace. */
static mn_status settle_input(mn_onnx_loader *loader, value_info *info, bool channels_last) {
  int32_t elements, *dim = info->shape.dim;
  if (!info->has_shape || info->too_deep || info->out_of_range) {
    return refuse_input(loader, info, "has no shape of at most 4 dims");
  }
  if (info->data_type != ONNX_FLOAT && info->data_type != ONNX_FLOAT16) {
    return refuse_input(loader, info, "is not of type float");
  }
  if (info->shape.rank > 0 && dim[0] == 0) dim[0] = 1;
  if (info->shape.rank == 4) {
    int32_t height = channels_last ? 2 : 1;
    for (int32_t i = height; i < height + 2; i++) {
      if (dim[i] != 0) continue;
      dim[i] = NOMINAL_SIZE;
      loader->graph->open_size = true;
    }
  }
  if (!mn_shape_elements(&info->shape, &elements)) {
    return refuse_input(loader, info, "leaves more open than batch, height and width");
  }
  return MN_OK;
}

static mn_status read_input(mn_onnx_loader *loader, mn_pb_span bytes, mn_id *id) {
  char name[MN_ONNX_NAME_BYTES];
  value_info info = read_value_info(loader, bytes);
  *id = MN_NONE;
  mn_onnx_tensor *tensor = mn_onnx_find(loader, info.name);
  if (!tensor || tensor->is_initializer) return mn_onnx_check(loader, 0); /* a weight's default */
  bool last = info.shape.rank == 4 && !is_transposed_first(loader, info.name);
  mn_status status = mn_onnx_check(loader, 0);
  if (!status) status = settle_input(loader, &info, last);
  if (status) return status;
  mn_shape shape = last ? mn_onnx_to_last(&info.shape) : info.shape;
  mn_onnx_make_name(loader, tensor, name);
  status = mn_onnx_add_value(loader, name, &shape, id);
  if (status) return status;
  loader->graph->values[*id].kind = MN_KIND_INPUT;
  tensor->kind = MN_ONNX_VALUE;
  tensor->id = *id;
  tensor->shape = info.shape;
  tensor->data_type = ONNX_FLOAT;
  tensor->channels_last = last;
  return MN_OK;
}

static mn_status read_output(mn_onnx_loader *loader, mn_pb_span bytes, mn_id *id) {
  char text[MN_ONNX_NAME_BYTES];
  value_info info = read_value_info(loader, bytes);
  const mn_onnx_tensor *tensor = mn_onnx_find(loader, info.name);
  if (tensor && tensor->kind == MN_ONNX_VALUE && tensor->flat.rank == 0 && !tensor->split) {
    *id = tensor->id == MN_NONE ? tensor->codes : tensor->id;
    return MN_OK;
  }
  return mn_fail(loader->err, MN_ERR_UNSUPPORTED, loader->request->name, "its output '%s' %s",
                 mn_onnx_text(info.name, text),
                 tensor && tensor->kind == MN_ONNX_VALUE ? "needs a transpose, which is unsupported"
                                                         : "is computed by no node");
}

/* The model's inputs or outputs. */
static mn_status read_ends(mn_onnx_loader *loader, uint32_t number,
                           mn_status (*read)(mn_onnx_loader *, mn_pb_span, mn_id *)) {
  mn_id ids[MOST_ENDS];
  mn_pb_cursor cursor = mn_pb_open(loader->graph_bytes);
  mn_pb_field field;
  mn_pb_span bytes;
  mn_status status = MN_OK;
  int32_t count = 0;
  while (!status && count < MOST_ENDS && mn_onnx_next(loader, &cursor, &field)) {
    if (!mn_pb_is_bytes(&field, number, &bytes)) continue;
    status = read(loader, bytes, &ids[count]);
    if (!status && ids[count] != MN_NONE) count++;
  }
  if (!status) status = mn_onnx_check(loader, 0);
  if (status) return status;
  if (count < 1 || count == MOST_ENDS) {
    return mn_fail(loader->err, MN_ERR_FORMAT, loader->request->name,
                   "it has %d %s, expected 1 to %d", count,
                   number == ONNX_GRAPH_INPUT ? "inputs" : "outputs", MOST_ENDS - 1);
  }
  bool set = number == ONNX_GRAPH_INPUT ? mn_graph_set_inputs(loader->graph, ids, count)
                                        : mn_graph_set_outputs(loader->graph, ids, count);
  return set ? MN_OK : mn_fail_memory(loader->err, sizeof ids);
}

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
  if (!status) status = read_ends(loader, ONNX_GRAPH_INPUT, read_input);
  if (!status) status = mn_onnx_count_reads(loader);
  if (!status) status = read_nodes(loader);
  if (!status) status = read_ends(loader, ONNX_GRAPH_OUTPUT, read_output);
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
