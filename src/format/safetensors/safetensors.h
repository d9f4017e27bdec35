/* SPDX-License-Identifier: Apache-2.0
 * What the native file's reader and writer share: key names, limits and the attribute members that
 * ops.def names. The format itself is in docs/file-format.md. */
#ifndef MN_FORMAT_SAFETENSORS_SAFETENSORS_H
#define MN_FORMAT_SAFETENSORS_SAFETENSORS_H

#include "format/format.h"
#include "wire/json.h"

#define MN_SAFETENSORS_METADATA "__metadata__"
#define MN_SAFETENSORS_FORMAT_KEY "mobilenet.format"
#define MN_SAFETENSORS_GRAPH_KEY "mobilenet.graph"
#define MN_SAFETENSORS_CONTRACT_KEY "mobilenet.contract"
#define MN_SAFETENSORS_TRAINING_KEY "mobilenet.training"

/* Format 2 is format 1 and the graph's key "arithmetic"; a file is written with the lowest number
 * that can say what it must. */
enum { MN_SAFETENSORS_HEADER_CAP = 16 << 20, MN_SAFETENSORS_FORMAT = 2 };

/* ---- Reading: safetensors_load.c finds tensors, safetensors_load_graph.c builds the graph. --- */

/* A tensor of the file; `data` points into the file's bytes, perhaps unaligned. */
typedef struct mn_safetensors_tensor {
  mn_type type;
  mn_shape shape;
  const uint8_t *data;
  size_t bytes;
} mn_safetensors_tensor;

typedef struct mn_safetensors_reader {
  const mn_load_request *request;
  mn_graph *graph;
  mn_arena scratch;      /* JSON trees and look-up tables, freed at the end */
  const mn_json *header; /* the file's header */
  const uint8_t *data;   /* [data_size], behind the header */
  size_t data_size;
  int32_t format; /* that the file states */
  mn_error *err;
} mn_safetensors_reader;

/* Whether the bytes look like a safetensors file. */
bool mn_safetensors_is(const uint8_t *bytes, size_t size);
/* Reads and checks the header and every tensor's place; then the look-ups below are sound. */
mn_status mn_safetensors_begin(mn_safetensors_reader *reader);
/* Whether the metadata holds a network. */
bool mn_safetensors_has_graph(const mn_safetensors_reader *reader);
/* Fails when what both arenas hold, and `more`, is beyond the request's memory cap. */
mn_status mn_safetensors_spend(const mn_safetensors_reader *reader, size_t more);
/* The tensor that the header describes in `entry` (checked when the file was opened). */
mn_safetensors_tensor mn_safetensors_tensor_at(const mn_safetensors_reader *reader,
                                               const mn_json *entry);
mn_status mn_safetensors_load_graph(mn_safetensors_reader *reader, const char *text, size_t length);
/* A node's attributes, missing ones by default. `where` for messages. */
mn_status mn_safetensors_load_attr(mn_attr *attr, mn_op op, const mn_json *json, const char *where,
                                   mn_error *err);
/* A shape of at most MN_MAX_RANK numbers from `least` on. */
bool mn_safetensors_load_shape(mn_shape *shape, const mn_json *json, int32_t least);

/* ---- Writing --------------------------------------------------------------------------------- */

void mn_safetensors_save_graph(mn_json_writer *out, const mn_graph *graph);
void mn_safetensors_save_attr(mn_json_writer *out, const mn_node *node);

#endif
