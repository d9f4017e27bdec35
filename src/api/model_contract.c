/* SPDX-License-Identifier: Apache-2.0
 * Which contract a model gets. In this order: what the caller says, what the file carries, what can
 * be told from the file without doubt (docs/contract.md). */
#include <string.h>

#include "api/model.h"

static mn_status apply_stated(mn_contract *contract, const char *stated, mn_arena *arena,
                              mn_error *err) {
  const char *text = stated + strspn(stated, " \t\r\n");
  if (text[0] == '{') return mn_contract_from_json(contract, text, strlen(text), arena, err);
  return mn_contract_preset(contract, stated, err);
}

/* The structure that every format shows; only a loader knows of a stated normalization. */
static void read_facts(const mn_graph *graph, mn_contract_facts *facts) {
  const mn_value *input = &graph->values[graph->inputs[0]];
  const mn_value *output = &graph->values[graph->outputs[0]];
  bool picture = graph->input_count == 1 && input->shape.rank == 4;
  facts->input_type = input->type;
  facts->input_channels = picture ? input->shape.dim[3] : 0;
  facts->input_scale = input->quant.count == 1 ? input->quant.scale[0] : 0;
  facts->input_zero = input->quant.count == 1 ? input->quant.zero[0] : 0;
  facts->output_count = 0;
  facts->output_normalized = false;
  int32_t elements;
  bool row = output->shape.rank >= 1 && mn_shape_elements(&output->shape, &elements) &&
             elements == output->shape.dim[0] * output->shape.dim[output->shape.rank - 1];
  bool scores = output->type == MN_F32 || output->type == MN_U8 || output->type == MN_I8;
  if (row && scores) facts->output_count = output->shape.dim[output->shape.rank - 1];
  for (int32_t n = graph->node_count; n-- > 0 && row;) {
    const mn_node *node = &graph->nodes[n];
    if (node->out[0] != (mn_id)(output - graph->values)) continue;
    bool moves_only =
        node->op == MN_OP_RESHAPE || node->op == MN_OP_QUANTIZE || node->op == MN_OP_DEQUANTIZE;
    facts->output_normalized = node->op == MN_OP_SOFTMAX || node->op == MN_OP_LOGISTIC;
    if (!moves_only) break;
    output = &graph->values[node->in[0]];
  }
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
  if (status) return status;
  read_facts(graph, facts);
  status = mn_contract_derive(contract, facts, &model->no_contract);
  graph->has_contract = status == MN_OK;
  if (status && (stated || options->labels)) {
    if (err) *err = model->no_contract;
    return status;
  }
  return MN_OK; /* a model without one opens; what needs it says no_contract */
}

mn_status mn_model_settle_contract(mn_model *model, const mn_open_options *options,
                                   mn_contract_facts *facts, mn_error *err) {
  mn_graph *graph = &model->graph;
  mn_status status = settle(model, options, facts, err);
  if (status || !graph->has_contract) return status;
  model->contract_json = mn_contract_to_json(&graph->contract, &graph->arena);
  if (!model->contract_json) return mn_fail_memory(err, 0);
  if (graph->contract.assumed) {
    model->assumptions = mn_contract_assumptions(&graph->contract, &graph->arena);
  }
  return MN_OK;
}
