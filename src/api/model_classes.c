/* SPDX-License-Identifier: Apache-2.0
 * What a model is for, and its real classes: its outputs without the background. */
#include "api/model.h"

mn_task mn_model_task(const mn_model *model) {
  return model->graph.has_contract ? model->graph.contract.task : MN_TASK_NONE;
}

/* The output index of a real class. */
static int32_t output_of_class(const mn_contract *contract, int32_t class_index) {
  const int32_t background = contract->labels.background;
  return class_index + (background >= 0 && class_index >= background);
}

/* Outputs that stand for a class or the background: scores of a picture or pixel, or what a
 * detector tells apart. */
static int32_t class_outputs(const mn_graph *graph) {
  if (graph->contract.task == MN_TASK_SEGMENT) return mn_graph_mask_classes(graph);
  const mn_id first = graph->outputs[0];
  for (int32_t i = graph->node_count - 1; i >= 0; i--) {
    const mn_node *node = &graph->nodes[i];
    if (node->out[0] == first && node->op == MN_OP_SSD_DETECT) return node->attr.ssd_detect.classes;
  }
  const mn_shape *shape = &graph->values[first].shape;
  return shape->rank < 1 ? 0 : shape->dim[shape->rank - 1];
}

int mn_model_class_count(const mn_model *model) {
  const mn_graph *graph = &model->graph;
  if (mn_model_task(model) == MN_TASK_NONE) return 0;
  const int32_t outputs = class_outputs(graph);
  const int32_t background = graph->contract.labels.background;
  return outputs - (background >= 0 && background < outputs);
}

const char *mn_model_class_label(const mn_model *model, int class_index) {
  const mn_contract *contract = &model->graph.contract;
  if (class_index < 0 || class_index >= mn_model_class_count(model)) return NULL;
  const int32_t output = output_of_class(contract, class_index);
  return output < contract->labels.count ? contract->labels.names[output] : NULL;
}

int mn_model_ignored_class(const mn_model *model) {
  return model->graph.has_contract ? model->graph.contract.segment.ignore : -1;
}
