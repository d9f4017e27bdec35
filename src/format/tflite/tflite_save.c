/* SPDX-License-Identifier: Apache-2.0
 * Graph -> TFLite file: lists the tensors and operators, then writes the tables front to back, the
 * weights last, each at a multiple of 16 bytes. Bytes depend on the graph only. */
#include "format/tflite/tflite_save.h"

#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"

enum { BUFFER_ALIGN = 16, MOST_METADATA = 2 };

/* Buffers in file order: 0 is empty by convention, then one for each constant, then metadata. */
typedef struct blob {
  const void *data;
  size_t bytes;
} blob;

typedef struct metadata_entry {
  const char *name;
  uint32_t buffer;
} metadata_entry;

typedef struct writer {
  mn_tflite_saver *saver;
  mn_fb_builder fb;
  blob *blobs; /* [1 + tensor_count + MOST_METADATA] */
  uint32_t blob_count;
  metadata_entry metadata[MOST_METADATA];
  uint32_t metadata_count;
  int32_t *code_of; /* [op_count] line in the table of codes */
  int32_t *codes;   /* [code_count] an op that has this code and version */
  int32_t code_count;
} writer;

static uint8_t type_code(mn_type type) {
  switch (type) {
    case MN_F32: return TFL_TYPE_FLOAT32;
    case MN_F16: return TFL_TYPE_FLOAT16;
    case MN_BF16: return TFL_TYPE_BFLOAT16;
    case MN_U8: return TFL_TYPE_UINT8;
    case MN_I8: return TFL_TYPE_INT8;
    case MN_I32: return TFL_TYPE_INT32;
    case MN_I64: return TFL_TYPE_INT64;
    case MN_BOOL: return TFL_TYPE_BOOL;
  }
  return TFL_TYPE_FLOAT32;
}

/* Where field `field` of `table` is to point: at what is written next. */
static size_t slot(const writer *w, size_t table, uint32_t field) {
  return mn_fb_slot_of(&w->fb, table, field);
}

static void put_text(writer *w, size_t at, const char *text) {
  mn_fb_link(&w->fb, at, mn_fb_put_string(&w->fb, text, strlen(text)));
}

static void put_ints(writer *w, size_t at, const int32_t *list, size_t count) {
  mn_fb_link(&w->fb, at, mn_fb_put_vector(&w->fb, list, count, sizeof *list, 4));
}

/* ---- Tables --------------------------------------------------------------------------------- */

static void put_codes(writer *w, size_t at) {
  size_t list = mn_fb_put_slots(&w->fb, (uint32_t)w->code_count);
  mn_fb_link(&w->fb, at, list);
  for (int32_t i = 0; i < w->code_count; i++) {
    const mn_tflite_out_op *op = &w->saver->ops[w->codes[i]];
    int32_t old = op->code < TFL_PLACEHOLDER ? op->code : TFL_PLACEHOLDER;
    mn_fb_put_u8(&w->fb, TFL_CODE_DEPRECATED, (uint8_t)old);
    mn_fb_put_i32(&w->fb, TFL_CODE_VERSION, op->version);
    mn_fb_put_i32(&w->fb, TFL_CODE_BUILTIN, op->code);
    if (op->custom) mn_fb_put_slot(&w->fb, TFL_CODE_CUSTOM);
    const size_t table = mn_fb_put_table(&w->fb);
    mn_fb_link(&w->fb, list + 4 + 4 * (size_t)i, table);
    if (op->custom) put_text(w, slot(w, table, TFL_CODE_CUSTOM), op->custom);
  }
}

static mn_status put_quant(writer *w, size_t at, const mn_quant *quant) {
  size_t count = (size_t)quant->count;
  int64_t *zeros = mn_arena_array(&w->saver->scratch, count, sizeof *zeros);
  if (!zeros) return mn_fail_memory(w->saver->err, count * sizeof *zeros);
  for (size_t i = 0; i < count; i++) zeros[i] = quant->zero[i];
  mn_fb_put_slot(&w->fb, TFL_QUANT_SCALE);
  mn_fb_put_slot(&w->fb, TFL_QUANT_ZERO_POINT);
  mn_fb_put_i32(&w->fb, TFL_QUANT_DIMENSION, quant->axis);
  size_t table = mn_fb_put_table(&w->fb);
  mn_fb_link(&w->fb, at, table);
  mn_fb_link(&w->fb, slot(w, table, TFL_QUANT_SCALE),
             mn_fb_put_vector(&w->fb, quant->scale, count, sizeof(float), 4));
  mn_fb_link(&w->fb, slot(w, table, TFL_QUANT_ZERO_POINT),
             mn_fb_put_vector(&w->fb, zeros, count, sizeof *zeros, 8));
  return MN_OK;
}

static mn_status put_tensor(writer *w, size_t at, const mn_tflite_out_tensor *tensor) {
  uint32_t buffer = 0;
  if (tensor->data) {
    buffer = w->blob_count;
    w->blobs[w->blob_count++] = (blob){tensor->data, tensor->bytes};
  }
  mn_fb_put_slot(&w->fb, TFL_TENSOR_SHAPE);
  mn_fb_put_u8(&w->fb, TFL_TENSOR_TYPE, type_code(tensor->type));
  mn_fb_put_i32(&w->fb, TFL_TENSOR_BUFFER, (int32_t)buffer);
  mn_fb_put_slot(&w->fb, TFL_TENSOR_NAME);
  if (tensor->quant.count) mn_fb_put_slot(&w->fb, TFL_TENSOR_QUANTIZATION);
  mn_fb_put_u8(&w->fb, TFL_TENSOR_HAS_RANK, 1);
  size_t table = mn_fb_put_table(&w->fb);
  mn_fb_link(&w->fb, at, table);
  put_ints(w, slot(w, table, TFL_TENSOR_SHAPE), tensor->shape.dim, (size_t)tensor->shape.rank);
  put_text(w, slot(w, table, TFL_TENSOR_NAME), tensor->name);
  if (!tensor->quant.count) return MN_OK;
  return put_quant(w, slot(w, table, TFL_TENSOR_QUANTIZATION), &tensor->quant);
}

static void put_options(writer *w, const mn_tflite_out_op *op) {
  for (int32_t i = 0; i < op->option_count; i++) {
    const mn_tflite_option *option = &op->options[i];
    switch (option->kind) {
      case MN_TFLITE_BYTE: mn_fb_put_u8(&w->fb, option->field, (uint8_t)option->number); break;
      case MN_TFLITE_INT: mn_fb_put_i32(&w->fb, option->field, option->number); break;
      case MN_TFLITE_FLOAT: mn_fb_put_f32(&w->fb, option->field, option->real); break;
    }
  }
}

static void put_outputs(writer *w, size_t at, const mn_tflite_out_op *op) {
  int32_t out[4] = {op->out};
  for (int32_t i = 0; i < op->more_count; i++) out[i + 1] = op->more_out[i];
  put_ints(w, at, out, 1 + (size_t)op->more_count);
}

static void put_operator(writer *w, size_t at, int32_t index) {
  const mn_tflite_out_op *op = &w->saver->ops[index];
  mn_fb_put_i32(&w->fb, TFL_OPERATOR_OPCODE, w->code_of[index]);
  mn_fb_put_slot(&w->fb, TFL_OPERATOR_INPUTS);
  mn_fb_put_slot(&w->fb, TFL_OPERATOR_OUTPUTS);
  if (op->options_type) {
    mn_fb_put_u8(&w->fb, TFL_OPERATOR_OPTIONS_TYPE, op->options_type);
    mn_fb_put_slot(&w->fb, TFL_OPERATOR_OPTIONS);
  }
  if (op->custom) mn_fb_put_slot(&w->fb, TFL_OPERATOR_CUSTOM_OPTIONS);
  size_t table = mn_fb_put_table(&w->fb);
  mn_fb_link(&w->fb, at, table);
  put_ints(w, slot(w, table, TFL_OPERATOR_INPUTS), op->in, (size_t)op->in_count);
  put_outputs(w, slot(w, table, TFL_OPERATOR_OUTPUTS), op);
  if (op->custom) {
    mn_fb_link(&w->fb, slot(w, table, TFL_OPERATOR_CUSTOM_OPTIONS),
               mn_fb_put_vector(&w->fb, op->custom_options, op->custom_bytes, 1, 4));
  }
  if (!op->options_type) return;
  put_options(w, op);
  mn_fb_link(&w->fb, slot(w, table, TFL_OPERATOR_OPTIONS), mn_fb_put_table(&w->fb));
}

static mn_status put_ends(writer *w, size_t at, const mn_id *ids, int32_t count) {
  int32_t *list = mn_arena_array(&w->saver->scratch, (size_t)count, sizeof *list);
  if (!list) return mn_fail_memory(w->saver->err, (size_t)count * sizeof *list);
  for (int32_t i = 0; i < count; i++) list[i] = w->saver->tensor_of[ids[i]];
  put_ints(w, at, list, (size_t)count);
  return MN_OK;
}

static mn_status put_subgraph(writer *w, size_t at) {
  const mn_graph *graph = w->saver->graph;
  static const uint32_t fields[] = {TFL_SUBGRAPH_TENSORS, TFL_SUBGRAPH_INPUTS, TFL_SUBGRAPH_OUTPUTS,
                                    TFL_SUBGRAPH_OPERATORS, TFL_SUBGRAPH_NAME};
  size_t list = mn_fb_put_slots(&w->fb, 1);
  mn_fb_link(&w->fb, at, list);
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) mn_fb_put_slot(&w->fb, fields[i]);
  size_t table = mn_fb_put_table(&w->fb);
  mn_fb_link(&w->fb, list + 4, table);
  size_t tensors = mn_fb_put_slots(&w->fb, (uint32_t)w->saver->tensor_count);
  mn_fb_link(&w->fb, slot(w, table, TFL_SUBGRAPH_TENSORS), tensors);
  mn_status status = MN_OK;
  for (int32_t i = 0; i < w->saver->tensor_count && !status; i++) {
    status = put_tensor(w, tensors + 4 + 4 * (size_t)i, &w->saver->tensors[i]);
  }
  if (!status) {
    status = put_ends(w, slot(w, table, TFL_SUBGRAPH_INPUTS), graph->inputs, graph->input_count);
  }
  if (!status) {
    status = put_ends(w, slot(w, table, TFL_SUBGRAPH_OUTPUTS), graph->outputs, graph->output_count);
  }
  if (status) return status;
  size_t ops = mn_fb_put_slots(&w->fb, (uint32_t)w->saver->op_count);
  mn_fb_link(&w->fb, slot(w, table, TFL_SUBGRAPH_OPERATORS), ops);
  for (int32_t i = 0; i < w->saver->op_count; i++) put_operator(w, ops + 4 + 4 * (size_t)i, i);
  put_text(w, slot(w, table, TFL_SUBGRAPH_NAME), "main");
  return MN_OK;
}

static void put_buffers(writer *w, size_t at) {
  size_t list = mn_fb_put_slots(&w->fb, w->blob_count);
  mn_fb_link(&w->fb, at, list);
  for (uint32_t i = 0; i < w->blob_count; i++) {
    const blob *b = &w->blobs[i];
    if (b->data) mn_fb_put_slot(&w->fb, TFL_BUFFER_DATA);
    size_t table = mn_fb_put_table(&w->fb);
    mn_fb_link(&w->fb, list + 4 + 4 * (size_t)i, table);
    if (!b->data) continue;
    mn_fb_link(&w->fb, slot(w, table, TFL_BUFFER_DATA),
               mn_fb_put_vector(&w->fb, b->data, b->bytes, 1, BUFFER_ALIGN));
  }
}

static void put_metadata(writer *w, size_t at) {
  size_t list = mn_fb_put_slots(&w->fb, w->metadata_count);
  mn_fb_link(&w->fb, at, list);
  for (uint32_t i = 0; i < w->metadata_count; i++) {
    mn_fb_put_slot(&w->fb, TFL_METADATA_NAME_FIELD);
    mn_fb_put_i32(&w->fb, TFL_METADATA_BUFFER, (int32_t)w->metadata[i].buffer);
    size_t table = mn_fb_put_table(&w->fb);
    mn_fb_link(&w->fb, list + 4 + 4 * (size_t)i, table);
    put_text(w, slot(w, table, TFL_METADATA_NAME_FIELD), w->metadata[i].name);
  }
}

static void add_metadata(writer *w, const char *name, const void *data, size_t bytes) {
  w->metadata[w->metadata_count++] = (metadata_entry){name, w->blob_count};
  w->blobs[w->blob_count++] = (blob){data, bytes};
}

/* ---- The file ------------------------------------------------------------------------------- */

static mn_status list_codes(writer *w) {
  const mn_tflite_saver *saver = w->saver;
  size_t count = (size_t)saver->op_count;
  w->code_of = mn_arena_array(&w->saver->scratch, count, sizeof *w->code_of);
  w->codes = mn_arena_array(&w->saver->scratch, count, sizeof *w->codes);
  if (!w->code_of || !w->codes) return mn_fail_memory(saver->err, count * sizeof *w->codes);
  for (int32_t i = 0; i < saver->op_count; i++) {
    int32_t line = 0;
    for (; line < w->code_count; line++) {
      const mn_tflite_out_op *same = &saver->ops[w->codes[line]];
      if (same->code == saver->ops[i].code && same->version == saver->ops[i].version) break;
    }
    if (line == w->code_count) w->codes[w->code_count++] = i;
    w->code_of[i] = line;
  }
  return MN_OK;
}

static mn_status put_model(writer *w, mn_fb_builder *tflite_metadata) {
  const mn_graph *graph = w->saver->graph;
  mn_fb_build_begin(&w->fb, MN_TFLITE_IDENTIFIER);
  mn_fb_put_i32(&w->fb, TFL_MODEL_VERSION, TFL_SCHEMA_VERSION);
  mn_fb_put_slot(&w->fb, TFL_MODEL_OPERATOR_CODES);
  mn_fb_put_slot(&w->fb, TFL_MODEL_SUBGRAPHS);
  mn_fb_put_slot(&w->fb, TFL_MODEL_DESCRIPTION);
  mn_fb_put_slot(&w->fb, TFL_MODEL_BUFFERS);
  mn_fb_put_slot(&w->fb, TFL_MODEL_METADATA);
  size_t model = mn_fb_put_table(&w->fb);
  mn_fb_link(&w->fb, 0, model);
  put_codes(w, slot(w, model, TFL_MODEL_OPERATOR_CODES));
  mn_status status = put_subgraph(w, slot(w, model, TFL_MODEL_SUBGRAPHS));
  if (status) return status;
  put_text(w, slot(w, model, TFL_MODEL_DESCRIPTION), "mobilenet");
  if (graph->has_contract) {
    char *json = mn_contract_to_json(&graph->contract, &w->saver->scratch);
    if (!json) return mn_fail_memory(w->saver->err, 0);
    add_metadata(w, MN_TFLITE_CONTRACT_NAME, json, strlen(json));
  }
  if (tflite_metadata->size) {
    add_metadata(w, MN_TFLITE_METADATA_NAME, tflite_metadata->bytes, tflite_metadata->size);
  }
  put_metadata(w, slot(w, model, TFL_MODEL_METADATA));
  put_buffers(w, slot(w, model, TFL_MODEL_BUFFERS));
  if (w->fb.too_large) {
    return mn_fail(w->saver->err, MN_ERR_UNSUPPORTED, NULL, "a TFLite file holds at most 2 GiB");
  }
  return w->fb.failed ? mn_fail_memory(w->saver->err, w->fb.size) : MN_OK;
}

static mn_status append_labels(writer *w) {
  uint8_t *tail;
  size_t bytes, size;
  mn_status status = mn_tflite_save_labels(w->saver->graph, w->fb.size, &w->saver->scratch, &tail,
                                           &bytes, w->saver->err);
  if (status || !tail) return status;
  if (!mn_add_size(w->fb.size, bytes, &size)) return mn_fail_memory(w->saver->err, bytes);
  uint8_t *grown = mn_realloc(w->fb.bytes, size);
  if (!grown) return mn_fail_memory(w->saver->err, size);
  memcpy(grown + w->fb.size, tail, bytes);
  w->fb.bytes = grown;
  w->fb.size = size;
  return MN_OK;
}

static mn_status list_graph(mn_tflite_saver *saver) {
  const mn_graph *graph = saver->graph;
  int32_t tensor;
  saver->tensor_of =
      mn_arena_array(&saver->scratch, (size_t)graph->value_count, sizeof *saver->tensor_of);
  if (!saver->tensor_of) return mn_fail_memory(saver->err, (size_t)graph->value_count);
  for (int32_t i = 0; i < graph->value_count; i++) saver->tensor_of[i] = -1;
  mn_status status = MN_OK;
  for (int32_t i = 0; i < graph->input_count && !status; i++) {
    status = mn_tflite_save_value(saver, graph->inputs[i], &tensor);
  }
  for (int32_t i = 0; i < graph->node_count && !status; i++) {
    status = mn_tflite_save_node(saver, &graph->nodes[i]);
  }
  for (int32_t i = 0; i < graph->output_count && !status; i++) {
    status = mn_tflite_save_value(saver, graph->outputs[i], &tensor);
  }
  return status;
}

static mn_status write_file(writer *w) {
  mn_fb_builder metadata = {0};
  size_t blobs = (size_t)w->saver->tensor_count + 1 + MOST_METADATA;
  w->blobs = mn_arena_array(&w->saver->scratch, blobs, sizeof *w->blobs);
  if (!w->blobs) return mn_fail_memory(w->saver->err, blobs * sizeof *w->blobs);
  w->blob_count = 1;
  mn_status status = list_codes(w);
  if (!status) status = mn_tflite_save_metadata(w->saver->graph, &metadata, w->saver->err);
  if (!status) status = put_model(w, &metadata);
  if (!status) status = append_labels(w);
  mn_free(metadata.bytes);
  return status;
}

mn_status mn_tflite_save(const mn_graph *graph, uint8_t **bytes, size_t *size, mn_error *err) {
  mn_tflite_saver saver = {.graph = graph, .err = err};
  writer w = {.saver = &saver};
  *bytes = NULL;
  *size = 0;
  mn_status status = list_graph(&saver);
  if (!status) status = write_file(&w);
  mn_arena_free(&saver.scratch);
  if (status) {
    mn_free(w.fb.bytes);
    return status;
  }
  *bytes = w.fb.bytes;
  *size = w.fb.size;
  return MN_OK;
}
