/* SPDX-License-Identifier: Apache-2.0
 * File formats: told by content, one loader and one saver each. A loader fills a zero-initialized
 * graph from bytes that outlive it (constants are borrowed from them where aligned, else copied)
 * and trusts nothing in them; the caller verifies the graph afterwards. */
#ifndef MN_FORMAT_FORMAT_H
#define MN_FORMAT_FORMAT_H

#include "graph/graph.h"

typedef struct mn_load_request {
  const uint8_t *bytes;
  size_t size;
  const char *name;    /* for messages */
  uint64_t memory_cap; /* on everything the loader allocates */
  const char *path;    /* of the file, for weights in a second one; NULL: there is none */
} mn_load_request;

/* Sniffs and dispatches. Error: FORMAT, naming what it looks like when it is known. Sets
 * graph->has_contract when the file carries one; fills `facts` with what it shows otherwise. */
mn_status mn_format_load(mn_graph *graph, const mn_load_request *request, mn_contract_facts *facts,
                         mn_error *err);

/* What a loaded graph shows of its contract; a loader adds what its file says besides. */
void mn_format_facts(const mn_graph *graph, mn_contract_facts *facts);

mn_status mn_tflite_load(mn_graph *graph, const mn_load_request *request, mn_contract_facts *facts,
                         mn_error *err);
mn_status mn_onnx_load(mn_graph *graph, const mn_load_request *request, mn_error *err);
mn_status mn_safetensors_load(mn_graph *graph, const mn_load_request *request, mn_error *err);

/* Whole files in memory; *bytes is freed with mn_free. Same graph, same bytes. */
mn_status mn_tflite_save(const mn_graph *graph, uint8_t **bytes, size_t *size, mn_error *err);
mn_status mn_onnx_save(const mn_graph *graph, uint8_t **bytes, size_t *size, mn_error *err);
mn_status mn_safetensors_save(const mn_graph *graph, uint8_t **bytes, size_t *size, mn_error *err);

#endif
