/* SPDX-License-Identifier: Apache-2.0
 * What the operators of a TFLite file have in common: their inputs, their one output, their fused
 * activation. */
#include "format/tflite/tflite_load.h"

/* Index of the tensor at a position; -1 when absent. */
static int32_t tensor_at(const mn_tflite_op *op, uint32_t position) {
  if (position >= op->in.count) return -1;
  return mn_fb_vector_i32(&op->loader->fb, &op->in, position);
}

mn_status mn_tflite_input_tensor(const mn_tflite_op *op, uint32_t position,
                                 mn_tflite_tensor *tensor) {
  int32_t index = tensor_at(op, position);
  if (index < 0) return mn_tflite_fail(op, MN_ERR_FORMAT, "its input %u is missing", position);
  return mn_tflite_read_tensor(op->loader, index, tensor);
}

static mn_status output_tensor_at(const mn_tflite_op *op, uint32_t position,
                                  mn_tflite_tensor *tensor) {
  int32_t index = mn_fb_vector_i32(&op->loader->fb, &op->out, position);
  return mn_tflite_read_tensor(op->loader, index, tensor);
}

mn_status mn_tflite_output_tensor(const mn_tflite_op *op, mn_tflite_tensor *tensor) {
  return output_tensor_at(op, 0, tensor);
}

mn_status mn_tflite_operand(const mn_tflite_op *op, uint32_t position, mn_id *id) {
  mn_tflite_tensor tensor;
  mn_status status = mn_tflite_input_tensor(op, position, &tensor);
  if (status) return status;
  *id = op->loader->values[tensor.index];
  if (*id != MN_NONE) return MN_OK;
  if (!tensor.data) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "it reads tensor %u, which nothing before it writes",
                          tensor.index);
  }
  return mn_tflite_make_value(op->loader, &tensor, id);
}

mn_status mn_tflite_optional(const mn_tflite_op *op, uint32_t position, mn_id *id) {
  *id = MN_NONE;
  return tensor_at(op, position) < 0 ? MN_OK : mn_tflite_operand(op, position, id);
}

mn_status mn_tflite_integers(const mn_tflite_op *op, uint32_t position, int32_t *list,
                             int32_t capacity, int32_t *count) {
  mn_tflite_tensor tensor;
  mn_status status = mn_tflite_input_tensor(op, position, &tensor);
  if (status) return status;
  if (tensor.type != MN_I32 && tensor.type != MN_I64) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "its input %u has type %s, expected integers",
                          position, mn_type_name(tensor.type));
  }
  if (!tensor.data) {
    return mn_tflite_fail(op, MN_ERR_UNSUPPORTED,
                          "its input %u is computed, which is supported for constants only",
                          position);
  }
  size_t width = mn_type_bytes(tensor.type), elements = tensor.bytes / width;
  if (tensor.bytes % width || elements > (size_t)capacity) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "its input %u has %zu bytes, expected at most %zu",
                          position, tensor.bytes, (size_t)capacity * width);
  }
  mn_flatbuffer constant = {.bytes = tensor.data, .size = tensor.bytes};
  mn_fb_vector elements_of = {.at = 0, .count = (uint32_t)elements, .present = true};
  for (uint32_t i = 0; i < elements; i++) {
    int64_t value = width == 4 ? mn_fb_vector_i32(&constant, &elements_of, i)
                               : mn_fb_vector_i64(&constant, &elements_of, i);
    if (value < INT32_MIN || value > INT32_MAX) {
      return mn_tflite_fail(op, MN_ERR_FORMAT, "its input %u holds a number out of range",
                            position);
    }
    list[i] = (int32_t)value;
  }
  *count = (int32_t)elements;
  return MN_OK;
}

mn_status mn_tflite_activation(const mn_tflite_op *op, uint32_t field, mn_act *act) {
  int8_t code = mn_fb_i8(&op->loader->fb, &op->options, field, TFL_ACT_NONE);
  switch (code) {
    case TFL_ACT_NONE: *act = MN_ACT_NONE; return MN_OK;
    case TFL_ACT_RELU: *act = MN_ACT_RELU; return MN_OK;
    case TFL_ACT_RELU_N1_TO_1: *act = MN_ACT_RELU_N1_TO_1; return MN_OK;
    case TFL_ACT_RELU6: *act = MN_ACT_RELU6; return MN_OK;
    default:
      return mn_tflite_fail(op, MN_ERR_UNSUPPORTED,
                            "its fused activation %d is not none, RELU, RELU6 or RELU_N1_TO_1",
                            code);
  }
}

static mn_status make_output(const mn_tflite_op *op, uint32_t position, mn_id *out) {
  mn_tflite_loader *loader = op->loader;
  mn_tflite_tensor tensor;
  mn_status status = output_tensor_at(op, position, &tensor);
  if (status) return status;
  if (loader->values[tensor.index] != MN_NONE || tensor.data) {
    return mn_tflite_fail(op, MN_ERR_FORMAT, "it writes tensor %u, which already has a value",
                          tensor.index);
  }
  return mn_tflite_make_value(loader, &tensor, out);
}

mn_status mn_tflite_emit(const mn_tflite_op *op, mn_op kind, const mn_id *in, int32_t in_count,
                         const mn_attr *attr) {
  mn_tflite_loader *loader = op->loader;
  mn_id out[MN_MAX_OUT];
  int32_t outputs = mn_op_outputs(kind);
  mn_status status = MN_OK;
  for (int32_t i = 0; i < outputs && !status; i++) {
    status = make_output(op, (uint32_t)i, &out[i]);
  }
  if (!status) status = mn_tflite_check(loader, sizeof(mn_node) + (size_t)in_count * sizeof *in);
  if (status) return status;
  mn_graph *graph = loader->graph;
  const char *name = graph->values[out[0]].name;
  mn_id node = mn_graph_add_node(graph, kind, name, in, in_count, out, outputs);
  if (node == MN_NONE) return mn_fail_memory(loader->err, sizeof(mn_node));
  if (attr) graph->nodes[node].attr = *attr;
  return MN_OK;
}
