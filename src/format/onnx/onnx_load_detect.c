/* SPDX-License-Identifier: Apache-2.0
 * The detector that our writer leaves at the end of a file: an operator of our own domain with the
 * attributes of ssd_detect. The function that defines it for others is not read. */
#include "base/checked.h"
#include "format/onnx/onnx_load.h"

enum { OUTPUTS = 4 };

static int32_t whole(const mn_onnx_op *op, const char *name) {
  int64_t value = mn_onnx_int(op, name, 0);
  return value < 0 || value > INT32_MAX ? 0 : (int32_t)value; /* 0 is out of range or off */
}

/* What is out of range is refused when the graph is verified. */
static void read_attributes(const mn_onnx_op *op, mn_attr *attr) {
  attr->ssd_detect.detections = whole(op, "detections");
  attr->ssd_detect.classes = whole(op, "classes");
  attr->ssd_detect.per_anchor = whole(op, "per_anchor");
  attr->ssd_detect.per_class = whole(op, "per_class");
  attr->ssd_detect.candidates = whole(op, "candidates");
  attr->ssd_detect.regular = whole(op, "regular") != 0;
  attr->ssd_detect.torch_boxes = whole(op, "torch_boxes") != 0;
  attr->ssd_detect.score_threshold = mn_onnx_float(op, "score_threshold", 0);
  attr->ssd_detect.iou_threshold = mn_onnx_float(op, "iou_threshold", 0);
  mn_onnx_floats(op, "scale", attr->ssd_detect.scale, 4);
}

static mn_status read_inputs(const mn_onnx_op *detect, mn_id in[3]) {
  mn_onnx_op one = *detect, *op = &one;
  mn_onnx_tensor *x;
  mn_status status = MN_OK;
  one.out_count = 1; /* what turns codes into floats on the way has its name from the first */
  for (int32_t i = 0; i < 2 && !status; i++) {
    status = mn_onnx_operand(op, i, &x);
    if (!status && (x->channels_last || x->flat.rank)) {
      return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "its input %d is not a table of boxes", i);
    }
    if (!status) in[i] = x->id;
  }
  if (!status) status = mn_onnx_input(op, 2, &x);
  if (status) return status;
  mn_onnx_form form = mn_onnx_as_is(&x->shape);
  return mn_onnx_constant(op, 2, &form, &in[2]);
}

static mn_status add_outputs(const mn_onnx_op *op, mn_onnx_tensor *outputs[OUTPUTS],
                             mn_id out[OUTPUTS]) {
  char name[MN_ONNX_NAME_BYTES];
  mn_status status = MN_OK;
  for (int32_t i = 0; i < OUTPUTS && !status; i++) {
    outputs[i] = mn_onnx_find(op->loader, op->out[i]);
    if (!outputs[i] || outputs[i]->kind != MN_ONNX_UNWRITTEN) {
      return mn_onnx_fail(op, MN_ERR_FORMAT, "its output %d is missing or written already", i);
    }
    mn_onnx_make_name(op->loader, outputs[i], name);
    status = mn_onnx_add_value(op->loader, name, &(mn_shape){0, {0}}, &out[i]);
    outputs[i]->kind = MN_ONNX_VALUE;
  }
  return status;
}

mn_status mn_onnx_load_detect(const mn_onnx_op *op) {
  mn_onnx_loader *loader = op->loader;
  mn_graph *graph = loader->graph;
  mn_onnx_tensor *outputs[OUTPUTS];
  mn_id in[3], out[OUTPUTS];
  if (!mn_pb_equal(op->type, MN_ONNX_DETECT) || op->in_count != 3 || op->out_count != OUTPUTS) {
    return mn_onnx_fail(op, MN_ERR_UNSUPPORTED, "this operator is not supported");
  }
  mn_status status = read_inputs(op, in);
  if (!status) status = add_outputs(op, outputs, out);
  if (!status) status = mn_onnx_check(loader, sizeof(mn_node) + sizeof in);
  if (status) return status;
  mn_id node =
      mn_graph_add_node(graph, MN_OP_SSD_DETECT, graph->values[out[0]].name, in, 3, out, OUTPUTS);
  if (node == MN_NONE) return mn_fail_memory(loader->err, sizeof(mn_node));
  read_attributes(op, &graph->nodes[node].attr);
  status = mn_graph_infer_node(graph, node, loader->shapes, loader->err);
  for (int32_t i = 0; i < OUTPUTS && !status; i++) {
    outputs[i]->id = out[i];
    outputs[i]->data_type = ONNX_FLOAT;
    outputs[i]->shape = graph->values[out[i]].shape = loader->shapes[out[i]];
  }
  return status ? status : mn_onnx_check(loader, 0);
}
