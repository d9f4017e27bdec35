/* SPDX-License-Identifier: Apache-2.0
 * Opening models and describing them. */
#include "api/model.h"

#include <string.h>

#include "base/alloc.h"
#include "base/struct_size.h"
#include "format/format.h"

static const uint64_t default_memory_cap = (uint64_t)1 << 31;

mn_open_options mn_model_read_options(const mn_open_options *options) {
  mn_open_options used;
  mn_options_read(&used, sizeof used, options);
  if (used.memory_cap == 0) used.memory_cap = default_memory_cap;
  return used;
}

static mn_status load(mn_model *model, const mn_load_request *request,
                      const mn_open_options *options, mn_error *err) {
  mn_contract_facts facts = {0};
  mn_graph_init(&model->graph);
  mn_status status = mn_format_load(&model->graph, request, &facts, err);
  if (!status) status = mn_graph_verify(&model->graph, err);
  if (!status) status = mn_model_settle_contract(model, options, &facts, err);
  if (!status && model->graph.open_size) {
    mn_fail(&model->no_size, MN_ERR_CONTRACT, NULL,
            "the file leaves the height and width of its input open, so that a picture cannot be "
            "brought to its size: say them (--size HxW; height and width of the plan's options)");
  }
  return mn_error_at(err, status, request->name);
}

mn_status mn_model_open(mn_model **out, const char *path, const mn_open_options *options,
                        mn_error *err) {
  *out = NULL;
  mn_error_clear(err);
  mn_open_options used = mn_model_read_options(options);
  mn_model *model = mn_alloc_zero(sizeof *model);
  if (!model) return mn_fail_memory(err, sizeof *model);
  mn_status status = mn_file_map(&model->file, path, err);
  if (!status) {
    mn_load_request request = {model->file.bytes, model->file.size, path, used.memory_cap, path};
    status = load(model, &request, &used, err);
  }
  if (status) {
    mn_model_free(model);
    return status;
  }
  *out = model;
  return MN_OK;
}

mn_status mn_model_open_memory(mn_model **out, const void *bytes, size_t size,
                               const mn_open_options *options, mn_error *err) {
  *out = NULL;
  mn_error_clear(err);
  mn_open_options used = mn_model_read_options(options);
  mn_model *model = mn_alloc_zero(sizeof *model);
  if (!model) return mn_fail_memory(err, sizeof *model);
  mn_load_request request = {bytes, size, "model in memory", used.memory_cap, NULL};
  mn_status status = load(model, &request, &used, err);
  if (status) {
    mn_model_free(model);
    return status;
  }
  *out = model;
  return MN_OK;
}

void mn_model_free(mn_model *model) {
  if (!model) return;
  mn_graph_free(&model->graph);
  mn_file_close(&model->file);
  mn_free(model);
}

/* ---- Describing ------------------------------------------------------------------------------ */

static void value_info(const mn_value *value, mn_tensor_info *info) {
  int32_t elements = 0;
  memset(info, 0, sizeof *info);
  mn_shape_elements(&value->shape, &elements);
  info->name = value->name;
  info->type = value->type;
  info->rank = value->shape.rank;
  for (int32_t i = 0; i < value->shape.rank; i++) info->dims[i] = value->shape.dim[i];
  info->bytes = (size_t)elements * mn_type_bytes(value->type);
  if (value->quant.count == 1) {
    info->scale = value->quant.scale[0];
    info->zero_point = value->quant.zero[0];
  }
}

int mn_model_input_count(const mn_model *model) { return model->graph.input_count; }

int mn_model_output_count(const mn_model *model) { return model->graph.output_count; }

mn_status mn_model_input_info(const mn_model *model, int index, mn_tensor_info *info) {
  if (index < 0 || index >= model->graph.input_count) return MN_ERR_ARGUMENT;
  value_info(&model->graph.values[model->graph.inputs[index]], info);
  return MN_OK;
}

mn_status mn_model_output_info(const mn_model *model, int index, mn_tensor_info *info) {
  if (index < 0 || index >= model->graph.output_count) return MN_ERR_ARGUMENT;
  value_info(&model->graph.values[model->graph.outputs[index]], info);
  return MN_OK;
}

int mn_model_label_count(const mn_model *model) { return model->graph.contract.labels.count; }

const char *mn_model_label(const mn_model *model, int index) {
  const mn_contract *contract = &model->graph.contract;
  bool valid = index >= 0 && index < contract->labels.count;
  return valid ? contract->labels.names[index] : NULL;
}

const char *mn_model_contract(const mn_model *model) { return model->contract_json; }
const char *mn_model_training(const mn_model *model) { return model->graph.training; }

const char *mn_model_assumptions(const mn_model *model) { return model->assumptions; }

/* The model's own shapes, as an array that costs can be taken over; mn_free it. */
static mn_shape *own_shapes(const mn_graph *graph) {
  mn_shape *shapes = mn_alloc((size_t)graph->value_count * sizeof *shapes);
  for (int32_t i = 0; shapes && i < graph->value_count; i++) shapes[i] = graph->values[i].shape;
  return shapes;
}

mn_status mn_model_summarize(const mn_model *model, mn_model_summary *summary, mn_error *err) {
  const mn_graph *graph = &model->graph;
  memset(summary, 0, sizeof *summary);
  mn_error_clear(err);
  mn_shape *shapes = own_shapes(graph);
  if (!shapes) return mn_fail_memory(err, (size_t)graph->value_count * sizeof *shapes);
  summary->node_count = graph->node_count;
  for (mn_id node = 0; node < graph->node_count; node++) {
    mn_cost cost = mn_node_cost(graph, node, shapes);
    summary->macs += cost.macs;
    summary->params += cost.params;
  }
  mn_free(shapes);
  for (int32_t i = 0; i < graph->value_count; i++) {
    const mn_value *value = &graph->values[i];
    if (value->kind == MN_KIND_CONST) summary->weights_bytes += value->bytes;
    if (value->kind == MN_KIND_TEMP && (value->type == MN_U8 || value->type == MN_I8)) {
      summary->arithmetic = mn_arithmetic_name(graph->arithmetic);
    }
  }
  return MN_OK;
}

mn_status mn_model_layer(const mn_model *model, int index, mn_layer_info *info) {
  const mn_graph *graph = &model->graph;
  if (index < 0 || index >= graph->node_count) return MN_ERR_ARGUMENT;
  const mn_node *node = &graph->nodes[index];
  mn_shape *shapes = own_shapes(graph);
  if (!shapes) return MN_ERR_MEMORY;
  mn_cost cost = mn_node_cost(graph, index, shapes);
  mn_free(shapes);
  *info = (mn_layer_info){
      .name = node->name, .op = mn_op_name(node->op), .params = cost.params, .macs = cost.macs};
  value_info(&graph->values[node->out[0]], &info->output);
  return MN_OK;
}
