/* SPDX-License-Identifier: Apache-2.0
 * The real classes of a classifier: its outputs without the background. */
#include "api/model.h"

/* The output index of a real class. */
static int32_t output_of_class(const mn_contract *contract, int32_t class_index) {
  const int32_t background = contract->labels.background;
  return class_index + (background >= 0 && class_index >= background);
}

int mn_model_class_count(const mn_model *model) {
  const mn_graph *graph = &model->graph;
  int32_t elements;
  if (!graph->has_contract || graph->contract.task != MN_TASK_CLASSIFY) return 0;
  const mn_shape *shape = &graph->values[graph->outputs[0]].shape;
  if (shape->rank < 1 || !mn_shape_elements(shape, &elements)) return 0;
  const int32_t outputs = elements / shape->dim[0];
  const int32_t background = graph->contract.labels.background;
  return outputs - (background >= 0 && background < outputs);
}

const char *mn_model_class_label(const mn_model *model, int class_index) {
  const mn_contract *contract = &model->graph.contract;
  if (class_index < 0 || class_index >= mn_model_class_count(model)) return NULL;
  const int32_t output = output_of_class(contract, class_index);
  return output < contract->labels.count ? contract->labels.names[output] : NULL;
}
