/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a state dictionary: every tensor's bytes can be read, and a network whose names it
 * has is bound or refused with a sentence. */
#include <stdlib.h>

#include "weights/weights.h"

static uint8_t sink; /* so that reads are not left out */

static void touch(const mn_state_tensor *tensor) {
  int32_t elements = 0;
  if (!mn_shape_elements(&tensor->shape, &elements)) abort();
  size_t bytes = (size_t)elements * mn_type_bytes(tensor->type);
  sink ^= tensor->data[0];
  sink ^= tensor->data[bytes - 1];
}

static mn_status bind(mn_state *state, mn_error *err) {
  mn_arch arch;
  mn_graph graph;
  const mn_weight_names *names = mn_weight_names_find(state);
  if (!names) return MN_OK;
  mn_status status = mn_weights_recognize(state, names, &arch, err);
  if (status) return status;
  status = mn_weights_bind(&graph, state, names, &arch, err);
  if (!status && mn_graph_verify(&graph, err)) abort();
  mn_graph_free(&graph);
  return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  mn_load_request request = {bytes, size, "input", 16 << 20, NULL};
  mn_state state;
  mn_error err = {0};
  mn_status status = mn_state_load(&state, &request, &err);
  for (int32_t i = 0; i < state.count && !status; i++) touch(&state.tensors[i]);
  if (!status) status = bind(&state, &err);
  if (status && err.text[0] == '\0') abort(); /* a refusal says why */
  mn_state_free(&state);
  return 0;
}
