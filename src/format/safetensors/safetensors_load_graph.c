/* SPDX-License-Identifier: Apache-2.0
 * mobilenet.graph -> values and nodes. Names become ids here; what the ids mean together is
 * mn_graph_verify's to judge. */
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "format/safetensors/safetensors.h"

typedef struct named {
  const char *name;
  mn_id id;
} named;

typedef struct builder {
  mn_safetensors_reader *reader;
  const named *names; /* [name_count], by name */
  size_t name_count;
} builder;

static mn_status refuse(const mn_safetensors_reader *reader, const char *name, const char *what) {
  return mn_fail(reader->err, MN_ERR_FORMAT, reader->request->name, "%s: %s", name, what);
}

static mn_status refuse_memory(const mn_safetensors_reader *reader) {
  return mn_fail_memory(reader->err, reader->graph->arena.used);
}

/* A list that must be there: its count fits an id. */
static mn_status get_list(const mn_safetensors_reader *reader, const mn_json *root, const char *key,
                          const mn_json **out) {
  *out = mn_json_get(root, key);
  if (*out && (*out)->kind == MN_JSON_ARRAY && (*out)->count < INT32_MAX) return MN_OK;
  return refuse(reader, key, "expected a list in mobilenet.graph");
}

static const char *text_of(const mn_json *object, const char *key) {
  const mn_json *json = mn_json_get(object, key);
  return json && json->kind == MN_JSON_STRING && json->length > 0 ? json->text : NULL;
}

/* ---- Values ---------------------------------------------------------------------------------- */

static bool read_type(const char *text, mn_type *type) {
  for (int t = MN_F32; text && t <= MN_BOOL; t++) {
    if (strcmp(mn_type_name((mn_type)t), text) != 0) continue;
    *type = (mn_type)t;
    return true;
  }
  return false;
}

static bool read_scales(const mn_json *list, float *scales) {
  size_t i = 0;
  for (const mn_json *item = list->first; item; item = item->next) {
    if (item->kind != MN_JSON_NUMBER || item->number > (double)FLT_MAX ||
        item->number < -(double)FLT_MAX) {
      return false;
    }
    scales[i++] = (float)item->number;
  }
  return true;
}

static bool read_zeros(const mn_json *list, int32_t *zeros) {
  size_t i = 0;
  for (const mn_json *item = list->first; item; item = item->next) {
    if (!mn_json_i32(item, &zeros[i++])) return false;
  }
  return true;
}

static mn_status load_quant(mn_safetensors_reader *reader, mn_id id, const mn_json *json) {
  const char *name = reader->graph->values[id].name;
  const mn_json *scale = mn_json_get(json, "scale"), *zero = mn_json_get(json, "zero");
  int32_t axis = 0;
  if (!scale || scale->kind != MN_JSON_ARRAY || scale->count < 1 || scale->count >= INT32_MAX ||
      (zero && (zero->kind != MN_JSON_ARRAY || zero->count != scale->count))) {
    return refuse(reader, name, "its quant needs a list scale, and zero of the same length");
  }
  if (mn_json_get(json, "axis") && !mn_json_i32(mn_json_get(json, "axis"), &axis)) {
    return refuse(reader, name, "its quant's axis is not a whole number");
  }
  mn_status status = mn_safetensors_spend(reader, scale->count * 4 * sizeof(float));
  if (status) return status;
  float *scales = mn_arena_array(&reader->scratch, scale->count, sizeof *scales);
  int32_t *zeros = mn_arena_array(&reader->scratch, scale->count, sizeof *zeros);
  if (!scales || !zeros) return refuse_memory(reader);
  if (!read_scales(scale, scales) || (zero && !read_zeros(zero, zeros))) {
    return refuse(reader, name, "its quant has a scale or zero point that is not a number");
  }
  return mn_graph_set_quant(reader->graph, id, (int32_t)scale->count, axis, scales, zeros)
             ? MN_OK
             : refuse_memory(reader);
}

/* The tensor where it lies, or an aligned copy. */
static mn_status add_const(mn_safetensors_reader *reader, const char *name) {
  const mn_json *entry = mn_json_get(reader->header, name);
  if (!entry || strcmp(name, MN_SAFETENSORS_METADATA) == 0) {
    return refuse(reader, name, "it is a const, but the file has no tensor of this name");
  }
  mn_safetensors_tensor tensor = mn_safetensors_tensor_at(reader, entry);
  const void *data = tensor.data;
  if ((uintptr_t)data % mn_type_bytes(tensor.type) != 0) {
    mn_status status = mn_safetensors_spend(reader, tensor.bytes);
    if (status) return status;
    data = mn_arena_copy(&reader->graph->arena, tensor.data, tensor.bytes);
    if (!data) return refuse_memory(reader);
  }
  mn_id id = mn_graph_add_const(reader->graph, name, tensor.type, &tensor.shape, data);
  return id == MN_NONE ? refuse_memory(reader) : MN_OK;
}

static mn_status add_variable(mn_safetensors_reader *reader, const mn_json *json,
                              const char *name) {
  mn_type type;
  mn_shape shape;
  const mn_json *kind = mn_json_get(json, "kind");
  if (!read_type(text_of(json, "type"), &type)) {
    return refuse(reader, name, "its type is none of f32, f16, bf16, u8, i8, i32, i64, bool");
  }
  if (!mn_safetensors_load_shape(&shape, mn_json_get(json, "shape"), 1)) {
    return refuse(reader, name, "its shape is not a list of at most 4 positive whole numbers");
  }
  mn_kind known = MN_KIND_TEMP;
  if (mn_json_is(kind, "input")) {
    known = MN_KIND_INPUT;
  } else if (mn_json_is(kind, "state")) {
    known = MN_KIND_STATE;
  } else if (!mn_json_is(kind, "temp")) {
    return refuse(reader, name, "its kind is none of input, const, temp, state");
  }
  mn_id id = mn_graph_add_value(reader->graph, name, type, &shape);
  if (id == MN_NONE) return refuse_memory(reader);
  reader->graph->values[id].kind = known;
  return MN_OK;
}

static mn_status load_value(mn_safetensors_reader *reader, const mn_json *json) {
  const char *name = text_of(json, "name");
  if (!name) return refuse(reader, "values", "one of them has no name");
  mn_status status = mn_safetensors_spend(reader, sizeof(mn_value) + strlen(name));
  if (status) return status;
  status = mn_json_is(mn_json_get(json, "kind"), "const") ? add_const(reader, name)
                                                          : add_variable(reader, json, name);
  const mn_json *quant = mn_json_get(json, "quant");
  if (status || !quant) return status;
  return load_quant(reader, reader->graph->value_count - 1, quant);
}

static int compare_named(const void *a, const void *b) {
  return strcmp(((const named *)a)->name, ((const named *)b)->name);
}

/* The names in order; refuses one that stands twice. */
static mn_status sort_names(builder *to) {
  const mn_graph *graph = to->reader->graph;
  size_t count = (size_t)graph->value_count;
  mn_status status = mn_safetensors_spend(to->reader, count * sizeof(named));
  if (status) return status;
  named *names = mn_arena_array(&to->reader->scratch, count, sizeof *names);
  if (!names) return refuse_memory(to->reader);
  for (size_t i = 0; i < count; i++) names[i] = (named){graph->values[i].name, (mn_id)i};
  qsort(names, count, sizeof *names, compare_named);
  for (size_t i = 1; i < count; i++) {
    if (strcmp(names[i - 1].name, names[i].name) == 0) {
      return refuse(to->reader, names[i].name, "two values have this name");
    }
  }
  to->names = names;
  to->name_count = count;
  return MN_OK;
}

/* A tensor that no value names would be lost on the next save. */
static mn_status check_all_used(const builder *from) {
  const mn_safetensors_reader *reader = from->reader;
  for (const mn_json *entry = reader->header->first; entry; entry = entry->next) {
    named wanted = {entry->key, MN_NONE};
    if (strcmp(entry->key, MN_SAFETENSORS_METADATA) == 0) continue;
    const named *found =
        bsearch(&wanted, from->names, from->name_count, sizeof wanted, compare_named);
    if (!found || reader->graph->values[found->id].kind != MN_KIND_CONST) {
      return refuse(reader, entry->key, "no const of mobilenet.graph uses this tensor");
    }
  }
  return MN_OK;
}

static mn_status load_values(builder *to, const mn_json *root) {
  const mn_json *values;
  mn_status status = get_list(to->reader, root, "values", &values);
  if (status) return status;
  for (const mn_json *json = values->first; json; json = json->next) {
    status = load_value(to->reader, json);
    if (status) return status;
  }
  status = sort_names(to);
  return status ? status : check_all_used(to);
}

/* ---- Lists of names -------------------------------------------------------------------------- */

/* Ids of a list of names, in the scratch arena; null is MN_NONE where `optional`. */
static mn_status load_ids(const builder *from, const mn_json *list, bool optional, mn_id **out) {
  mn_safetensors_reader *reader = from->reader;
  mn_status status = mn_safetensors_spend(reader, list->count * 2 * sizeof(mn_id));
  if (status) return status;
  mn_id *ids = *out = mn_arena_array(&reader->scratch, list->count, sizeof *ids);
  if (!ids) return refuse_memory(reader);
  for (const mn_json *item = list->first; item; item = item->next, ids++) {
    *ids = MN_NONE;
    if (item->kind == MN_JSON_NULL && optional) continue;
    if (item->kind != MN_JSON_STRING) return refuse(reader, list->key, "expected names of values");
    named wanted = {item->text, MN_NONE};
    const named *found =
        bsearch(&wanted, from->names, from->name_count, sizeof wanted, compare_named);
    if (!found) return refuse(reader, item->text, "no value has this name");
    *ids = found->id;
  }
  return MN_OK;
}

static mn_status load_ends(const builder *from, const mn_json *root, const char *key,
                           bool (*set)(mn_graph *, const mn_id *, int32_t)) {
  const mn_json *list;
  mn_id *ids;
  mn_status status = get_list(from->reader, root, key, &list);
  if (!status) status = load_ids(from, list, false, &ids);
  if (status) return status;
  return set(from->reader->graph, ids, (int32_t)list->count) ? MN_OK : refuse_memory(from->reader);
}

/* ---- Nodes ----------------------------------------------------------------------------------- */

static mn_status load_node(const builder *from, const mn_json *json) {
  mn_safetensors_reader *reader = from->reader;
  const char *name = text_of(json, "name"), *op_name = text_of(json, "op");
  const mn_json *in, *out;
  mn_id *in_ids, *out_ids;
  if (!name || !op_name) return refuse(reader, "nodes", "one of them has no name or no op");
  mn_op op = mn_op_from_name(op_name, strlen(op_name));
  if (op == MN_OP_COUNT) {
    return mn_fail(reader->err, MN_ERR_UNSUPPORTED, reader->request->name,
                   "%s: this build has no operator %s", name, op_name);
  }
  mn_status status = get_list(reader, json, "in", &in);
  if (!status) status = get_list(reader, json, "out", &out);
  if (!status) status = load_ids(from, in, true, &in_ids);
  if (!status) status = load_ids(from, out, false, &out_ids);
  if (!status) status = mn_safetensors_spend(reader, sizeof(mn_node) + strlen(name));
  if (status) return status;
  int32_t outputs = mn_op_outputs(op);
  if (out->count != (size_t)outputs) {
    return refuse(reader, name, outputs == 1 ? "expected one output" : "expected four outputs");
  }
  mn_id id =
      mn_graph_add_node(reader->graph, op, name, in_ids, (int32_t)in->count, out_ids, outputs);
  if (id == MN_NONE) return refuse_memory(reader);
  mn_attr *attr = &reader->graph->nodes[id].attr;
  status = mn_safetensors_load_attr(attr, op, mn_json_get(json, "attr"), name, reader->err);
  return status;
}

static mn_status load_nodes(const builder *from, const mn_json *root) {
  const mn_json *nodes;
  mn_status status = get_list(from->reader, root, "nodes", &nodes);
  if (status) return status;
  for (const mn_json *json = nodes->first; json; json = json->next) {
    status = load_node(from, json);
    if (status) return status;
  }
  return MN_OK;
}

static mn_status load_arithmetic(mn_safetensors_reader *reader, const mn_json *root) {
  const mn_json *json = mn_json_get(root, "arithmetic");
  if (!json) return MN_OK;
  if (reader->format < 2) return refuse(reader, "arithmetic", "format 2 has it, format 1 has not");
  if (mn_json_is(json, "onnx")) {
    reader->graph->arithmetic = MN_ARITHMETIC_ONNX;
    return MN_OK;
  }
  if (mn_json_is(json, "litert")) return MN_OK;
  return refuse(reader, "arithmetic", "expected litert or onnx");
}

mn_status mn_safetensors_load_graph(mn_safetensors_reader *reader, const char *text,
                                    size_t length) {
  uint64_t cap = reader->request->memory_cap;
  mn_json_source source = {text, length, "mobilenet.graph", cap > SIZE_MAX ? 0 : (size_t)cap};
  builder to = {reader, NULL, 0};
  const mn_json *root;
  mn_status status = mn_json_parse(&root, &source, &reader->scratch, reader->err);
  if (!status) status = load_values(&to, root);
  if (!status) status = load_ends(&to, root, "inputs", mn_graph_set_inputs);
  if (!status) status = load_ends(&to, root, "outputs", mn_graph_set_outputs);
  if (!status) status = load_nodes(&to, root);
  if (!status) status = load_arithmetic(reader, root);
  if (status) return status;
  const mn_json *fixed = mn_json_get(root, "fixed_by");
  if (fixed && (!mn_json_i32(fixed, &reader->graph->fixed_by) || reader->graph->fixed_by < 0)) {
    return refuse(reader, "fixed_by", "expected the index of a node");
  }
  return MN_OK;
}
