/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a TFLite file: it loads and verifies, or is refused with a sentence. */
#include <stdlib.h>

#include "format/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  mn_load_request request = {bytes, size, "input", 64 << 20, NULL};
  mn_contract_facts facts;
  mn_graph graph;
  mn_error err = {0};
  mn_status status = mn_tflite_load(&graph, &request, &facts, &err);
  if (!status) status = mn_graph_verify(&graph, &err);
  if (status && err.text[0] == '\0') abort(); /* a refusal says why */
  mn_graph_free(&graph);
  return 0;
}
