/* SPDX-License-Identifier: Apache-2.0
 * Which contract a model gets. In this order: what the caller says, what the file carries, what can
 * be told from the file without doubt (docs/contract.md). */
#include <string.h>

#include "api/model.h"
#include "passes/passes.h"

/* JSON that names no labels leaves those that the file carries. */
static mn_status apply_json(mn_contract *contract, const char *text, mn_arena *arena,
                            mn_error *err) {
  const unsigned about_labels = MN_ASSUMED_LABELS | MN_ASSUMED_BACKGROUND;
  mn_contract before = *contract;
  mn_status status = mn_contract_from_json(contract, text, strlen(text), arena, err);
  if (!status && contract->labels.count == 0 && before.labels.count > 0) {
    contract->labels = before.labels;
    contract->assumed &= ~about_labels;
    contract->assumed |= before.assumed & about_labels;
  }
  return status;
}

static mn_status apply_stated(mn_contract *contract, const char *stated, mn_arena *arena,
                              mn_error *err) {
  static const char byte_order_mark[] = "\xEF\xBB\xBF";
  bool marked = strncmp(stated, byte_order_mark, 3) == 0;
  const char *text = stated + (marked ? 3 : 0);
  text += strspn(text, " \t\r\n");
  if (text[0] == '{') return apply_json(contract, text, arena, err);
  return mn_contract_preset(contract, stated, err);
}

static mn_status settle(mn_model *model, const mn_open_options *options, mn_contract_facts *facts,
                        mn_error *err) {
  mn_graph *graph = &model->graph;
  mn_contract *contract = &graph->contract;
  bool stated = graph->has_contract || options->contract;
  mn_status status = MN_OK;
  if (options->contract) status = apply_stated(contract, options->contract, &graph->arena, err);
  if (!status && options->labels) {
    status = mn_contract_set_labels(contract, options->labels, strlen(options->labels),
                                    &graph->arena, err);
  }
  if (!status && options->anchors) {
    status = mn_contract_set_anchors(contract, options->anchors, &graph->arena, err);
  }
  if (status) return status;
  status = mn_contract_derive(contract, facts, &graph->arena, &model->no_contract);
  graph->has_contract = status == MN_OK;
  if (status && (status == MN_ERR_MEMORY || stated || options->labels || options->anchors)) {
    if (err) *err = model->no_contract;
    return status;
  }
  return MN_OK; /* a model without one opens; what needs it says no_contract */
}

/* A raw SSD head whose anchors are known now ends in detections. */
static mn_status complete_detector(mn_graph *graph, mn_error *err) {
  if (graph->contract.task != MN_TASK_DETECT) return MN_OK;
  if (graph->contract.detect.anchors == MN_ANCHORS_IN_GRAPH) return MN_OK;
  mn_status status = mn_pass_append_detector(graph, err);
  return status ? status : mn_graph_verify(graph, err);
}

mn_status mn_model_settle_contract(mn_model *model, const mn_open_options *options,
                                   mn_contract_facts *facts, mn_error *err) {
  mn_graph *graph = &model->graph;
  mn_status status = settle(model, options, facts, err);
  if (status || !graph->has_contract) return status;
  status = complete_detector(graph, err);
  if (status) return status;
  model->contract_json = mn_contract_to_json(&graph->contract, &graph->arena);
  if (!model->contract_json) return mn_fail_memory(err, 0);
  if (graph->contract.assumed) {
    model->assumptions = mn_contract_assumptions(&graph->contract, &graph->arena);
  }
  return MN_OK;
}
