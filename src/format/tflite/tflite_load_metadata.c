/* SPDX-License-Identifier: Apache-2.0
 * What a TFLite file says about its pictures and classes: our own contract in a metadata buffer,
 * or the TFLite metadata (normalization, and the name of a label file in the zip tail). Broken
 * TFLite metadata is ignored, as every other reader does; a broken contract of ours is an error. */
#include <string.h>

#include "format/tflite/tflite_load.h"
#include "wire/zip.h"

static bool equals(const mn_flatbuffer *fb, const mn_fb_vector *text, const char *wanted) {
  size_t length = strlen(wanted);
  return text->count == length && memcmp(mn_fb_vector_bytes(fb, text), wanted, length) == 0;
}

/* The bytes of the metadata buffer of a name; NULL when there is none. */
static mn_status find_metadata(mn_tflite_loader *loader, const char *name, const uint8_t **data,
                               size_t *bytes) {
  mn_flatbuffer *fb = &loader->fb;
  *data = NULL;
  *bytes = 0;
  for (uint32_t i = 0; i < loader->metadata.count && !fb->problem; i++) {
    mn_fb_table entry = mn_fb_vector_table(fb, &loader->metadata, i);
    mn_fb_vector entry_name = mn_fb_vector_at(fb, &entry, TFL_METADATA_NAME_FIELD, 1);
    if (!equals(fb, &entry_name, name)) continue;
    return mn_tflite_buffer(loader, mn_fb_u32(fb, &entry, TFL_METADATA_BUFFER, 0), data, bytes);
  }
  return mn_tflite_check(loader, 0);
}

/* ---- TFLite metadata ------------------------------------------------------------------------ */

/* Metadata of the inputs or the outputs. */
static mn_fb_vector tensors(mn_flatbuffer *fb, uint32_t field) {
  mn_fb_table root = mn_fb_root(fb);
  mn_fb_vector subgraphs = mn_fb_vector_at(fb, &root, TFM_MODEL_SUBGRAPHS, 4), none = {0};
  if (subgraphs.count == 0) return none;
  mn_fb_table subgraph = mn_fb_vector_table(fb, &subgraphs, 0);
  return mn_fb_vector_at(fb, &subgraph, field, 4);
}

static void read_normalization(mn_flatbuffer *fb, const mn_fb_table *options,
                               mn_contract_facts *facts) {
  mn_fb_vector mean = mn_fb_vector_at(fb, options, TFM_NORMALIZATION_MEAN, 4);
  mn_fb_vector std = mn_fb_vector_at(fb, options, TFM_NORMALIZATION_STD, 4);
  mn_contract_facts found = *facts;
  if (mean.count != std.count || (mean.count != 1 && mean.count != 3)) return;
  for (uint32_t i = 0; i < 3; i++) {
    found.mean[i] = mn_fb_vector_f32(fb, &mean, mean.count == 3 ? i : 0);
    found.std[i] = mn_fb_vector_f32(fb, &std, std.count == 3 ? i : 0);
  }
  if (fb->problem) return;
  *facts = found;
  facts->has_normalization = true;
}

static void read_input_units(mn_flatbuffer *fb, mn_contract_facts *facts) {
  mn_fb_vector inputs = tensors(fb, TFM_SUBGRAPH_INPUTS);
  if (inputs.count == 0) return;
  mn_fb_table input = mn_fb_vector_table(fb, &inputs, 0);
  mn_fb_vector units = mn_fb_vector_at(fb, &input, TFM_TENSOR_PROCESS_UNITS, 4);
  for (uint32_t i = 0; i < units.count && !fb->problem; i++) {
    mn_fb_table unit = mn_fb_vector_table(fb, &units, i);
    if (mn_fb_u8(fb, &unit, TFM_UNIT_TYPE, 0) != TFM_UNIT_NORMALIZATION) continue;
    mn_fb_table options = mn_fb_table_at(fb, &unit, TFM_UNIT_OPTIONS, NULL);
    read_normalization(fb, &options, facts);
    return;
  }
}

/* The label file that an output names, in the zip tail: of its last axis, or of its values, as the
 * classes of detections have. */
static bool find_labels_of(mn_flatbuffer *fb, const mn_fb_table *output, const mn_zip *zip,
                           mn_zip_entry *entry) {
  mn_fb_vector files = mn_fb_vector_at(fb, output, TFM_TENSOR_FILES, 4);
  for (uint32_t i = 0; i < files.count && !fb->problem; i++) {
    mn_fb_table file = mn_fb_vector_table(fb, &files, i);
    mn_fb_vector name = mn_fb_vector_at(fb, &file, TFM_FILE_NAME, 1);
    int type = mn_fb_u8(fb, &file, TFM_FILE_TYPE, 0);
    if (type != TFM_FILE_AXIS_LABELS && type != TFM_FILE_VALUE_LABELS) continue;
    const char *text = fb->problem ? NULL : (const char *)mn_fb_vector_bytes(fb, &name);
    if (text && mn_zip_find(zip, text, name.count, entry)) return true;
  }
  return false;
}

static bool find_named_labels(mn_flatbuffer *fb, const mn_zip *zip, mn_zip_entry *entry) {
  mn_fb_vector outputs = tensors(fb, TFM_SUBGRAPH_OUTPUTS);
  for (uint32_t i = 0; i < outputs.count && !fb->problem; i++) {
    mn_fb_table output = mn_fb_vector_table(fb, &outputs, i);
    if (find_labels_of(fb, &output, zip, entry)) return true;
  }
  return false;
}

/* ---- Labels --------------------------------------------------------------------------------- */

/* The tail's only file when it is text. */
static bool find_only_text(const mn_zip *zip, mn_zip_entry *entry) {
  mn_zip walk = *zip;
  mn_zip_entry second;
  if (!mn_zip_next(&walk, entry) || mn_zip_next(&walk, &second) || !entry->data) return false;
  return entry->name_length > 4 && memcmp(entry->name + entry->name_length - 4, ".txt", 4) == 0;
}

/* Lines of a label file, a last empty one not counted. */
static int64_t count_lines(const mn_zip_entry *entry) {
  int64_t lines = entry->size > 0 && entry->data[entry->size - 1] != '\n';
  for (size_t i = 0; i < entry->size; i++) lines += entry->data[i] == '\n';
  return lines;
}

/* How many names the model's outputs need. */
static int64_t names_needed(const mn_tflite_loader *loader, const mn_contract_facts *facts) {
  const mn_shape *out = &loader->graph->values[loader->graph->outputs[0]].shape;
  if (facts->output_count > 0) return facts->output_count;
  return out->rank < 1 ? 0 : out->dim[out->rank - 1];
}

static mn_status read_labels(mn_tflite_loader *loader, mn_flatbuffer *metadata,
                             const mn_contract_facts *facts) {
  mn_zip zip;
  mn_zip_entry entry;
  if (!mn_zip_open(&zip, loader->request->bytes, loader->request->size)) return MN_OK;
  if (!find_named_labels(metadata, &zip, &entry) && !find_only_text(&zip, &entry)) return MN_OK;
  /* A list of another length names something else; a detector's may begin with the background. */
  int64_t lines = count_lines(&entry), needed = names_needed(loader, facts);
  bool background = facts->task == MN_TASK_DETECT && lines == needed + 1;
  if (lines != needed && !background) return MN_OK;
  mn_status status = mn_tflite_check(loader, 2 * entry.size + (size_t)lines * 2 * sizeof(char *));
  if (status) return status;
  status = mn_contract_set_labels(&loader->graph->contract, (const char *)entry.data, entry.size,
                                  &loader->graph->arena, loader->err);
  if (status == MN_ERR_FORMAT) {
    mn_error_clear(loader->err); /* not text: no labels */
    return MN_OK;
  }
  if (!status && background) {
    loader->graph->contract.labels.names++;
    loader->graph->contract.labels.count--;
  }
  return status;
}

mn_status mn_tflite_load_metadata(mn_tflite_loader *loader, mn_contract_facts *facts) {
  mn_graph *graph = loader->graph;
  const uint8_t *data;
  size_t bytes;
  mn_status status = find_metadata(loader, MN_TFLITE_CONTRACT_NAME, &data, &bytes);
  if (!status && data) {
    /* Names and strings are copied; a tree of the text is built on the way. */
    status = mn_tflite_check(loader, bytes > SIZE_MAX / 16 ? SIZE_MAX : bytes * 16);
    if (status) return status;
    graph->has_contract = true;
    status = mn_contract_from_json(&graph->contract, (const char *)data, bytes, &graph->arena,
                                   loader->err);
    return status ? mn_error_at(loader->err, status, loader->request->name) : MN_OK;
  }
  if (!status) status = find_metadata(loader, MN_TFLITE_METADATA_NAME, &data, &bytes);
  if (status) return status;
  mn_flatbuffer metadata = {.bytes = data, .size = bytes};
  if (mn_fb_has_identifier(data, bytes, MN_TFLITE_METADATA_IDENTIFIER)) {
    read_input_units(&metadata, facts);
  } else {
    metadata.size = 0;
  }
  return read_labels(loader, &metadata, facts);
}
