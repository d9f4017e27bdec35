/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a native model file. What loads and verifies must save, and load again as the same
 * file; and the passes must make a graph of it that verifies. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "format/format.h"
#include "passes/passes.h"

static int load(mn_graph *graph, const uint8_t *bytes, size_t size) {
  mn_load_request request = {bytes, size, "input", 64 << 20, NULL};
  mn_error err = {0};
  mn_status status = mn_safetensors_load(graph, &request, &err);
  if (!status) status = mn_graph_verify(graph, &err);
  if (status && err.text[0] == '\0') abort(); /* a refusal says why */
  return status == MN_OK;
}

static void save(const mn_graph *graph, uint8_t **bytes, size_t *size) {
  mn_error err = {0};
  if (mn_safetensors_save(graph, bytes, size, &err)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  mn_graph graph, back;
  uint8_t *saved, *again;
  size_t saved_size, again_size;
  if (load(&graph, bytes, size)) {
    save(&graph, &saved, &saved_size);
    if (!load(&back, saved, saved_size)) abort();
    save(&back, &again, &again_size);
    if (saved_size != again_size || memcmp(saved, again, saved_size) != 0) abort();
    mn_free(again);
    mn_error err = {0};
    if (mn_passes_run(&back, &err)) abort();
    mn_graph_free(&back);
    mn_free(saved);
  }
  mn_graph_free(&graph);
  return 0;
}
