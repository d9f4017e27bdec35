/* SPDX-License-Identifier: Apache-2.0
 * Opening a native file: the header, its tensors, the metadata. Everything is checked here or in
 * mn_graph_verify before anything relies on it; tensors stay in the file where they are aligned. */
#include "format/safetensors/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

enum { LENGTH_BYTES = 8 };

mn_status mn_safetensors_spend(const mn_safetensors_reader *reader, size_t more) {
  size_t spent;
  uint64_t cap = reader->request->memory_cap;
  bool exact = mn_add_size(reader->scratch.used, reader->graph->arena.used, &spent) &&
               mn_add_size(spent, more, &spent);
  if (exact && (cap == 0 || spent <= cap)) return MN_OK;
  return mn_fail(reader->err, MN_ERR_LIMIT, reader->request->name,
                 "it needs more than the memory cap of %llu bytes", (unsigned long long)cap);
}

/* What is left of the cap for the scratch arena, as its JSON reader counts it. */
static size_t scratch_cap(const mn_safetensors_reader *reader) {
  uint64_t cap = reader->request->memory_cap;
  if (cap == 0) return 0;
  size_t graph = reader->graph->arena.used;
  uint64_t left = cap > graph ? cap - graph : 1;
  return left > SIZE_MAX ? SIZE_MAX : (size_t)left;
}

static mn_status parse(mn_safetensors_reader *reader, const mn_json **out, const char *text,
                       size_t length) {
  mn_json_source source = {text, length, reader->request->name, scratch_cap(reader)};
  return mn_json_parse(out, &source, &reader->scratch, reader->err);
}

static mn_status read_header(mn_safetensors_reader *reader) {
  const mn_load_request *request = reader->request;
  uint64_t length = 0;
  if (request->size < LENGTH_BYTES) {
    return mn_fail(reader->err, MN_ERR_FORMAT, request->name,
                   "it has %zu bytes, too few for a safetensors file", request->size);
  }
  for (int i = LENGTH_BYTES - 1; i >= 0; i--) length = length << 8 | request->bytes[i];
  if (length > MN_SAFETENSORS_HEADER_CAP) {
    return mn_fail(reader->err, MN_ERR_LIMIT, request->name,
                   "its header claims %llu bytes, expected at most %d", (unsigned long long)length,
                   (int)MN_SAFETENSORS_HEADER_CAP);
  }
  if (!mn_within(LENGTH_BYTES, length, request->size)) {
    return mn_fail(reader->err, MN_ERR_FORMAT, request->name,
                   "its header claims %llu bytes, but the file has only %zu after its length",
                   (unsigned long long)length, request->size - LENGTH_BYTES);
  }
  mn_status status =
      parse(reader, &reader->header, (const char *)request->bytes + LENGTH_BYTES, (size_t)length);
  if (status) return status;
  if (reader->header->kind != MN_JSON_OBJECT) {
    return mn_fail(reader->err, MN_ERR_FORMAT, request->name, "its header is not a JSON object");
  }
  reader->data = request->bytes + LENGTH_BYTES + length;
  reader->data_size = request->size - LENGTH_BYTES - (size_t)length;
  return MN_OK;
}

/* ---- Tensors --------------------------------------------------------------------------------- */

/* safetensors' names are ours in capitals. */
static bool read_dtype(const mn_json *json, mn_type *type) {
  if (!json || json->kind != MN_JSON_STRING) return false;
  for (int t = MN_F32; t <= MN_BOOL; t++) {
    const char *name = mn_type_name((mn_type)t);
    size_t i = 0;
    while (name[i] && (name[i] >= 'a' ? name[i] - 'a' + 'A' : name[i]) == json->text[i]) i++;
    if (name[i] || json->text[i]) continue;
    *type = (mn_type)t;
    return true;
  }
  return false;
}

bool mn_safetensors_load_shape(mn_shape *shape, const mn_json *json, int32_t least) {
  *shape = (mn_shape){0, {0}};
  if (!json || json->kind != MN_JSON_ARRAY || json->count > MN_MAX_RANK) return false;
  for (const mn_json *item = json->first; item; item = item->next) {
    if (!mn_json_i32(item, &shape->dim[shape->rank]) || shape->dim[shape->rank] < least) {
      return false;
    }
    shape->rank++;
  }
  return true;
}

/* [begin, end) of a tensor in the data; false when it is not two whole numbers in order. */
static bool read_offsets(const mn_json *entry, uint64_t *begin, uint64_t *end) {
  const mn_json *offsets = mn_json_get(entry, "data_offsets");
  if (!offsets || offsets->kind != MN_JSON_ARRAY || offsets->count != 2) return false;
  return mn_json_u64(offsets->first, begin) && mn_json_u64(offsets->first->next, end) &&
         *begin <= *end;
}

mn_safetensors_tensor mn_safetensors_tensor_at(const mn_safetensors_reader *reader,
                                               const mn_json *entry) {
  mn_safetensors_tensor tensor = {MN_F32, {0, {0}}, NULL, 0};
  uint64_t begin = 0, end = 0;
  read_dtype(mn_json_get(entry, "dtype"), &tensor.type);
  mn_safetensors_load_shape(&tensor.shape, mn_json_get(entry, "shape"), 1);
  read_offsets(entry, &begin, &end);
  tensor.data = reader->data + begin;
  tensor.bytes = (size_t)(end - begin);
  return tensor;
}

static mn_status check_tensor(const mn_safetensors_reader *reader, const mn_json *entry) {
  mn_type type;
  mn_shape shape;
  uint64_t begin, end;
  int32_t elements;
  if (!read_dtype(mn_json_get(entry, "dtype"), &type)) {
    return mn_fail(reader->err, MN_ERR_UNSUPPORTED, reader->request->name,
                   "tensor %s has no dtype of F32, F16, BF16, U8, I8, I32, I64, BOOL", entry->key);
  }
  if (!mn_safetensors_load_shape(&shape, mn_json_get(entry, "shape"), 1) ||
      !mn_shape_elements(&shape, &elements)) {
    return mn_fail(reader->err, MN_ERR_FORMAT, reader->request->name,
                   "tensor %s has no shape of at most 4 positive sizes, fewer than 2^31 elements",
                   entry->key);
  }
  if (!read_offsets(entry, &begin, &end)) {
    return mn_fail(reader->err, MN_ERR_FORMAT, reader->request->name,
                   "tensor %s has no data_offsets of two numbers, the second no less", entry->key);
  }
  if (end > reader->data_size) {
    return mn_fail(reader->err, MN_ERR_FORMAT, reader->request->name,
                   "tensor %s ends at byte %llu of the data, of which there are %zu: the file is "
                   "cut off or damaged",
                   entry->key, (unsigned long long)end, reader->data_size);
  }
  if (end - begin != (uint64_t)elements * mn_type_bytes(type)) {
    return mn_fail(reader->err, MN_ERR_FORMAT, reader->request->name,
                   "tensor %s has %llu bytes, its shape and dtype need %llu", entry->key,
                   (unsigned long long)(end - begin),
                   (unsigned long long)elements * mn_type_bytes(type));
  }
  return MN_OK;
}

typedef struct span {
  uint64_t begin, end;
} span;

static int compare_spans(const void *a, const void *b) {
  const span *x = a, *y = b;
  return x->begin < y->begin ? -1 : x->begin > y->begin;
}

static bool is_metadata(const mn_json *entry) {
  return strcmp(entry->key, MN_SAFETENSORS_METADATA) == 0;
}

/* Every tensor is sound, and together they cover the data without gap or overlap. */
static mn_status check_tensors(mn_safetensors_reader *reader) {
  size_t count = 0, bytes;
  if (!mn_mul_size(reader->header->count, sizeof(span), &bytes)) bytes = SIZE_MAX / 2;
  mn_status status = mn_safetensors_spend(reader, bytes);
  if (status) return status;
  span *spans = mn_arena_take(&reader->scratch, bytes);
  if (!spans) return mn_fail_memory(reader->err, bytes);
  for (const mn_json *entry = reader->header->first; entry; entry = entry->next) {
    if (is_metadata(entry)) continue;
    status = check_tensor(reader, entry);
    if (status) return status;
    read_offsets(entry, &spans[count].begin, &spans[count].end);
    count++;
  }
  qsort(spans, count, sizeof *spans, compare_spans);
  uint64_t covered = 0;
  for (size_t i = 0; i < count && covered == spans[i].begin; i++) covered = spans[i].end;
  uint64_t last = count ? spans[count - 1].end : 0;
  if (covered != reader->data_size || last != covered) {
    return mn_fail(reader->err, MN_ERR_FORMAT, reader->request->name,
                   "its tensors do not cover the %zu bytes of data without gap or overlap",
                   reader->data_size);
  }
  return MN_OK;
}

/* ---- Metadata -------------------------------------------------------------------------------- */

/* A metadata string, or NULL when it is absent; FORMAT when it is no string. */
static mn_status metadata_text(const mn_safetensors_reader *reader, const char *key,
                               const mn_json **out) {
  const mn_json *metadata = mn_json_get(reader->header, MN_SAFETENSORS_METADATA);
  *out = mn_json_get(metadata, key);
  if (*out && (*out)->kind != MN_JSON_STRING) {
    return mn_fail(reader->err, MN_ERR_FORMAT, reader->request->name,
                   "its metadata %s is not a string", key);
  }
  return MN_OK;
}

static mn_status check_version(mn_safetensors_reader *reader) {
  const mn_json *version;
  mn_status status = metadata_text(reader, MN_SAFETENSORS_FORMAT_KEY, &version);
  reader->format = mn_json_is(version, "1") ? 1 : mn_json_is(version, "2") ? 2 : 0;
  if (status || reader->format) return status;
  return mn_fail(reader->err, MN_ERR_UNSUPPORTED, reader->request->name,
                 "its metadata %s is %.20s, this build reads 1 to %d", MN_SAFETENSORS_FORMAT_KEY,
                 version ? version->text : "missing", (int)MN_SAFETENSORS_FORMAT);
}

static mn_status load_contract(mn_safetensors_reader *reader) {
  const mn_json *json;
  mn_graph *graph = reader->graph;
  mn_status status = metadata_text(reader, MN_SAFETENSORS_CONTRACT_KEY, &json);
  if (status || !json) return status;
  status = mn_safetensors_spend(reader, json->length);
  if (status) return status;
  status =
      mn_contract_from_json(&graph->contract, json->text, json->length, &graph->arena, reader->err);
  graph->has_contract = status == MN_OK;
  return status;
}

/* Kept as it is: nothing here depends on it. */
static mn_status load_training(mn_safetensors_reader *reader) {
  const mn_json *json;
  mn_graph *graph = reader->graph;
  mn_status status = metadata_text(reader, MN_SAFETENSORS_TRAINING_KEY, &json);
  if (status || !json) return status;
  status = mn_safetensors_spend(reader, json->length);
  if (status) return status;
  graph->training = mn_arena_string(&graph->arena, json->text, json->length);
  return graph->training ? MN_OK : mn_fail_memory(reader->err, json->length);
}

/* A little-endian length of the header that fits into the file, then the header, which is JSON. */
bool mn_safetensors_is(const uint8_t *bytes, size_t size) {
  uint64_t header;
  if (size < LENGTH_BYTES + 2) return false;
  memcpy(&header, bytes, sizeof header);
  return header >= 2 && header <= size - LENGTH_BYTES && bytes[LENGTH_BYTES] == '{';
}

mn_status mn_safetensors_begin(mn_safetensors_reader *reader) {
  mn_status status = read_header(reader);
  return status ? status : check_tensors(reader);
}

bool mn_safetensors_has_graph(const mn_safetensors_reader *reader) {
  const mn_json *metadata = mn_json_get(reader->header, MN_SAFETENSORS_METADATA);
  return mn_json_get(metadata, MN_SAFETENSORS_GRAPH_KEY) != NULL;
}

static mn_status load(mn_safetensors_reader *reader) {
  const mn_json *graph;
  mn_status status = mn_safetensors_begin(reader);
  if (!status) status = metadata_text(reader, MN_SAFETENSORS_GRAPH_KEY, &graph);
  if (status) return status;
  if (!graph) {
    return mn_fail(reader->err, MN_ERR_UNSUPPORTED, reader->request->name,
                   "it holds tensors but no network: its metadata has no %s; a state dictionary of "
                   "torchvision or timm becomes a model by convert (mn_model_open_weights)",
                   MN_SAFETENSORS_GRAPH_KEY);
  }
  status = check_version(reader);
  if (!status) status = mn_safetensors_load_graph(reader, graph->text, graph->length);
  if (!status) status = load_contract(reader);
  if (!status) status = load_training(reader);
  return status;
}

mn_status mn_safetensors_load(mn_graph *graph, const mn_load_request *request, mn_error *err) {
  mn_safetensors_reader reader = {.request = request, .graph = graph, .err = err};
  mn_graph_init(graph);
  mn_status status = load(&reader);
  mn_arena_free(&reader.scratch);
  return status;
}
