/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as an ONNX file: it loads and verifies, and then the passes make a graph of it that
 * verifies; or it is refused with a sentence. */
#include <stdlib.h>

#include "format/format.h"
#include "passes/passes.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  mn_load_request request = {bytes, size, "input", 64 << 20, NULL};
  mn_graph graph;
  mn_error err = {0};
  mn_status status = mn_onnx_load(&graph, &request, &err);
  if (!status) status = mn_graph_verify(&graph, &err);
  if (status && err.text[0] == '\0') abort(); /* a refusal says why */
  if (!status && mn_passes_run(&graph, &err)) abort();
  mn_graph_free(&graph);
  return 0;
}
