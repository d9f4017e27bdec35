/* SPDX-License-Identifier: Apache-2.0
 * The public model: a graph, the file it borrows from, and its contract as text. */
#ifndef MN_API_MODEL_H
#define MN_API_MODEL_H

#include "base/file.h"
#include "graph/graph.h"

struct mn_model {
  mn_file file;
  mn_graph graph;
  mn_error no_contract; /* why there is none, when there is none */
  mn_error no_size;     /* why a plan without a size takes no pictures, when it takes none */
  char *contract_json;  /* in the graph's arena; NULL when there is none */
  char *assumptions;    /* likewise */
};

/* The caller's options, or defaults where it left them out. */
mn_open_options mn_model_read_options(const mn_open_options *options);

/* Settles a freshly loaded model's contract: the options', the file's own, or what `facts` show.
 * A model without one still opens; what needs the contract then says no_contract. */
mn_status mn_model_settle_contract(mn_model *model, const mn_open_options *options,
                                   mn_contract_facts *facts, mn_error *err);

#endif
