/* SPDX-License-Identifier: Apache-2.0
 * Writing a native file: tensors by descending element size, then name; a header padded so that
 * their data are aligned; bytes that depend on the graph only. */
#include "format/safetensors/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/checked.h"

enum { LENGTH_BYTES = 8 };

typedef struct saver {
  const mn_graph *graph;
  const mn_value **tensors; /* [count], in the file's order */
  size_t count, data_bytes;
  mn_arena scratch;
  mn_json_writer header;
  mn_error *err;
} saver;

static int compare_tensors(const void *a, const void *b) {
  const mn_value *x = *(const mn_value *const *)a, *y = *(const mn_value *const *)b;
  size_t x_bytes = mn_type_bytes(x->type), y_bytes = mn_type_bytes(y->type);
  if (x_bytes != y_bytes) return x_bytes > y_bytes ? -1 : 1;
  return strcmp(x->name, y->name);
}

static mn_status collect_tensors(saver *to) {
  const mn_graph *graph = to->graph;
  to->tensors = mn_arena_array(&to->scratch, (size_t)graph->value_count, sizeof *to->tensors);
  if (!to->tensors) return mn_fail_memory(to->err, (size_t)graph->value_count * sizeof(void *));
  for (int32_t i = 0; i < graph->value_count; i++) {
    const mn_value *value = &graph->values[i];
    if (!mn_utf8_valid(value->name, strlen(value->name)) ||
        strcmp(value->name, MN_SAFETENSORS_METADATA) == 0) {
      return mn_fail(to->err, MN_ERR_UNSUPPORTED, NULL,
                     "value %d has a name that a safetensors file cannot hold (not UTF-8, or %s)",
                     i, MN_SAFETENSORS_METADATA);
    }
    if (value->kind != MN_KIND_CONST) continue;
    to->tensors[to->count++] = value;
    if (!mn_add_size(to->data_bytes, value->bytes, &to->data_bytes)) {
      return mn_fail(to->err, MN_ERR_LIMIT, NULL, "its constants exceed the address space");
    }
  }
  qsort(to->tensors, to->count, sizeof *to->tensors, compare_tensors);
  return MN_OK;
}

static void write_tensor(mn_json_writer *out, const mn_value *value, size_t begin) {
  char dtype[8] = "";
  const char *name = mn_type_name(value->type);
  for (size_t i = 0; name[i] && i + 1 < sizeof dtype; i++) {
    dtype[i] = (char)(name[i] >= 'a' ? name[i] - 'a' + 'A' : name[i]);
  }
  mn_json_key(out, value->name);
  mn_json_begin(out, '{');
  mn_json_key(out, "data_offsets");
  mn_json_begin(out, '[');
  mn_json_int(out, (int64_t)begin);
  mn_json_int(out, (int64_t)(begin + value->bytes));
  mn_json_end(out, ']');
  mn_json_key(out, "dtype");
  mn_json_string(out, dtype, strlen(dtype));
  mn_json_key(out, "shape");
  mn_json_begin(out, '[');
  for (int32_t i = 0; i < value->shape.rank; i++) mn_json_int(out, value->shape.dim[i]);
  mn_json_end(out, ']');
  mn_json_end(out, '}');
}

static bool write_metadata(saver *to) {
  mn_json_writer graph = {0};
  mn_json_writer *out = &to->header;
  mn_json_key(out, MN_SAFETENSORS_METADATA);
  mn_json_begin(out, '{');
  if (to->graph->has_contract) {
    char *contract = mn_contract_to_json(&to->graph->contract, &to->scratch);
    if (!contract) return false;
    mn_json_key(out, MN_SAFETENSORS_CONTRACT_KEY);
    mn_json_string(out, contract, strlen(contract));
  }
  mn_json_key(out, MN_SAFETENSORS_FORMAT_KEY);
  mn_json_string(out, to->graph->arithmetic == MN_ARITHMETIC_LITERT ? "1" : "2", 1);
  mn_safetensors_save_graph(&graph, to->graph);
  mn_json_key(out, MN_SAFETENSORS_GRAPH_KEY);
  mn_json_string(out, graph.text, graph.failed ? 0 : graph.used);
  if (to->graph->training) {
    mn_json_key(out, MN_SAFETENSORS_TRAINING_KEY);
    mn_json_string(out, to->graph->training, strlen(to->graph->training));
  }
  mn_json_end(out, '}');
  bool written = !graph.failed;
  mn_json_writer_free(&graph);
  return written;
}

static mn_status write_header(saver *to) {
  size_t begin = 0;
  mn_json_begin(&to->header, '{');
  bool written = write_metadata(to);
  for (size_t i = 0; i < to->count; i++) {
    write_tensor(&to->header, to->tensors[i], begin);
    begin += to->tensors[i]->bytes;
  }
  mn_json_end(&to->header, '}');
  if (!written || to->header.failed) return mn_fail_memory(to->err, to->header.used);
  if (to->header.used > MN_SAFETENSORS_HEADER_CAP - MN_ALIGN) {
    return mn_fail(to->err, MN_ERR_LIMIT, NULL, "its header of %zu bytes exceeds %d",
                   to->header.used, (int)MN_SAFETENSORS_HEADER_CAP);
  }
  return MN_OK;
}

static mn_status assemble(const saver *from, uint8_t **bytes, size_t *size) {
  size_t data_at = LENGTH_BYTES + from->header.used, total;
  if (!mn_round_up(data_at, MN_ALIGN, &data_at) ||
      !mn_add_size(data_at, from->data_bytes, &total)) {
    return mn_fail(from->err, MN_ERR_LIMIT, NULL, "its constants exceed the address space");
  }
  uint8_t *out = mn_alloc(total);
  if (!out) return mn_fail_memory(from->err, total);
  uint64_t length = data_at - LENGTH_BYTES;
  for (int i = 0; i < LENGTH_BYTES; i++) out[i] = (uint8_t)(length >> 8 * i);
  memcpy(out + LENGTH_BYTES, from->header.text, from->header.used);
  memset(out + LENGTH_BYTES + from->header.used, ' ', length - from->header.used);
  for (size_t i = 0; i < from->count; i++) {
    memcpy(out + data_at, from->tensors[i]->data, from->tensors[i]->bytes);
    data_at += from->tensors[i]->bytes;
  }
  *bytes = out;
  *size = total;
  return MN_OK;
}

mn_status mn_safetensors_save(const mn_graph *graph, uint8_t **bytes, size_t *size, mn_error *err) {
  saver to = {.graph = graph, .err = err};
  *bytes = NULL;
  *size = 0;
  mn_status status = collect_tensors(&to);
  if (!status) status = write_header(&to);
  if (!status) status = assemble(&to, bytes, size);
  mn_json_writer_free(&to.header);
  mn_arena_free(&to.scratch);
  return status;
}
