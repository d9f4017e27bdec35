/* SPDX-License-Identifier: Apache-2.0
 * What other TFLite tools read of a contract: the input's mean and standard deviation, and a label
 * file in a zip tail. Our own contract, whole, is written beside it (tflite_save.c). */
#include <string.h>

#include "base/checked.h"
#include "format/tflite/tflite_save.h"
#include "wire/zip.h"

/* Pixel values mean and std with (pixel - mean) / std = pixel * scale + offset. */
static bool normalization_of(const mn_contract *contract, float mean[3], float std[3]) {
  if (contract->input.map != MN_MAP_AFFINE) return false;
  for (int i = 0; i < 3; i++) {
    double scale = contract->input.scale[i];
    if (!(scale > 0)) return false;
    std[i] = (float)(1 / scale);
    mean[i] = (float)(-contract->input.offset[i] / scale);
  }
  return true;
}

/* input_tensor_metadata: [{process_units: [{NormalizationOptions}]}] */
static void put_input(mn_fb_builder *b, size_t slot, const float mean[3], const float std[3]) {
  size_t list = mn_fb_put_slots(b, 1);
  mn_fb_link(b, slot, list);
  mn_fb_put_slot(b, TFM_TENSOR_PROCESS_UNITS);
  size_t tensor = mn_fb_put_table(b);
  mn_fb_link(b, list + 4, tensor);
  size_t units = mn_fb_put_slots(b, 1);
  mn_fb_link(b, mn_fb_slot_of(b, tensor, TFM_TENSOR_PROCESS_UNITS), units);
  mn_fb_put_u8(b, TFM_UNIT_TYPE, TFM_UNIT_NORMALIZATION);
  mn_fb_put_slot(b, TFM_UNIT_OPTIONS);
  size_t unit = mn_fb_put_table(b);
  mn_fb_link(b, units + 4, unit);
  mn_fb_put_slot(b, TFM_NORMALIZATION_MEAN);
  mn_fb_put_slot(b, TFM_NORMALIZATION_STD);
  size_t options = mn_fb_put_table(b);
  mn_fb_link(b, mn_fb_slot_of(b, unit, TFM_UNIT_OPTIONS), options);
  mn_fb_link(b, mn_fb_slot_of(b, options, TFM_NORMALIZATION_MEAN),
             mn_fb_put_vector(b, mean, 3, sizeof(float), 4));
  mn_fb_link(b, mn_fb_slot_of(b, options, TFM_NORMALIZATION_STD),
             mn_fb_put_vector(b, std, 3, sizeof(float), 4));
}

/* output_tensor_metadata: [{associated_files: [{name, type}]}] */
static void put_output(mn_fb_builder *b, size_t slot) {
  size_t list = mn_fb_put_slots(b, 1);
  mn_fb_link(b, slot, list);
  mn_fb_put_slot(b, TFM_TENSOR_FILES);
  size_t tensor = mn_fb_put_table(b);
  mn_fb_link(b, list + 4, tensor);
  size_t files = mn_fb_put_slots(b, 1);
  mn_fb_link(b, mn_fb_slot_of(b, tensor, TFM_TENSOR_FILES), files);
  mn_fb_put_slot(b, TFM_FILE_NAME);
  mn_fb_put_u8(b, TFM_FILE_TYPE, TFM_FILE_AXIS_LABELS);
  size_t file = mn_fb_put_table(b);
  mn_fb_link(b, files + 4, file);
  mn_fb_link(b, mn_fb_slot_of(b, file, TFM_FILE_NAME),
             mn_fb_put_string(b, MN_TFLITE_LABELS_FILE, strlen(MN_TFLITE_LABELS_FILE)));
}

mn_status mn_tflite_save_metadata(const mn_graph *graph, mn_fb_builder *metadata, mn_error *err) {
  float mean[3], std[3];
  bool input = graph->has_contract && normalization_of(&graph->contract, mean, std);
  bool output = graph->contract.labels.count > 0;
  if (!input && !output) return MN_OK;
  mn_fb_build_begin(metadata, MN_TFLITE_METADATA_IDENTIFIER);
  mn_fb_put_slot(metadata, TFM_MODEL_SUBGRAPHS);
  size_t root = mn_fb_put_table(metadata);
  mn_fb_link(metadata, 0, root);
  size_t subgraphs = mn_fb_put_slots(metadata, 1);
  mn_fb_link(metadata, mn_fb_slot_of(metadata, root, TFM_MODEL_SUBGRAPHS), subgraphs);
  if (input) mn_fb_put_slot(metadata, TFM_SUBGRAPH_INPUTS);
  if (output) mn_fb_put_slot(metadata, TFM_SUBGRAPH_OUTPUTS);
  size_t subgraph = mn_fb_put_table(metadata);
  mn_fb_link(metadata, subgraphs + 4, subgraph);
  if (input) {
    put_input(metadata, mn_fb_slot_of(metadata, subgraph, TFM_SUBGRAPH_INPUTS), mean, std);
  }
  if (output) put_output(metadata, mn_fb_slot_of(metadata, subgraph, TFM_SUBGRAPH_OUTPUTS));
  return metadata->failed ? mn_fail_memory(err, metadata->size) : MN_OK;
}

/* The names, one a line; NULL when out of memory. */
static char *join_labels(const mn_contract *contract, mn_arena *arena, size_t *size) {
  *size = 0;
  for (int32_t i = 0; i < contract->labels.count; i++) {
    size_t length = strlen(contract->labels.names[i]);
    if (!mn_add_size(*size, length, size) || !mn_add_size(*size, 1, size)) return NULL;
  }
  char *text = mn_arena_take(arena, *size), *at = text;
  for (int32_t i = 0; text && i < contract->labels.count; i++) {
    size_t length = strlen(contract->labels.names[i]);
    memcpy(at, contract->labels.names[i], length);
    at[length] = '\n';
    at += length + 1;
  }
  return text;
}

mn_status mn_tflite_save_labels(const mn_graph *graph, size_t offset, mn_arena *arena,
                                uint8_t **tail, size_t *bytes, mn_error *err) {
  *tail = NULL;
  *bytes = 0;
  if (graph->contract.labels.count == 0) return MN_OK;
  mn_zip_entry entry = {.name = MN_TFLITE_LABELS_FILE,
                        .name_length = strlen(MN_TFLITE_LABELS_FILE)};
  entry.data = (uint8_t *)join_labels(&graph->contract, arena, &entry.size);
  if (!entry.data) return mn_fail_memory(err, entry.size);
  if (entry.size > INT32_MAX / 2) {
    return mn_fail(err, MN_ERR_UNSUPPORTED, "labels", "%zu bytes are too many", entry.size);
  }
  *bytes = mn_zip_tail_bytes(entry.name_length, entry.size);
  *tail = mn_arena_take(arena, *bytes);
  if (!*tail) return mn_fail_memory(err, *bytes);
  mn_zip_write_tail(*tail, offset, &entry);
  return MN_OK;
}
