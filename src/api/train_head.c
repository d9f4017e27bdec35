/* SPDX-License-Identifier: Apache-2.0
 * Which task a training is for, and its network before it is trained: the start with the data's
 * classes, or a head of the task's on the start's features. */
#include <string.h>

#include "api/training.h"
#include "format/format.h"
#include "train/head.h"

static mn_status find_head(mn_head *head, const char *name, mn_error *err) {
  if (mn_head_find(head, name)) return MN_OK;
  return mn_fail(err, MN_ERR_ARGUMENT, "head",
                 "'%s' is none: expected ssd, ssdlite, lraspp, deeplab or deeplab-aspp", name);
}

/* A detector that is not decoded says so by its outputs alone. */
static mn_task task_of_model(const mn_model *model) {
  mn_contract_facts facts;
  if (model->graph.has_contract && model->graph.contract.task != MN_TASK_NONE) {
    return model->graph.contract.task;
  }
  mn_format_facts(&model->graph, &facts);
  return facts.task;
}

mn_status mn_training_find_task(const mn_train_task **out, const mn_model *start, const char *head,
                                mn_error *err) {
  mn_task task = task_of_model(start);
  mn_head kind;
  if (head) {
    mn_status status = find_head(&kind, head, err);
    if (status) return status;
    task = mn_head_detects(kind) ? MN_TASK_DETECT : MN_TASK_SEGMENT;
  }
  *out = task == MN_TASK_DETECT    ? &mn_train_boxes
         : task == MN_TASK_SEGMENT ? &mn_train_masks
                                   : &mn_train_classes;
  return MN_OK;
}

/* The width multiplier that the first layer tells: 32 channels at width 1. */
static double width_of(const mn_graph *graph) {
  for (int32_t n = 0; n < graph->node_count; n++) {
    const mn_node *node = &graph->nodes[n];
    if (node->op != MN_OP_CONV2D) continue;
    const double width = graph->values[node->in[1]].shape.dim[0] / 32.0;
    return width > 1 ? 1 : width;
  }
  return 1;
}

/* Predictors at TensorFlow's anchors; maps enlarged by pixel centres. */
static mn_status graft(mn_training *t, const mn_model *start, int32_t classes, mn_error *err) {
  mn_arch arch = {.width = width_of(&start->graph), .classes = classes, .output_stride = 16};
  mn_status status = find_head(&arch.head, t->options.head, err);
  if (status) return status;
  const char *flavour = mn_head_detects(arch.head) ? "tf" : "torchvision";
  mn_flavour_find(&arch.flavour, flavour, MN_FAMILY_V1);
  return mn_head_graft(&t->graph, &start->graph, &arch, t->options.seed, &t->head, err);
}

mn_status mn_training_make_head(mn_training *t, const mn_model *start, int32_t classes,
                                mn_error *err) {
  t->anew = true;
  if (t->options.head) return graft(t, start, classes, err);
  mn_status status = mn_head_rename(&t->graph, &start->graph, classes, t->options.seed,
                                    t->options.fine_tune, &t->head, err);
  if (!status && !t->options.fine_tune) {
    const bool masks = t->task == &mn_train_masks;
    status =
        mn_head_begin(&t->graph, masks ? MN_HEAD_BY_INPUTS : MN_HEAD_QUIET, t->options.seed, err);
  }
  if (!status) t->anew = !t->options.fine_tune || t->head <= t->graph.node_count;
  return status;
}
