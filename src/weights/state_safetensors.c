/* SPDX-License-Identifier: Apache-2.0
 * Tensors of a safetensors file that carries no network: timm's and torchvision's. The header is
 * checked by the reader of the native format. */
#include <string.h>

#include "format/safetensors/safetensors.h"
#include "weights/state_file.h"

bool mn_state_is_safetensors(const uint8_t *bytes, size_t size) {
  if (!mn_safetensors_is(bytes, size)) return false;
  mn_load_request request = {bytes, size, "", 0, NULL};
  mn_graph graph;
  mn_graph_init(&graph);
  mn_safetensors_reader reader = {.request = &request, .graph = &graph};
  bool bare = mn_safetensors_begin(&reader) == MN_OK && !mn_safetensors_has_graph(&reader);
  mn_arena_free(&reader.scratch);
  return bare;
}

static mn_status add_all(mn_state *state, const mn_safetensors_reader *reader, mn_error *err) {
  mn_status status = MN_OK;
  for (const mn_json *entry = reader->header->first; entry && !status; entry = entry->next) {
    if (strcmp(entry->key, MN_SAFETENSORS_METADATA) == 0) continue;
    mn_safetensors_tensor found = mn_safetensors_tensor_at(reader, entry);
    mn_state_tensor tensor = {entry->key, found.type, found.shape, found.data, false};
    status = mn_state_add(state, &tensor, err);
  }
  return status;
}

mn_status mn_state_load_safetensors(mn_state *state, mn_error *err) {
  mn_graph graph;
  mn_graph_init(&graph);
  mn_safetensors_reader reader = {.request = state->request, .graph = &graph, .err = err};
  mn_status status = mn_safetensors_begin(&reader);
  if (!status && mn_safetensors_has_graph(&reader)) {
    status = mn_fail(err, MN_ERR_ARGUMENT, state->request->name,
                     "it holds a network, expected a state dictionary: mn_model_open reads it");
  }
  if (!status) status = add_all(state, &reader, err);
  mn_arena_free(&reader.scratch);
  return status;
}
