/* SPDX-License-Identifier: Apache-2.0
 * tiny_net.h as a whole model, with a contract and labels, and as a native file. */
#ifndef MN_TESTS_TINY_MODEL_H
#define MN_TESTS_TINY_MODEL_H

#include <stdio.h>
#include <stdlib.h>

#include "format/format.h"
#include "tiny_net.h"

enum { TINY_SIZE = 16, TINY_CLASSES = 5 };

static inline void tiny_must(bool fine, const char *what) {
  if (fine) return;
  fprintf(stderr, "tiny model: %s\n", what);
  exit(1);
}

/* Verified; `graph` is freed by the caller. */
static inline void tiny_model(mn_graph *graph, mn_type type) {
  static const char *const names[TINY_CLASSES] = {"oak", "elm", "ash", "fir", "yew"};
  mn_error err = {MN_OK, "", "out of memory"};
  tiny_must(tiny_net_build(graph, type, TINY_SIZE), err.text);
  mn_contract *contract = &graph->contract;
  contract->task = MN_TASK_CLASSIFY;
  contract->input.map = MN_MAP_AFFINE;
  for (int i = 0; i < 3; i++) contract->input.scale[i] = 1.0 / 255;
  contract->labels.names = names;
  contract->labels.count = TINY_CLASSES;
  contract->labels.background = -1;
  contract->score = MN_SCORE_NONE;
  graph->has_contract = true;
  tiny_must(mn_graph_verify(graph, &err) == MN_OK, err.text);
}

/* *bytes is freed with mn_free. */
static inline void tiny_file(mn_type type, uint8_t **bytes, size_t *size) {
  mn_graph graph;
  mn_error err = {MN_OK, "", ""};
  tiny_model(&graph, type);
  tiny_must(mn_safetensors_save(&graph, bytes, size, &err) == MN_OK, err.text);
  mn_graph_free(&graph);
}

#endif
